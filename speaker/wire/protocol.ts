import type { PeerConfig } from '#bgp-ts/config.ts'
import type { Community } from '#bgp-ts/route.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
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
  /** link names never to answer on, as regular expressions (MetalLB's excludel2) */
  | { readonly kind: 'excludeInterfaces'; readonly patterns: readonly string[] }
  /** planned stop: hand addresses over, withdraw, Cease 6/2; answered by `stopped` */
  | { readonly kind: 'stop' }

export interface WireAddress {
  readonly address: string
  /** [] means every usable interface */
  readonly interfaces: readonly string[]
  /** this node and all others that may hold the address */
  readonly candidates: readonly Candidate[]
  /** forwarding for it is in this node's kernel and it has a usable endpoint (invariant 5) */
  readonly served: boolean
}

export interface WirePeer extends PeerConfig {
  /** present when the session must stay down, and why (missing Secret …): never connect without the password */
  readonly blocked?: string
  /** a BFD session watches the path to the peer (RFC 5882) */
  readonly bfd?: BfdSettings
}

export interface WireRouteKey {
  readonly peer: string
  readonly prefix: string
}

export interface WireRoute extends WireRouteKey {
  readonly localPref?: number
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
    }
  | {
      readonly kind: 'conflict'
      readonly address: string
      readonly mac: string
      readonly interface: string
      readonly at: number
    }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'stopped' }

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
