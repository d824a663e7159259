import type { PeerConfig } from '#bgp-ts/config.ts'
import type { LogLine } from '#bgp-ts/message-log.ts'
import type { RibRoute } from '#bgp-ts/rib-list.ts'
import type { Community } from '#bgp-ts/route.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Family } from '#inet/address.ts'
import type { BfdSettings } from '../bfd/config.ts'
import type { DropReason as BfdDropReason } from '../bfd/errors.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import type { Candidate } from '../layer2/elect.ts'

/**
 * The whole vocabulary between the two threads of a speaker. `main` sends what is wanted (deltas, after a first
 * full set), `wire` sends what it sees. Everything is structured-clonable plain data; addresses are canonical text.
 */
export type WireDesired =
  | { readonly kind: 'addresses'; readonly put: readonly WireAddress[]; readonly remove: readonly string[] }
  /** all peers this node has; sessions of others are closed with Cease/Peer De-configured */
  | { readonly kind: 'peers'; readonly peers: readonly WirePeer[] }
  /** routes by `peer` and prefix; a put replaces, a remove withdraws */
  | { readonly kind: 'routes'; readonly put: readonly WireRoute[]; readonly remove: readonly WireRouteKey[] }
  /** every route of the first complete lists has been sent: what was left of them may be told as all (End-of-RIB) */
  | { readonly kind: 'routesComplete' }
  /** before a planned stop or drain: routes carry GRACEFUL_SHUTDOWN (RFC 8326), or do so no more */
  | {
      readonly kind: 'gracefulShutdown'
      readonly on: boolean
      /** not those to peers that keep our routes over a restart: they need not look for other ways */
      readonly sparing?: boolean
    }
  /** all other speakers of the cluster, and what is known about this one */
  | { readonly kind: 'speakers'; readonly self: WireSelf; readonly others: readonly WireSpeaker[] }
  /** link names never to answer on, as regular expressions (MetalLB's excludel2) */
  | { readonly kind: 'excludeInterfaces'; readonly patterns: readonly string[] }
  /** a person asks; answered by `answer` with the same id */
  | { readonly kind: 'ask'; readonly id: number; readonly question: WireQuestion }
  /** planned stop: hand addresses over, withdraw, Cease 6/2; answered by `stopped` */
  | { readonly kind: 'stop' }

/** What is too much to be told all the time. */
export interface WireQuestion {
  /** the Adj-RIB-Out of a peer, or its last messages */
  readonly about: 'routes' | 'messages'
  readonly peer: string
}

export type WireAnswer =
  | { readonly about: 'routes'; readonly routes: readonly RibRoute[]; readonly total: number }
  | { readonly about: 'messages'; readonly messages: readonly LogLine[] }
  /** there is no session with this peer */
  | { readonly about: 'nobody' }

/** How this node takes part in layer 2. */
export interface WireSelf {
  /** this speaker has heard nothing of the API for so long that others may know better */
  readonly stale: boolean
  readonly internalIPs: readonly string[]
  /** of the BFD sessions between speakers */
  readonly liveness: BfdSettings
}

/** Another speaker: how to watch it, and by which hardware addresses to know its frames. */
export interface WireSpeaker {
  readonly node: string
  readonly internalIPs: readonly string[]
  /** of its SpeakerStatus; those that are not usable at present have no prefixes, and their MACs are still its own */
  readonly interfaces: readonly { readonly mac: string; readonly prefixes: readonly string[] }[]
  /** false: it has said that it leaves */
  readonly ready: boolean
  /** false: its Lease has run out (condition ApiReachable) */
  readonly apiReachable: boolean
  /** speakers that watch it say that it is gone (clusters too large for all to watch all) */
  readonly reportedDead: boolean
}

export interface WireAddress {
  readonly address: string
  /** [] means every usable interface */
  readonly interfaces: readonly string[]
  /** this node and all others that may hold the address */
  readonly candidates: readonly Candidate[]
  /** forwarding for it is in this node's kernel and it has a usable endpoint (invariant 5) */
  readonly served: boolean
  /** announce although another machine on the wire uses it */
  readonly force?: boolean
}

export interface WirePeer extends PeerConfig {
  /** present when the session must stay down, and why (missing Secret …): never connect without the password */
  readonly blocked?: string
  /** the address is not known: the peer is whoever sends Router Advertisements on `device` */
  readonly unnumbered?: true
  /** a BFD session watches the path to the peer (RFC 5882) */
  readonly bfd?: BfdSettings
}

export interface WireRouteKey {
  readonly peer: string
  readonly prefix: string
}

export interface WireRoute extends WireRouteKey {
  readonly localPref?: number
  readonly med?: number
  readonly asPathPrepend?: number
  /** octets per second, of all endpoints on this node */
  readonly linkBandwidth?: number
  readonly communities: readonly Community[]
}

