/** What the states of `fsm.ts` do: each function is one effect, with its reason. */
import { notificationWords, notifications, type Fault } from './errors.ts'
import type { Action, DownReason, FsmConfig, FsmState, Input, Step, TimerName } from './events.ts'
import { jitter } from './jitter.ts'
import { checkOpen, keepaliveTime, ownOpen } from './open-check.ts'
import { familyOf } from './wire/families.ts'
import { messageTypes } from './wire/header.ts'
import { keepalive } from './wire/keepalive.ts'
import {
  ceaseMessage,
  describeNotification,
  notificationOf,
  type NotificationMessage,
} from './wire/notification.ts'

/** The back-off doubles up to this many milliseconds, and starts over after a session that lasted so long. */
const maxRetryTime = 60_000
const settledAfter = 60_000
/** However it is configured, a failing peer is not tried more often than this. */
const minRetryTime = 100
/** The least time an attempt to connect gets: the kernel repeats a SYN after 1, 3 and 7 s. */
const minConnectTime = 10_000
/** RFC 4271 8.2.2 Connect: "a large value", 4 minutes suggested. */
const openHoldTime = 240_000
/** RFC 4271 10: no more than one KEEPALIVE a second. */
const minKeepaliveTime = 1000
/** After BFD ended a session: how long it is waited for, see `fsm.ts`. */
const bfdHoldTime = 10_000
/** RFC 9687 4: at least 8 minutes, or twice the hold time. */
const minSendHoldTime = 480_000

const connectionTimers: readonly TimerName[] = ['connectRetry', 'idleHold', 'hold', 'keepalive', 'sendHold']

export const initialState = (config: FsmConfig): FsmState => ({
  name: 'Idle',
  config,
  running: false,
  failures: 0,
  seed: 0,
  withoutCapabilities: false,
})

export const stay = (state: FsmState): Step => ({ state, actions: [] })

/** RFC 4271 8.2.2 Connect: begins an attempt; the timer ends it. */
export function connect({ held: _held, ...state }: FsmState): Step {
  const { ms, seed } = jitter(state.seed, Math.max(minConnectTime, backOff(state.config, state.failures)))
  return {
    state: { ...state, name: 'Connect', seed },
    actions: [{ do: 'timer', name: 'connectRetry', ms }, { do: 'connect' }],
  }
}

export function leaveIdle(state: FsmState): Step {
  const next = connect(state)
  return { state: next.state, actions: [{ do: 'cancel', names: ['idleHold'] }, ...next.actions] }
}

export function sendOpen(state: FsmState): Step {
  return {
    state: { ...state, name: 'OpenSent' },
    actions: [
      { do: 'cancel', names: ['connectRetry'] },
      { do: 'send', message: ownOpen(state.config, state.withoutCapabilities) },
      { do: 'timer', name: 'hold', ms: openHoldTime },
    ],
  }
}

/** RFC 4271 8.2.2 Connect, event 9: the attempt took too long; drop it and begin the next. */
export function connectAgain(state: FsmState): Step {
  const text = 'no answer: wrong address, a firewall, or a password or TTL that does not match'
  const next = connect({ ...state, failures: state.failures + 1 })
  const down: Action = { do: 'down', reason: { code: 'FL_BGP_CONNECT_TIMEOUT', text } }
  return { state: next.state, actions: [{ do: 'close' }, down, ...next.actions] }
}

/** Milliseconds before jitter. */
function backOff({ connectRetryTime }: FsmConfig, failures: number): number {
  const longest = Math.max(maxRetryTime, connectRetryTime)
  return Math.max(minRetryTime, Math.min(connectRetryTime * 2 ** failures, longest))
}

/** The connection is gone before a session began: wait in Active. */
export function retry(state: FsmState, reason: DownReason, now: number): Step {
  return end(state, 'Active', now, reason)
}

interface Failure extends DownReason {
  readonly notification?: NotificationMessage
  /** false: this failure does not lengthen the wait */
  readonly counts?: boolean
  readonly withoutCapabilities?: boolean
  readonly held?: true | undefined
}

