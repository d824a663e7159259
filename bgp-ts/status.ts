import type { AddressFamily } from './config.ts'

/** The states of RFC 4271 8.2.2. */
export const sessionStates = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const
export type SessionState = (typeof sessionStates)[number]

/** What a session tells about itself: plain data, so that it can cross threads and be printed as JSON. */
export interface SessionStatus {
  readonly peer: string
  /** peer address and port as text, `192.168.1.1:179` */
  readonly endpoint: string
  readonly localAddress?: string
  readonly localAS: number
  /** the AS the peer sent, else the configured one */
  readonly peerAS?: number
  readonly peerRouterId?: string
  readonly state: SessionState
  /** epoch milliseconds of the last state change */
  readonly since: number
  /** negotiated, milliseconds; 0 while not Established */
  readonly holdTime: number
  readonly keepaliveTime: number
  readonly families: readonly AddressFamily[]
  /** why the session is not up, or was last down, in words; absent when it never failed */
  readonly lastError?: { readonly at: number; readonly code: string; readonly text: string }
  readonly counters: SessionCounters
  /** routes in Adj-RIB-Out by family, and how many still wait to be written */
  readonly announced: Readonly<Record<AddressFamily, number>>
  readonly pending: number
  /** routes that are wanted and cannot be sent to this peer, by reason; absent when there are none */
  readonly unsent?: Readonly<Partial<Record<UnsentReason, number>>>
}

/** Why a wanted route is not sent. */
export const unsentReasons = {
  'family-not-negotiated': 'the peer did not offer this address family',
  'no-next-hop': 'the session runs over the other family and no next hop is configured',
  'next-hop-is-peer': "the next hop is the peer's own address (RFC 4271 5.1.3)",
  'attributes-too-long': 'the attributes do not fit into a message of 4096 octets',
} as const
export type UnsentReason = keyof typeof unsentReasons

export interface SessionCounters {
  opensSent: number
  opensReceived: number
  keepalivesSent: number
  keepalivesReceived: number
  updatesSent: number
  updatesReceived: number
  notificationsSent: number
  notificationsReceived: number
  routeRefreshReceived: number
  /** UPDATEs with a malformed attribute: counted and ignored (RFC 7606) */
  malformedUpdates: number
  connectAttempts: number
  established: number
}
