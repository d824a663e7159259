import type { BfdNote } from './config.ts'
import type { DropReason } from './errors.ts'
import type { BfdState } from './wire.ts'

/** What a session tells about itself: plain data, so that it can cross threads and be printed as JSON. */
export interface BfdSessionStatus {
  /** unique on this node */
  readonly key: string
  readonly local: string
  readonly remote: string
  readonly interface?: string
  readonly multihop: boolean
  /** who asked for it: `bgp/tor-1`, `layer2/node-b` */
  readonly clients: readonly string[]
  readonly state: BfdState
  /** epoch milliseconds of the last change of `state` */
  readonly since: number
  /** why it is down, and what the peer says of its own side: see `diagnosticWords` */
  readonly diagnostic: number
  readonly remoteState: BfdState
  readonly remoteDiagnostic: number
  readonly discriminator: number
  /** 0: the peer has not been heard */
  readonly remoteDiscriminator: number
  /** agreed, milliseconds: between two of our packets before jitter, and between two of the peer's */
  readonly transmitInterval: number
  readonly receiveInterval: number
  /** milliseconds of silence after which it goes down; 0 while the peer has not been heard */
  readonly detectionTime: number
  readonly passive: boolean
  readonly counters: BfdCounters
  /** what a person should know about its settings */
  readonly notes: readonly BfdNote[]
  /** why it cannot run at present; absent when it runs */
  readonly problem?: BfdNote
}

/**
 * What a session notices besides its state, and what its state does not follow from: a packet has gone out; one has
 * come in; the next one is late by the agreed interval; the peer's machine says that nobody listens there.
 */
export type BfdSign = 'sent' | 'heard' | 'overdue' | 'refused'

export interface BfdCounters {
  /** packets that counted for the session */
  readonly packetsIn: number
  readonly packetsOut: number
  readonly sendErrors: number
  /** times it went to Up, and from Up to another state */
  readonly upEvents: number
  readonly downEvents: number
  /** received and without effect; `ttl` is of all sessions of the local address */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>
}
