import type { AddressFamily, PeerConfig, Role } from './config.ts'
import type { Fault, SessionErrorCode } from './errors.ts'
import type { GracefulRestartTerms } from './graceful-restart.ts'
import type { Offer } from './open-check.ts'
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
  | 'gracefulRestart'
  | 'role'
  | 'strictRole'
  | 'listen'
  | 'extendedNextHop'
  | 'hostname'
  | 'requiredCapabilities'
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
  /** IPv4 routes may have an IPv6 next hop (RFC 8950) */
  readonly extendedNextHop: boolean
  /** our AS, where our role says that routes to this peer carry it as Only to Customer (RFC 9234 5) */
  readonly otc?: number
  /** both offer it */
  readonly gracefulRestart?: GracefulRestartTerms
  /** what the peer says it is to us */
  readonly peerRole?: Role
  /** its host name, made fit to print */
  readonly peerHostname?: string
}

/** RFC 4271 8.2.2 and 10, RFC 9687 for the last. `idleHold` is the wait of 8.1.1 before an automatic restart. */
export const timerNames = ['connectRetry', 'idleHold', 'hold', 'keepalive', 'sendHold'] as const
export type TimerName = (typeof timerNames)[number]

/** Why a session, or an attempt at one, ended; or why an attempt comes to nothing so far. */
export interface DownReason {
  readonly code: SessionErrorCode
  readonly text: string
}

/** The state machine of one connection: of ours, attempts and waits included, or of one that the peer opened. */
export interface FsmState {
  readonly name: SessionState
  readonly config: FsmConfig
  /** started and not stopped since */
  readonly running: boolean
  /** the peer opened the connection */
  readonly incoming?: true
  /** failures in a row: exponent of the back-off */
  readonly failures: number
  /** of the jitter's random numbers (`jitter.ts`) */
  readonly seed: number
  /** less than `all` after the peer refused our capabilities (RFC 5492 3) */
  readonly offer: Offer
  /** no session with the peer yet since this process started: the R bit of our OPEN (RFC 4724 3) */
  readonly restarting: boolean
  /** from OpenConfirm on */
  readonly negotiated?: Negotiated
  /** epoch milliseconds, from OpenSent on */
  readonly connectedAt?: number
  /** epoch milliseconds, in Established */
  readonly establishedAt?: number
  /** in OpenSent: it was told that the peer's OPEN does not come */
  readonly openLate?: true
  /** in Idle: BFD ended the session, and the path is not known to work again */
  readonly held?: true
}

/**
 * The connections that a peer can have at a time (RFC 4271 6.8), each with a state machine, timers and a stream of its
 * own: the one that is the session or is to become it, and another one whose OPEN has not come yet.
 */
export type Place = 'primary' | 'second'

export interface PeerState {
  readonly primary: FsmState
  /** in OpenSent */
  readonly second?: FsmState
}

/** Everything that can happen to a session: the one door into the state machine. */
export type Input =
  | { readonly kind: 'start'; readonly seed: number }
  /** the subcode of the Cease (RFC 4486), and the text for the peer's operator with 2 and 4 (RFC 9003) */
  | {
      readonly kind: 'stop'
      readonly subcode: number
      readonly text: string
      /** the routes must not outlive the session; undefined: as the subcode suggests (RFC 8538 5) */
      readonly hard?: boolean
    }
  /** `reset`: a session or attempt under the old configuration must end */
  | { readonly kind: 'configure'; readonly config: FsmConfig; readonly reset: boolean }
  /** on `second`: the peer has connected to us */
  | { readonly kind: 'tcpConnected' }
  /** `timedOut`: the system gave up, nobody answered */
  | { readonly kind: 'tcpFailed'; readonly text: string; readonly timedOut?: true }
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

/** What happens to the peer as a whole, or to one of its connections. */
export type PeerInput = Input & { readonly on: Place | 'peer' }

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
  /** the connection that the peer just opened becomes `second`, or is sent this and closed */
  | { readonly do: 'adopt' }
  | { readonly do: 'reject'; readonly message: NotificationMessage }
  /** `primary` and `second` change places, with streams and timers */
  | { readonly do: 'swap' }
  | { readonly do: 'established'; readonly negotiated: Negotiated }
  | { readonly do: 'down'; readonly reason: DownReason }
  /** the peer asks for the whole Adj-RIB-Out of the family (RFC 2918) */
  | { readonly do: 'resend'; readonly family: AddressFamily }

/** An action, and the connection whose stream and timers it is about. */
export type PeerAction = Action & { readonly on: Place }

export interface PeerStep {
  readonly state: PeerState
  readonly actions: readonly PeerAction[]
}

export interface Step {
  readonly state: FsmState
  readonly actions: readonly Action[]
}
