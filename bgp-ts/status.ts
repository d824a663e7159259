import type { AddressFamily, Role } from './config.ts'
import type { GracefulRestartTerms } from './graceful-restart.ts'
import type { Offer } from './open-check.ts'

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
  /** the last NOTIFICATION each way; whichever ended the session is in `lastError`, too */
  readonly notificationSent?: NotificationStatus
  readonly notificationReceived?: NotificationStatus
  /** what the two OPENs agreed on, from OpenConfirm on */
  readonly negotiated?: NegotiatedStatus
  /** graceful restart is configured, and no session came up since this process started: our OPEN has the R bit */
  readonly restarting?: boolean
  /** families whose End-of-RIB has been sent in this session: the peer has all of our routes (RFC 4724 2) */
  readonly eorSent?: readonly AddressFamily[]
  readonly counters: SessionCounters
  /** routes in Adj-RIB-Out by family, and how many still wait to be written */
  readonly announced: Readonly<Record<AddressFamily, number>>
  readonly pending: number
  /** routes that are wanted and cannot be sent to this peer, by reason; absent when there are none */
  readonly unsent?: Readonly<Partial<Record<UnsentReason, number>>>
}

export interface NotificationStatus {
  /** epoch milliseconds */
  readonly at: number
  readonly code: number
  readonly subcode: number
  /** in words, with both numbers and the text that came along */
  readonly text: string
}

export interface NegotiatedStatus {
  readonly fourOctetAS: boolean
  readonly routeRefresh: boolean
  readonly extendedNextHop: boolean
  /** both offer it (RFC 4724) */
  readonly gracefulRestart?: GracefulRestartTerms
  /** what we are to the peer, and what it says that it is to us (RFC 9234) */
  readonly role?: Role
  readonly peerRole?: Role
  readonly peerHostname?: string
  /** less than `all`: the peer had refused what our OPEN offers by configuration (RFC 5492 3) */
  readonly offer: Offer
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
  /** the peer has sent all of its routes of a family (RFC 4724 2) */
  endOfRibReceived: number
  /** UPDATEs with a malformed attribute: counted and ignored (RFC 7606) */
  malformedUpdates: number
  connectAttempts: number
  /** connections that the peer opened: taken, and refused as there was no use for them */
  connectionsAccepted: number
  connectionsRejected: number
  established: number
}
