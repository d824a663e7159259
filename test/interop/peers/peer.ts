import type { AddressFamily, Role } from '#bgp-ts/config.ts'
import type { Netns } from '../../netns.ts'
import type { Feature } from '../features.ts'

/** A session as the router has it configured. Each is for one or a few features. */
export interface Neighbor {
  /** letters only, so that it can be a name in every daemon's configuration */
  readonly name: string
  /** the router's end */
  readonly local: string
  readonly localAS: number
  /** the speaker's end */
  readonly remote: string
  readonly remoteAS: number
  readonly families: readonly AddressFamily[]
  /** who connects: the speaker, the router, or both at once */
  readonly connects: 'speaker' | 'router' | 'both'
  readonly password?: string
  /** GTSM, one hop */
  readonly ttlSecurity?: boolean
  readonly multihop?: boolean
  /** unnumbered: all that is configured is this interface, and the addresses are link-local ones on it */
  readonly device?: string
  readonly extendedNextHop?: boolean
  readonly bfd?: boolean
  readonly gracefulRestart?: boolean
  /** what the router is (RFC 9234) */
  readonly role?: Role
  /** routes with GRACEFUL_SHUTDOWN get the least local preference that the router can give */
  readonly honoursGracefulShutdown?: boolean
}

/** A route as a router keeps it. Absent: the router shows none. */
export interface SeenRoute {
  readonly prefix: string
  readonly nextHop: string
  readonly asPath: readonly number[]
  readonly med?: number
  readonly localPref?: number
  /** `64500:7`, sorted */
  readonly communities: readonly string[]
  /** `64500:1:2`, sorted */
  readonly largeCommunities: readonly string[]
  /** `target:64500:7`, `bandwidth:64500:12500000` (octets per second), sorted */
  readonly extendedCommunities: readonly string[]
}

/** How the router sees a session. */
export interface SeenSession {
  readonly up: boolean
  /** all that it says about why it went down last, in its own words */
  readonly lastError: string
}

/** A running routing daemon. */
export interface Peer {
  routes(neighbor: Neighbor): Promise<readonly SeenRoute[]>
  session(neighbor: Neighbor): Promise<SeenSession>
  /** its operator asks for all routes again */
  refresh(neighbor: Neighbor): Promise<void>
  /** its operator shuts the session down with `PeerKind.shutdownText`, and lets it come up again */
  shutdown(neighbor: Neighbor, on: boolean): Promise<void>
  /** freezes the process that speaks BFD, or lets it go on */
  freezeBfd?(on: boolean): void
}

/** Where a daemon runs and keeps its files. */
export interface Place {
  readonly ns: Netns
  /** of this run only */
  readonly folder: string
}

/** A routing daemon that tests can be run against: one file a daemon, and nothing else knows its language. */
export interface PeerKind {
  readonly name: string
  /** features that the daemon does not have, and why, for the matrix */
  readonly without: Readonly<Partial<Record<Feature, string>>>
  version(): string
  /** why it cannot run here, '' when it can */
  unable?(): string
  /** it may have two connections with one neighbor, and then settles which one stays */
  readonly collides: boolean
  /** it may end the connection that stays after a collision, too, once and without a word */
  readonly stopsWinner?: true
  /** what the operator's words are when he shuts a session down; '' where the daemon sends none */
  readonly shutdownText: string
  /** the configuration with exactly these neighbors, all of whose routes it takes */
  config(neighbors: readonly Neighbor[]): string
  /** Resolves when it answers its client. `cleanup` of netns.ts ends it. */
  start(place: Place, config: string): Promise<Peer>
}

export const canonicalRoute = (route: SeenRoute): SeenRoute => ({
  ...route,
  communities: [...route.communities].sort(),
  largeCommunities: [...route.largeCommunities].sort(),
  extendedCommunities: [...route.extendedCommunities].sort(),
})

/** The text of an extended community (RFC 4360) of eight octets: those kinds that a speaker announces. */
export function extendedText(octets: Uint8Array): string {
  const view = Buffer.from(octets)
  const kind = view.readUInt16BE(0)
  if (kind === 0x0002) return `target:${view.readUInt16BE(2)}:${view.readUInt32BE(4)}`
  if (kind === 0x4004) return `bandwidth:${view.readUInt16BE(2)}:${view.readFloatBE(4)}`
  return view.toString('hex')
}
