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

/**
 * The operations that make `actual` what is wanted, looking at `keys` only; one transaction. Endpoints come before the
 * frontends that lead to them and go after them, so that no order of execution shows a frontend without endpoints.
 * Ranges go before others come that may overlap them.
 */
export function diff(actual: Elements, wanted: Wanted, keys: Keys): Operation[] {
  const adds: Operation[][] = stages.map(() => [])
  const deletes: Operation[][] = stages.map(() => [])
  const first: Operation[] = []
  for (const family of families) {
    for (const collection of collectionNames) {
      const { stage } = collections[collection]
      const there = actual[family][collection]
      for (const key of keys[family][collection]) {
        const value = wanted(family, collection, key)
        const previous = there.get(key)
        if (value === previous) continue
        if (value === undefined) {
          const gone = isInterval(collection) ? first : deletes[stage]
          gone.push({ do: 'delete', family, collection, key, value: previous as string })
        } else if (previous === undefined) adds[stage].push({ do: 'add', family, collection, key, value })
        else adds[stage].push({ do: 'replace', family, collection, key, value, previous })
      }
    }
  }
  return [...first, ...stages.flatMap((stage) => adds[stage]), ...down.flatMap((stage) => deletes[stage])]
}

/** The difference between two whole states. */
export function diffElements(previous: Elements, next: Elements): Operation[] {
  const keys = { 4: keysOf(previous, next, 4), 6: keysOf(previous, next, 6) }
  return diff(previous, (family, collection, key) => next[family][collection].get(key), keys)
}

const keysOf = (a: Elements, b: Elements, family: Family) =>
  Object.fromEntries(
    collectionNames.map((name) => [name, new Set([...a[family][name].keys(), ...b[family][name].keys()])]),
  ) as Record<Collection, Set<string>>

/** Carries operations out on elements in memory. */
export function applyTo(elements: MutableElements, operations: readonly Operation[]): void {
  for (const operation of operations) {
    const collection = elements[operation.family][operation.collection]
    if (operation.do === 'delete') collection.delete(operation.key)
    else collection.set(operation.key, operation.value)
  }
}
