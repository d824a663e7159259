import type { BfdSettings } from '../bfd/config.ts'
import type { WireDesired, WireSpeaker } from '../wire/protocol.ts'
import type { SpeakerInfo, World } from '../world.ts'

type SpeakersMessage = Extract<WireDesired, { kind: 'speakers' }>

/** Up to this many speakers watch each other all; beyond it each watches some and believes what others report. */
export const ALL_PAIRS = 64
/** One speaker that says that another is dead may itself be the one that is cut off. */
const LEAST_VOTES = 2

/** What the wire thread has to know of this speaker and of all others: whom to watch, and by which addresses. */
export function planSpeakers(
  world: Pick<World, 'self' | 'nodes' | 'speakers'>,
  own: { readonly stale: boolean; readonly liveness: BfdSettings },
): SpeakersMessage {
  const { self, nodes, speakers } = world
  const internalIPs = (node: string): readonly string[] => nodes.get(node)?.internalIPs ?? []
  const dead = speakers.size > ALL_PAIRS ? reportedDead(speakers, self) : new Set<string>()
  const others = [...speakers]
    .filter(([node]) => node !== self)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([node, info]): WireSpeaker => ({
      node,
      internalIPs: internalIPs(node),
      interfaces: [
        ...(info.interfaces?.values() ?? []),
        // A link that is down for a moment does not make its hardware address a stranger's.
        ...(info.otherMacs ?? []).map((mac) => ({ mac, prefixes: [] })),
      ],
      ready: info.ready,
      apiReachable: info.apiReachable !== false,
      reportedDead: dead.has(node),
    }))
  return { kind: 'speakers', self: { ...own, internalIPs: internalIPs(self) }, others }
}

/**
 * Speakers that more than half of those who watch them take for dead, and at least two of them. Only reporters that
 * are ready and reach the API count: what others last said may be old. What this node sees itself the wire thread
 * knows better than any report.
 */
export function reportedDead(speakers: ReadonlyMap<string, SpeakerInfo>, self: string): Set<string> {
  const votes = new Map<string, { dead: number; all: number }>()
  for (const [reporter, { ready, apiReachable, neighbors }] of speakers) {
    if (reporter === self || !ready || apiReachable === false) continue
    for (const [node, state] of neighbors ?? []) {
      const count = votes.get(node) ?? { dead: 0, all: 0 }
      votes.set(node, { dead: count.dead + Number(state === 'dead'), all: count.all + 1 })
    }
  }
  const dead = [...votes].filter(([, count]) => count.dead >= LEAST_VOTES && count.dead * 2 > count.all)
  return new Set(dead.map(([node]) => node))
}
