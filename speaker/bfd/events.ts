import type { BfdState, ControlPacket } from './wire.ts'

/** The vocabulary of the state machine, all of it plain JSON. Intervals in microseconds as on the wire. */

export interface FsmConfig {
  readonly desiredMinTx: number
  readonly requiredMinRx: number
  /** 1 to 255 */
  readonly multiplier: number
  /** RFC 5880 6.1 */
  readonly passive: boolean
}

/** The intervals that this side decides. */
export interface Intervals {
  readonly desiredMinTx: number
  readonly requiredMinRx: number
}

/** What the peer said last (RFC 5880 6.8.1); its initial values while it has not been heard for a detection time. */
export interface Remote {
  /** 0: not heard */
  readonly discriminator: number
  readonly state: BfdState
  readonly diagnostic: number
  readonly multiplier: number
  readonly minTx: number
  readonly minRx: number
  readonly demand: boolean
}

export interface FsmState {
  readonly name: BfdState
  readonly config: FsmConfig
  /** never 0 */
  readonly discriminator: number
  readonly diagnostic: number
  readonly remote: Remote
  /** what our packets say */
  readonly announced: Intervals
  /** what our timers use: differs from `announced` until a Poll Sequence has ended (RFC 5880 6.8.3) */
  readonly inForce: Intervals
  /** `again`: something changed once more while a Poll Sequence was under way */
  readonly poll: 'none' | 'active' | 'again'
  /** epoch milliseconds of the last packet that was not an answer to a Poll; undefined while none may be sent */
  readonly sentAt?: number
}

export type TimerName = 'transmit' | 'detect'

/**
 * Everything that can happen to a session. `random` (0 <= n < 1) is the jitter of the transmission that the input
 * leads to, if it does.
 */
export type Input =
  | { readonly kind: 'start'; readonly random: number }
  /** valid, and of this session */
  | { readonly kind: 'packet'; readonly packet: ControlPacket; readonly random: number }
  | { readonly kind: 'timer'; readonly name: TimerName; readonly random: number }
  | { readonly kind: 'configure'; readonly config: FsmConfig; readonly random: number }
  /** administratively down, with another diagnostic than that where it is named, and up again */
  | { readonly kind: 'disable'; readonly diagnostic?: number; readonly random: number }
  | { readonly kind: 'enable'; readonly random: number }

export const inputKinds = [
  'start',
  'packet',
  'timer',
  'configure',
  'disable',
  'enable',
] as const satisfies readonly Input['kind'][]

/** What has to be done, in this order. */
export type Action =
  | { readonly do: 'send'; readonly packet: ControlPacket }
  /** starts the timer, or starts it anew */
  | { readonly do: 'timer'; readonly name: TimerName; readonly ms: number }
  | { readonly do: 'cancel'; readonly name: TimerName }
  /** the state is another one now */
  | { readonly do: 'changed'; readonly from: BfdState; readonly to: BfdState; readonly diagnostic: number }

export interface Step {
  readonly state: FsmState
  readonly actions: readonly Action[]
}
