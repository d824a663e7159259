import type { TimelineDocument } from '#admin/layer2/timeline.ts'
import { clientSide } from './l2-client-side.ts'
import type { Lane, Timeline, TimelineLine } from './l2-model.ts'
import type { Sighting } from './l2-sightings.ts'
import { wordsOf } from './l2-words.ts'

/** The column of what a capture shows. */
const CLIENT = 'client'

type Happening = Omit<TimelineLine, 'state'> & { readonly lane?: Lane; readonly laneBefore?: Lane }

/** One story out of what several speakers tell, and of what a client heard. */
export function mergeTimeline(
  address: string,
  documents: readonly TimelineDocument[],
  sightings: readonly Sighting[] | undefined,
): Timeline {
  const nodes = [...documents].sort((a, b) => (a.node < b.node ? -1 : 1))
  const lanes = [...nodes.map(({ node }) => node), ...(sightings === undefined ? [] : [CLIENT])]
  const names = nodeNames(nodes)
  const heard = clientSide(sightings ?? [], address, (mac) => names.get(mac))
  const happenings: Happening[] = [
    ...nodes.flatMap(happeningsOf),
    ...heard.map(({ lane, ...line }) => ({ ...line, where: CLIENT, ...(lane && { lane }) })),
  ].sort((a, b) => a.at - b.at)
  const state = lanes.map((lane) => laneAtFirst(lane, happenings, nodes))
  const lines = happenings.map(({ at, where, what, words, interface: on, other, lane }) => {
    if (lane !== undefined) state[lanes.indexOf(where)] = lane
    return { at, where, what, words, interface: on, other, state: [...state] }
  })
  return { address, lanes, lines }
}

/** What happened at the same time on a node stays in the order in which it was told. */
function happeningsOf({ node, items }: TimelineDocument): Happening[] {
  return items.map(({ at, what, cause, interface: on, node: other, mac }) => {
    const { text, answers, answered } = wordsOf(what, cause)
    return {
      at,
      where: node,
      what,
      words: text,
      interface: on ?? '',
      other: [other, mac].filter((one) => one !== undefined && one !== '').join(' '),
      ...laneOf('lane', answers),
      ...laneOf('laneBefore', answered),
    }
  })
}

const laneOf = <K extends string>(key: K, answers: boolean | undefined): Partial<Record<K, Lane>> =>
  answers === undefined ? {} : ({ [key]: answers ? 'answering' : 'silent' } as Record<K, Lane>)

/** Before the first line: what the first happening that says so says, else how it is now. */
function laneAtFirst(
  lane: string,
  happenings: readonly Happening[],
  nodes: readonly TimelineDocument[],
): Lane {
  const own = happenings.filter(({ where }) => where === lane)
  const first = own.find((one) => one.lane !== undefined || one.laneBefore !== undefined)
  if (first !== undefined) return first.laneBefore ?? 'silent'
  return nodes.find(({ node }) => node === lane)?.held === true ? 'answering' : 'silent'
}

/** Whose hardware address it is: each node knows its own, and some of the others'. */
function nodeNames(nodes: readonly TimelineDocument[]): ReadonlyMap<string, string> {
  const told = nodes.flatMap(({ items }) =>
    items.flatMap(({ node, mac }): [string, string][] => (node && mac ? [[mac, node]] : [])),
  )
  const own = nodes.flatMap(({ node, interfaces }) =>
    interfaces.map(({ mac }): [string, string] => [mac, node]),
  )
  return new Map([...told, ...own])
}
