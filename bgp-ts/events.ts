import type { AddressFamily, PeerConfig } from './config.ts'
import type { Fault, SessionErrorCode } from './errors.ts'
import type { SessionState } from './status.ts'
import type { KeepaliveMessage } from './wire/keepalive.ts'
import type { NotificationMessage } from './wire/notification.ts'
import type { OpenMessage } from './wire/open.ts'
import type { RouteRefreshMessage } from './wire/route-refresh.ts'

/**
 * The vocabulary of the state machine. All of it is plain JSON, so that a recording holds exactly what went in and
 * out; nothing here is secret (the TCP MD5 password never reaches the state machine).
 */

/** The part of a PeerConfig that the state machine decides by. */
export type FsmConfig = Pick<
  PeerConfig,
  | 'localAS'
  | 'peerAS'
  | 'asType'
  | 'routerId'
  | 'holdTime'
  | 'keepaliveTime'
  | 'connectRetryTime'
  | 'families'
>

/** What the two OPENs agreed on. Times in milliseconds. */
export interface Negotiated {
  readonly peerAS: number
  readonly peerRouterId: string
  /** iBGP */
  readonly internal: boolean
  /** 0: neither side sends KEEPALIVEs or expects any */
  readonly holdTime: number
  /** before jitter; 0 with a hold time of 0 */
  readonly keepaliveTime: number
  readonly families: readonly AddressFamily[]
  readonly fourOctetAS: boolean
  readonly routeRefresh: boolean
}

/** RFC 4271 8.2.2 and 10, RFC 9687 for the last. `idleHold` is the wait of 8.1.1 before an automatic restart. */
export const timerNames = ['connectRetry', 'idleHold', 'hold', 'keepalive', 'sendHold'] as const
export type TimerName = (typeof timerNames)[number]

/** Why a session, or an attempt at one, ended. */
export interface DownReason {
  readonly code: SessionErrorCode
  readonly text: string
}

export interface FsmState {
  readonly name: SessionState
  readonly config: FsmConfig
  /** started and not stopped since */
  readonly running: boolean
  /** failures in a row: exponent of the back-off */
  readonly failures: number
  /** of the jitter's random numbers (`jitter.ts`) */
  readonly seed: number
  /** the peer refused our capabilities: the next OPEN goes without (RFC 5492 3) */
  readonly withoutCapabilities: boolean
  /** from OpenConfirm on */
  readonly negotiated?: Negotiated
  /** epoch milliseconds, in Established */
  readonly establishedAt?: number
  /** in Idle: BFD ended the session, and the path is not known to work again */
  readonly held?: true
}

/** Everything that can happen to a session: the one door into the state machine. */
export type Input =
  | { readonly kind: 'start'; readonly seed: number }
  /** the subcode of the Cease (RFC 4486), and the text for the peer's operator with 2 and 4 (RFC 9003) */
  | { readonly kind: 'stop'; readonly subcode: number; readonly text: string }
  /** `reset`: a session or attempt under the old configuration must end */
  | { readonly kind: 'configure'; readonly config: FsmConfig; readonly reset: boolean }
  | { readonly kind: 'tcpConnected' }
  | { readonly kind: 'tcpFailed'; readonly text: string }
  /** the connection ended; text '' for an orderly end */
  | { readonly kind: 'tcpClosed'; readonly text: string }
  /** the connection takes no more octets for now, or takes them again */
  | { readonly kind: 'sendBlocked' }
  | { readonly kind: 'sendUnblocked' }
  | { readonly kind: 'timer'; readonly name: TimerName }
  | { readonly kind: 'open'; readonly message: OpenMessage }
  | { readonly kind: 'keepalive' }
  /** its routes are discarded: that it came whole is all that counts */
  | { readonly kind: 'update' }
  | { readonly kind: 'notification'; readonly message: NotificationMessage }
  | { readonly kind: 'routeRefresh'; readonly message: RouteRefreshMessage }
  /** BFD (RFC 5882): the path to the peer failed, why; and it works again, or BFD has no say any more */
  | { readonly kind: 'bfdDown'; readonly text: string }
  | { readonly kind: 'bfdUp' }
  /** a message or its framing was so wrong that it calls for a NOTIFICATION */
  | { readonly kind: 'fault'; readonly fault: Fault }

export const inputKinds = [
  'start',
  'stop',
  'configure',
  'tcpConnected',
  'tcpFailed',
  'tcpClosed',
  'sendBlocked',
  'sendUnblocked',
  'timer',
  'open',
  'keepalive',
  'update',
  'notification',
  'routeRefresh',
  'bfdDown',
  'bfdUp',
  'fault',
] as const satisfies readonly Input['kind'][]

/** What the session has to do, in this order. */
export type Action =
  | { readonly do: 'send'; readonly message: OpenMessage | KeepaliveMessage | NotificationMessage }
  /** starts the timer, or starts it anew */
  | { readonly do: 'timer'; readonly name: TimerName; readonly ms: number }
  | { readonly do: 'cancel'; readonly names: readonly TimerName[] }
  | { readonly do: 'connect' }
  /** what was sent before still goes out */
  | { readonly do: 'close' }
  | { readonly do: 'established'; readonly negotiated: Negotiated }
  | { readonly do: 'down'; readonly reason: DownReason }
  /** the peer asks for the whole Adj-RIB-Out of the family (RFC 2918) */
  | { readonly do: 'resend'; readonly family: AddressFamily }

export interface Step {
  readonly state: FsmState
  readonly actions: readonly Action[]
}