export type WireObserved =
  | { readonly kind: 'interfaces'; readonly interfaces: readonly WireInterface[] }
  /** changed holders only */
  | { readonly kind: 'holders'; readonly holders: readonly WireHolder[] }
  /** changed sessions only */
  | { readonly kind: 'sessions'; readonly sessions: readonly SessionStatus[] }
  /** changed BFD sessions only: states at once, counters every second; `closed` are keys of sessions that ended */
  | {
      readonly kind: 'bfd'
      readonly sessions: readonly BfdSessionStatus[]
      readonly closed: readonly string[]
      /** packets without effect since the start, when that has changed */
      readonly drops?: Readonly<Partial<Record<BfdDropReason, number>>>
    }
  /** every second, when something moved */
  | {
      readonly kind: 'counters'
      readonly addresses: readonly AddressCounters[]
      /** frames heard and not answered */
      readonly drops?: readonly DropCounter[]
      /** of the address families in which something was answered */
      readonly latencies?: readonly AnswerLatencies[]
      /** of the interfaces on which a frame was lost */
      readonly lost?: readonly LostFrames[]
    }
  | {
      readonly kind: 'conflict'
      readonly address: string
      readonly mac: string
      readonly interface: string
      readonly at: number
    }
  /** changed ones only; `gone` are nodes that are no longer watched */
  | {
      readonly kind: 'neighbors'
      readonly neighbors: readonly WireNeighbor[]
      readonly gone: readonly string[]
    }
  /** what happened to addresses, oldest first */
  | { readonly kind: 'layer2Events'; readonly events: readonly Layer2Event[] }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: WireAnswer }
  | { readonly kind: 'stopped' }

/** How another speaker looks from here. */
export interface WireNeighbor {
  readonly node: string
  /** `unknown`: BFD never came up, its Lease decides; `left`: it said goodbye */
  readonly state: 'alive' | 'dead' | 'left' | 'unknown'
  /** epoch milliseconds */
  readonly since: number
  /** the watched path; absent when this node does not watch it */
  readonly local?: string
  readonly remote?: string
  /** why there is no session, '' when there is one */
  readonly problem: string
}

/** One line of an address's story on this node. */
export interface Layer2Event {
  /** epoch milliseconds */
  readonly at: number
  readonly address: string
  /** one of layer2Happenings of layer2/errors.ts */
  readonly what: string
  /** of `took` and `silent`: why (takeOverCauses and silenceReasons of layer2/errors.ts) */
  readonly cause?: string
  readonly interface?: string
  /** the other side: node name where known, and hardware address */
  readonly node?: string
  readonly mac?: string
}

export interface WireInterface {
  readonly name: string
  readonly index: number
  readonly mac: string
  readonly up: boolean
  /** `address/length` */
  readonly prefixes: readonly string[]
  /** ARP and NDP are spoken here; otherwise why not (unusableReasons of layer2/errors.ts) */
  readonly usable: boolean
  readonly reason: string
}

export interface WireHolder {
  readonly address: string
  /** '' when no candidate may hold it */
  readonly holder: string
  /** this node answers for it */
  readonly held: boolean
  /** epoch milliseconds of the last change */
  readonly since: number
  /** where this node answers */
  readonly interfaces: readonly string[]
  /** why this node does not answer (silenceReasons of layer2/errors.ts), '' when it does */
  readonly reason: string
  /** of the machine that uses the address, when that is the reason */
  readonly foreignMac?: string
}

export interface AddressCounters {
  readonly address: string
  readonly requestsReceived: number
  readonly responsesSent: number
  readonly gratuitousSent: number
  readonly conflicts: number
  /** epoch milliseconds of the last request seen for it, 0 for never */
  readonly lastRequest: number
}

/** `reason` is one of the drop reasons of layer2/errors.ts. */
export interface DropCounter {
  readonly interface: string
  readonly reason: string
  readonly count: number
}

/** Upper bounds of the answers counted together, in microseconds; what is slower is counted together as well. */
export const latencyBounds: readonly number[] = [
  10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000,
]

/** How long questions waited for their answers, from the kernel's receiving to our sending; since the start. */
export interface AnswerLatencies {
  readonly family: Family
  /** answers up to each of `latencyBounds`, less those up to the one before, and at last the slower ones */
  readonly buckets: readonly number[]
  /** microseconds */
  readonly sum: number
}

/** Of ARP and NDP, since the start. */
export interface LostFrames {
  readonly interface: string
  /** there was no room for them: more came than the thread could read */
  readonly received: number
  /** the kernel refused to send them */
  readonly sent: number
}