/** RFC 4271 6: say why, close, and wait in Idle. A Fault becomes its NOTIFICATION. */
export function fail(state: FsmState, failure: Failure | Fault, now: number, held?: true): Step {
  if (!('error' in failure)) return end(state, 'Idle', now, failure)
  const notification = notificationOf(failure)
  const words = notificationWords(notification.code, notification.subcode)
  const text = `${failure.text}; we closed the session: ${words}`
  return end(state, 'Idle', now, { code: failure.error, text, notification, held })
}

function end(state: FsmState, name: 'Idle' | 'Active', now: number, failure: Failure): Step {
  const settled = state.establishedAt !== undefined && now - state.establishedAt >= settledAfter
  const failures = settled ? 0 : state.failures
  const { ms, seed } = jitter(state.seed, backOff(state.config, failures))
  const { code, text, notification, held } = failure
  return {
    state: {
      name,
      config: state.config,
      running: true,
      failures: failure.counts === false ? failures : failures + 1,
      seed,
      withoutCapabilities: failure.withoutCapabilities ?? false,
      ...(held && { held }),
    },
    actions: [
      ...(notification === undefined ? [] : [{ do: 'send', message: notification } as const]),
      { do: 'cancel', names: connectionTimers },
      { do: 'close' },
      { do: 'down', reason: { code, text } },
      {
        do: 'timer',
        name: name === 'Idle' ? 'idleHold' : 'connectRetry',
        ms: held ? Math.max(ms, bfdHoldTime) : ms,
      },
    ],
  }
}

export function stop(state: FsmState, { subcode, text }: Input & { kind: 'stop' }): Step {
  const cease = ceaseMessage(subcode, text)
  const reason = `stopped here: ${describeNotification(cease)}`
  return {
    state: { ...initialState(state.config), seed: state.seed },
    actions: [
      ...(hasConnection(state) ? [{ do: 'send', message: cease } as const] : []),
      { do: 'cancel', names: connectionTimers },
      { do: 'close' },
      { do: 'down', reason: { code: 'FL_BGP_STOPPED', text: reason } },
    ],
  }
}

const hasConnection = ({ name }: FsmState): boolean =>
  name === 'OpenSent' || name === 'OpenConfirm' || name === 'Established'

/** RFC 9384: the peer hears that the path failed; a new session waits until BFD says that it works. */
export const bfdDown = (state: FsmState, { text }: Input & { kind: 'bfdDown' }, now: number): Step =>
  fail(state, { error: 'FL_BGP_CEASE_BFD', data: [], text }, now, true)

/** At once after the first failure; with a path that comes and goes the wait runs its time. */
export function bfdUp(state: FsmState): Step {
  return state.held && state.running && state.failures === 1 ? leaveIdle(state) : stay(state)
}

/** A change that the present session cannot take ends it with Cease 6/6 (RFC 4486 4) and connects anew. */
export function reconfigure(state: FsmState, { config, reset }: Input & { kind: 'configure' }): Step {
  if (reset) {
    const ended = stop(state, { kind: 'stop', subcode: 6, text: '' })
    const next = connect({ ...ended.state, config, running: true })
    return { state: next.state, actions: [...ended.actions, ...next.actions] }
  }
  const { negotiated } = state
  if (negotiated === undefined) return stay({ ...state, config })
  const keepaliveChanged = { ...negotiated, keepaliveTime: keepaliveTime(config, negotiated.holdTime) }
  return restartKeepalive({ ...state, config, negotiated: keepaliveChanged })
}

export function openReceived(state: FsmState, { message }: Input & { kind: 'open' }, now: number): Step {
  const result = checkOpen(state.config, message, state.withoutCapabilities)
  if (!result.ok) return fail(state, result.fault, now)
  const confirmed: FsmState = { ...state, name: 'OpenConfirm', negotiated: result.negotiated }
  const next = restartKeepalive(confirmed)
  const hold = restartHold(confirmed)
  // RFC 4271 8.2.2 OpenSent, event 19: with a negotiated hold time of 0 the timer of OpenSent ends here.
  const holdActions: readonly Action[] = hold.length > 0 ? hold : [{ do: 'cancel', names: ['hold'] }]
  return { state: next.state, actions: [{ do: 'send', message: keepalive }, ...next.actions, ...holdActions] }
}

