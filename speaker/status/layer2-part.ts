import { timestamp } from '#kube/timestamp.ts'
import type { WireHolder, WireInterface, WireNeighbor } from '../wire/protocol.ts'
import type { SpeakerStatusBody } from './speaker-status.ts'

/** Entries of one list in a SpeakerStatus: enough for every cluster that a person reads it of. */
export const LIST_LIMIT = 100
/** Every speaker watches every other up to so many of them, beyond that a few. */
const NEIGHBOR_LIMIT = 64

/** The node's own interfaces, as a SpeakerStatus lists them. */
export const interfacesPart = (interfaces: readonly WireInterface[]): SpeakerStatusBody['interfaces'] =>
  interfaces.filter(isOwn).map(({ name, mac, up, usable, prefixes }) => ({ name, mac, up, usable, prefixes }))

/** What this node holds: how much, and the addresses that it has held longest, so that a new one displaces none. */
export function heldPart(holders: Iterable<WireHolder>): Pick<SpeakerStatusBody, 'heldAddresses' | 'held'> {
  const held = [...holders].filter((one) => one.held)
  const listed = held
    .sort((a, b) => a.since - b.since || (a.address < b.address ? -1 : 1))
    .slice(0, LIST_LIMIT)
    .map(({ address, since, interfaces }) => ({ address, since: timestamp(since), interfaces }))
  return { heldAddresses: held.length, held: listed }
}

/**
 * The speakers that this one watches, those that are not alive first, and those of which it has itself seen that
 * they died. Speakers that are left to others to watch are not listed: this one knows nothing of its own about them.
 */
export function neighborsPart(
  neighbors: readonly WireNeighbor[],
  hasFailed: (node: string) => boolean,
): Pick<SpeakerStatusBody, 'neighbors' | 'unreachable'> {
  const watched = neighbors.filter(({ local }) => local !== undefined || neighbors.length < NEIGHBOR_LIMIT)
  const listed = watched
    .sort((a, b) => Number(a.state === 'alive') - Number(b.state === 'alive') || (a.node < b.node ? -1 : 1))
    .slice(0, NEIGHBOR_LIMIT)
    .map(({ node, state, since }) => ({ node, state, since: timestamp(since) }))
  const unreachable = listed.map(({ node }) => node).filter((node) => hasFailed(node))
  return { neighbors: listed, unreachable }
}

/** An interface a person would name: not a pod's end of a link, not a port of a bridge, not the loopback. */
export const isOwn = ({ reason, prefixes }: WireInterface): boolean =>
  reason === '' || (!foreignReasons.has(reason) && prefixes.some((prefix) => !isLinkLocal(prefix)))

const foreignReasons = new Set(['loopback', 'excluded', 'enslaved'])

/** fe80::/10: every link has one, also a pod's. */
export const isLinkLocal = (prefix: string): boolean => /^fe[89ab]/i.test(prefix)
