import type { Family } from '#inet/address.ts'
import {
  byCollection,
  collectionNames,
  families,
  type ByCollection,
  type Collection,
  type Element,
  type Elements,
} from './model.ts'

interface Wanted {
  value: string
  owners: number
}

/** Keys by family and collection. */
export type Keys = Readonly<ByCollection<ReadonlySet<string>>>

/**
 * What should be in the data plane, put together from what each owner wants. An element that several want (a ClusterIP
 * of two ports, a hairpin entry of two Services) is there as long as one of them does.
 */
export class Desired {
  readonly #wanted = byCollection(() => new Map<string, Wanted>())
  readonly #owners = new Map<string, readonly Element[]>()
  #touched = byCollection(() => new Set<string>())

  /** Replaces everything that an owner wants. */
  set(owner: string, elements: readonly Element[]): void {
    for (const { family, collection, key, value } of elements) {
      const wanted = this.#wanted[family][collection]
      const known = wanted.get(key)
      if (known === undefined) wanted.set(key, { value, owners: 1 })
      else {
        known.owners++
        known.value = value
      }
      this.#touched[family][collection].add(key)
    }
    for (const { family, collection, key } of this.#owners.get(owner) ?? []) {
      const wanted = this.#wanted[family][collection]
      const known = wanted.get(key)
      if (known !== undefined && --known.owners === 0) wanted.delete(key)
      this.#touched[family][collection].add(key)
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
        for (const [key, { value }] of this.#wanted[family][collection])
          yield { family, collection, key, value }
      }
    }
  }

  /** The wanted value of a key ('' in sets); undefined when nobody wants it. */
  get(family: Family, collection: Collection, key: string): string | undefined {
    return this.#wanted[family][collection].get(key)?.value
  }

  /** The keys that `set` has named since the last call. */
  takeTouched(): Keys {
    const touched = this.#touched
    this.#touched = byCollection(() => new Set<string>())
    return touched
  }

  /** Every key that is wanted or that `elements` hold: what a full comparison must look at. */
  allKeys(elements: Elements): Keys {
    const keys = byCollection(() => new Set<string>())
    for (const family of families) {
      for (const name of collectionNames) {
        for (const key of this.#wanted[family][name].keys()) keys[family][name].add(key)
        for (const key of elements[family][name].keys()) keys[family][name].add(key)
      }
    }
    return keys
  }
}