export function notified(state: FsmState, message: NotificationMessage, now: number): Step {
  const code = 'FL_BGP_NOTIFICATION_RECEIVED'
  const said = `the peer closed the session: ${describeNotification(message)}`
  const early = state.name === 'OpenSent' && message.code === 2
  // RFC 4271 8.1.5 event 24: a peer of another version; RFC 5492 3 for 4 and 7. They do not lengthen the wait.
  if (early && message.subcode === 1) return fail(state, { code, text: said, counts: false }, now)
  if (early && (message.subcode === 4 || message.subcode === 7)) {
    const withoutCapabilities = !state.withoutCapabilities
    const text = withoutCapabilities ? `${said}; the next OPEN goes without capabilities` : said
    return fail(state, { code, text, counts: false, withoutCapabilities }, now)
  }
  const ours = message.code === 2 && message.subcode === 2 ? `; we said AS ${state.config.localAS}` : ''
  return fail(state, { code, text: said + ours }, now)
}

/** RFC 2918 4: for a family that was not negotiated a request is ignored. RFC 7313 5: so are its subtypes. */
export function refresh(state: FsmState, { message }: Input & { kind: 'routeRefresh' }): Step {
  const family = message.subtype === 0 ? familyOf(message.afi, message.safi) : undefined
  if (family === undefined || !state.negotiated!.families.includes(family)) return stay(state)
  return { state, actions: [{ do: 'resend', family }] }
}

export function sendKeepalive(state: FsmState): Step {
  const next = restartKeepalive(state)
  return { state: next.state, actions: [{ do: 'send', message: keepalive }, ...next.actions] }
}

function restartKeepalive(state: FsmState): Step {
  const { keepaliveTime } = state.negotiated!
  if (keepaliveTime === 0) return stay(state)
  const { ms, seed } = jitter(state.seed, keepaliveTime)
  return {
    state: { ...state, seed },
    actions: [{ do: 'timer', name: 'keepalive', ms: Math.max(minKeepaliveTime, ms) }],
  }
}

export function restartHold({ negotiated }: FsmState): readonly Action[] {
  const ms = negotiated!.holdTime
  return ms === 0 ? [] : [{ do: 'timer', name: 'hold', ms }]
}

export const sendHoldTime = ({ negotiated }: FsmState): number =>
  Math.max(minSendHoldTime, 2 * negotiated!.holdTime)

export function unexpected(error: Fault['error'], kind: keyof typeof messageTypes): Fault {
  return { error, data: [messageTypes[kind]], text: `the peer sent ${kind} out of turn` }
}

/**
 * RFC 4271 6.6: an error inside a message that must not come in this state at all is an FSM error instead.
 * @param codes the error codes (1 header, 2 OPEN, 3 UPDATE, 7 ROUTE-REFRESH) that can come in this state
 */
export function inPlace(fault: Fault, codes: readonly number[], error: Fault['error']): Fault {
  const [code] = notifications[fault.error]
  if (codes.includes(code)) return fault
  return unexpected(error, code === 2 ? 'open' : code === 3 ? 'update' : 'routeRefresh')
}

export const holdExpired = (when: string): Fault => ({
  error: 'FL_BGP_HOLD_TIMER',
  data: [],
  text: `the peer was silent for the hold time, ${when}`,
})

export const sendHoldExpired: Fault = {
  error: 'FL_BGP_SEND_HOLD_TIMER',
  data: [],
  text: 'the peer has taken no octet from us for the send hold time',
}

export const closed = (text: string, when: string): DownReason => ({
  code: 'FL_BGP_CONNECTION_CLOSED',
  text: `${text === '' ? 'the peer closed the connection' : text}, ${when}`,
})
