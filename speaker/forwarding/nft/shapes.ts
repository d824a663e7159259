import { families, countings, type Counting, type Operation } from '../model.ts'
import type { Family } from '#inet/address.ts'
import { countClass } from '../balance.ts'
import type { TableState } from './table-state.ts'
import { affinitySet, allowedSourcesSet, setOf } from './names.ts'
import { affinityText, allowedSourcesText, spreadText } from './text.ts'

/**
 * The only things that are ever added to the program, each when the first element needs it: a chain for each number
 * of endpoints, a set for each prefix length of source ranges and for each affinity timeout.
 */
export interface Shapes {
  /** what counting collections say, as numbers, for which there is a chain */
  readonly spreads: Set<number>
  /** prefix lengths for which there is a set of source ranges */
  readonly sources: Set<number>
  /** seconds for which there is a set of lists */
  readonly timeouts: Set<number>
}

export const noShapes = (): Shapes => ({ spreads: new Set(), sources: new Set(), timeouts: new Set() })

export const shapesIn = ({ spreads, sourceLengths, timeouts }: TableState): Shapes => ({
  spreads: new Set(spreads),
  sources: new Set(sourceLengths),
  timeouts: new Set(timeouts),
})

/** A script that adds what these operations are the first to need; '' when all is there. */
export function missingShapes(
  operations: readonly Operation[],
  there: Readonly<Record<Family, Shapes>>,
): { readonly script: string; readonly remember: () => void } {
  const missing = { 4: noShapes(), 6: noShapes() }
  for (const { do: what, family, collection, key, value } of operations) {
    if (what === 'delete') continue
    if (isCounting(collection)) {
      const number = countClass(value)
      if (number !== undefined && !there[family].spreads.has(number)) missing[family].spreads.add(number)
    } else if (collection === 'allowed-sources') {
      const length = Number(setOf({ collection, key }).slice(allowedSourcesSet(0).length - 1))
      if (!there[family].sources.has(length)) missing[family].sources.add(length)
    } else if (collection === 'affinity-timeouts') {
      const seconds = Number(setOf({ collection, key }).slice(affinitySet(0).length - 1))
      if (!there[family].timeouts.has(seconds)) missing[family].timeouts.add(seconds)
    }
  }
  const script = families.flatMap((family) => {
    const { spreads, sources, timeouts } = missing[family]
    return [
      ...[...spreads].map((number) => spreadText(family, number)),
      ...[...sources].map((length) => allowedSourcesText(family, length)),
      ...[...timeouts].map((seconds) => affinityText(family, seconds)),
    ]
  })
  const remember = () => {
    for (const family of families) {
      for (const name of ['spreads', 'sources', 'timeouts'] as const) {
        for (const number of missing[family][name]) there[family][name].add(number)
      }
    }
  }
  return { script: script.join(''), remember }
}

const isCounting = (collection: string): collection is Counting =>
  (countings as readonly string[]).includes(collection)
