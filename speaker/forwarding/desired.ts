import type { Family } from '#inet/address.ts'
import {
  byCollection,
  collectionNames,
  emptyElements,
  families,
  type ByCollection,
  type Collection,
  type Element,
  type MutableElements,
} from './model.ts'

/** What several owners want. */
interface Shared {
  value: string
  owners: number
}

/** Elements of one owner among which it is worth looking for those that stayed. */
const MANY = 64

/** Keys by family and collection. */
export type Keys = Readonly<ByCollection<Iterable<string>>>

/**
 * What should be in the data plane, put together from what each owner wants. An element that several want (a ClusterIP
 * of two ports, a hairpin entry of two Services) is there as long as one of them does.
 */
export class Desired {
  /** nearly every element has one owner, and then is its value only: there are hundreds of thousands */
  readonly #wanted = byCollection(() => new Map<string, string | Shared>())
  readonly #owners = new Map<string, readonly Element[]>()
  #touched = byCollection(() => new Set<string>())

  /**
   * Replaces everything that an owner wants; elements that are the same objects as before cost next to nothing.
   * Without `touch`, before a comparison of everything, no key is noted.
   */
  set(owner: string, elements: readonly Element[], touch = true): void {
    const previous = this.#owners.get(owner) ?? []
    const gone = previous.length > MANY ? new Set(previous) : undefined
    for (const element of elements) {
      if (gone?.delete(element) === true) continue
      const { family, collection, key, value } = element
      const wanted = this.#wanted[family][collection]
      const known = wanted.get(key)
      if (known === undefined) wanted.set(key, value)
      else if (typeof known === 'string') wanted.set(key, { value, owners: 2 })
      else {
        known.owners++
        known.value = value
      }
      if (touch) this.#touched[family][collection].add(key)
    }
    for (const { family, collection, key } of gone ?? previous) {
      const wanted = this.#wanted[family][collection]
      const known = wanted.get(key)
      if (typeof known === 'string') wanted.delete(key)
      else if (known !== undefined && --known.owners === 1) wanted.set(key, known.value)
      if (touch) this.#touched[family][collection].add(key)
    }
    if (elements.length > 0) this.#owners.set(owner, elements)
    else this.#owners.delete(owner)
  }

  /** What an owner wants, as it was given; [] for one that wants nothing. */
  of(owner: string): readonly Element[] {
    return this.#owners.get(owner) ?? []
  }

  /** Everything that is wanted, each element once. */
  *all(): Generator<Element> {
    for (const family of families) {
      for (const collection of collectionNames) {
        for (const [key, wanted] of this.#wanted[family][collection]) {
          yield { family, collection, key, value: valueOf(wanted) }
        }
      }
    }
  }

  /** The wanted value of a key ('' in sets); undefined when nobody wants it. */
  get(family: Family, collection: Collection, key: string): string | undefined {
    const wanted = this.#wanted[family][collection].get(key)
    return wanted === undefined ? undefined : valueOf(wanted)
  }

  /** The keys that `set` has named since the last call. */
  takeTouched(): Keys {
    const touched = this.#touched
    this.#touched = byCollection(() => new Set<string>())
    return touched
  }

  /** A copy of everything that is wanted. */
  elements(): MutableElements {
    const copy = emptyElements()
    for (const family of families) {
      for (const collection of collectionNames) {
        const into = copy[family][collection]
        for (const [key, wanted] of this.#wanted[family][collection]) into.set(key, valueOf(wanted))
      }
    }
    return copy
  }
}

const valueOf = (wanted: string | Shared): string => (typeof wanted === 'string' ? wanted : wanted.value)
