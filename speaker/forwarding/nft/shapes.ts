import { families, countings, type Counting, type Element, type Elements, type Operation } from '../model.ts'
import type { Family } from '#inet/address.ts'
import { countClass } from '../balance.ts'
import type { TableState } from './table-state.ts'
import { affinitySet, allowedSourcesSet, setOf } from './names.ts'
import {
  affinityText,
  allowedSourcesText,
  dropAffinityText,
  dropSourcesText,
  dropSpreadsText,
  spreadText,
} from './text.ts'

/**
 * The only things that are ever added to the program, each when the first element needs it: a chain for each number
 * of endpoints, a set for each prefix length of source ranges and for each affinity timeout (`affinity-timeouts.ts`
 * bounds those). What is not needed any more goes when everything has just been listed.
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

const shapeNames = ['spreads', 'sources', 'timeouts'] as const
type ShapeName = (typeof shapeNames)[number]

/** The shape that an element needs; undefined for those that need none. */
function shapeFor({ collection, key, value }: Element): { name: ShapeName; number: number } | undefined {
  if (isCounting(collection)) {
    const number = countClass(value)
    return number === undefined ? undefined : { name: 'spreads', number }
  }
  if (collection === 'allowed-sources') {
    return {
      name: 'sources',
      number: Number(setOf({ collection, key }).slice(allowedSourcesSet(0).length - 1)),
    }
  }
  if (collection === 'affinity-timeouts') {
    return { name: 'timeouts', number: Number(setOf({ collection, key }).slice(affinitySet(0).length - 1)) }
  }
  return undefined
}

/** A script that adds what these operations are the first to need; '' when all is there. */
export function missingShapes(
  operations: readonly Operation[],
  there: Readonly<Record<Family, Shapes>>,
): { readonly script: string; readonly remember: () => void } {
  const missing = { 4: noShapes(), 6: noShapes() }
  for (const operation of operations) {
    const needed = operation.do === 'delete' ? undefined : shapeFor(operation)
    if (needed === undefined) continue
    const { name, number } = needed
    const { family } = operation
    if (!there[family][name].has(number)) missing[family][name].add(number)
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
      for (const name of shapeNames) {
        for (const number of missing[family][name]) there[family][name].add(number)
      }
    }
  }
  return { script: script.join(''), remember }
}

/** A script that takes away what no element of a table needs, one transaction; '' when all is needed. */
export function unusedShapes(
  elements: Elements,
  there: Readonly<Record<Family, Shapes>>,
): { readonly script: string; readonly forget: () => void } {
  const used = { 4: noShapes(), 6: noShapes() }
  for (const family of families) {
    for (const collection of shaping) {
      for (const [key, value] of elements[family][collection]) {
        const needed = shapeFor({ family, collection, key, value })
        if (needed !== undefined) used[family][needed.name].add(needed.number)
      }
    }
  }
  const script = families.flatMap((family) => {
    const unused = (name: ShapeName) => without(there[family][name], used[family][name])
    const kept = (name: ShapeName) => [...used[family][name]]
    const [spreads, sources, timeouts] = [unused('spreads'), unused('sources'), unused('timeouts')]
    return [
      spreads.length > 0 ? dropSpreadsText(family, spreads) : '',
      sources.length > 0 ? dropSourcesText(family, sources, kept('sources')) : '',
      timeouts.length > 0 ? dropAffinityText(family, timeouts, kept('timeouts')) : '',
    ]
  })
  const forget = () => {
    for (const family of families) {
      for (const name of shapeNames) {
        for (const number of without(there[family][name], used[family][name]))
          there[family][name].delete(number)
      }
    }
  }
  return { script: script.join(''), forget }
}

const without = (all: ReadonlySet<number>, some: ReadonlySet<number>): number[] =>
  [...all].filter((number) => !some.has(number))

/** Collections whose elements need one. */
const shaping = [...countings, 'allowed-sources', 'affinity-timeouts'] as const

const isCounting = (collection: string): collection is Counting =>
  (countings as readonly string[]).includes(collection)
