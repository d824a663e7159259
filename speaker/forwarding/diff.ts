import type { Family } from '#inet/address.ts'
import type { Keys } from './desired.ts'
import {
  collectionNames,
  collections,
  families,
  isInterval,
  stages,
  type Collection,
  type Elements,
  type MutableElements,
  type Operation,
} from './model.ts'

/** The wanted value of a key; undefined when it should not be there. */
export type Wanted = (family: Family, collection: Collection, key: string) => string | undefined

const down = stages.toReversed()

/** Operations by the step of the transaction that they belong to. */
class Steps {
  readonly #adds: Operation[][] = stages.map(() => [])
  readonly #deletes: Operation[][] = stages.map(() => [])
  readonly #first: Operation[] = []

  /** What brings one key from one value to another; undefined where it is not there. */
  add(
    family: Family,
    collection: Collection,
    key: string,
    previous: string | undefined,
    value: string | undefined,
  ): void {
    if (value === previous) return
    const { stage } = collections[collection]
    if (value === undefined) {
      const gone = isInterval(collection) ? this.#first : this.#deletes[stage]
      gone.push({ do: 'delete', family, collection, key, value: previous as string })
    } else if (previous === undefined) this.#adds[stage].push({ do: 'add', family, collection, key, value })
    else this.#adds[stage].push({ do: 'replace', family, collection, key, value, previous })
  }

  /**
   * One transaction. Endpoints come before the frontends that lead to them and go after them, so that no order of
   * execution shows a frontend without endpoints. Ranges go before others come that may overlap them.
   */
  transaction(): Operation[] {
    return this.#first.concat(...this.#adds, ...down.map((stage) => this.#deletes[stage]))
  }
}

/** The operations that make `actual` what is wanted, looking at `keys` only. */
export function diff(actual: Elements, wanted: Wanted, keys: Keys): Operation[] {
  const steps = new Steps()
  for (const family of families) {
    for (const collection of collectionNames) {
      const there = actual[family][collection]
      for (const key of keys[family][collection]) {
        steps.add(family, collection, key, there.get(key), wanted(family, collection, key))
      }
    }
  }
  return steps.transaction()
}

/** The difference between two whole states. */
export function diffElements(previous: Elements, next: Elements): Operation[] {
  const steps = new Steps()
  for (const family of families) {
    for (const collection of collectionNames) {
      const [before, after] = [previous[family][collection], next[family][collection]]
      for (const [key, value] of after) steps.add(family, collection, key, before.get(key), value)
      for (const [key, value] of before) {
        if (!after.has(key)) steps.add(family, collection, key, value, undefined)
      }
    }
  }
  return steps.transaction()
}

/** Carries operations out on elements in memory. */
export function applyTo(elements: MutableElements, operations: readonly Operation[]): void {
  for (const operation of operations) {
    const collection = elements[operation.family][operation.collection]
    if (operation.do === 'delete') collection.delete(operation.key)
    else collection.set(operation.key, operation.value)
  }
}
