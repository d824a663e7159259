/** What the states of `fsm.ts` do: each function is one effect, with its reason. */
import { notificationWords, notifications, type Fault } from './errors.ts'
import type { Action, DownReason, FsmConfig, FsmState, Input, Step, TimerName } from './events.ts'
import { hint, offerWords, openLate, OPEN_LATE_AFTER } from './faults.ts'
import { ceaseFor, meansLeaving } from './graceful-restart.ts'
import { jitter } from './jitter.ts'
import { checkOpen, keepaliveTime, ownOpen, smallerOffer, type Offer } from './open-check.ts'
import { familyOf } from './wire/families.ts'
import { keepalive } from './wire/keepalive.ts'
import { describeNotification, notificationOf, type NotificationMessage } from './wire/notification.ts'

/** The back-off doubles up to this many milliseconds, and starts over after a session that lasted so long. */
const maxRetryTime = 60_000
const settledAfter = 60_000
/** However it is configured, a failing peer is not tried more often than this. */
const minRetryTime = 100
/** The least time an attempt to connect gets: the kernel repeats a SYN after 1, 3 and 7 s. */
const minConnectTime = 10_000
/** RFC 4271 8.2.2 Connect: "a large value", 4 minutes suggested. What is wrong is told long before. */
const openHoldTime = 240_000
const openLateTime = OPEN_LATE_AFTER * 1000
/** RFC 4271 10: no more than one KEEPALIVE a second. */
const minKeepaliveTime = 1000
/** After BFD ended a session: how long it is waited for, see `fsm.ts`. */
const bfdHoldTime = 10_000
/** RFC 9687 4: at least 8 minutes, or twice the hold time. */
const minSendHoldTime = 480_000

export const connectionTimers: readonly TimerName[] = [
  'connectRetry',
  'idleHold',
  'hold',
  'keepalive',
  'sendHold',
]

export const initialState = (config: FsmConfig): FsmState => ({
  name: 'Idle',
  config,
  running: false,
  failures: 0,
  seed: 0,
  offer: 'all',
  restarting: true,
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

export function sendOpen(state: FsmState, now: number): Step {
  return {
    state: { ...state, name: 'OpenSent', connectedAt: now },
    actions: [
      { do: 'cancel', names: ['connectRetry'] },
      { do: 'send', message: ownOpen(state.config, state.offer, state.restarting) },
      { do: 'timer', name: 'hold', ms: openLateTime },
    ],
  }
}

/** The first part of the hold time of OpenSent has passed: the reason is known, and the rest begins. */
export const tellOpenLate = (state: FsmState): Step => ({
  state: { ...state, openLate: true },
  actions: [
    { do: 'down', reason: openLate },
    { do: 'timer', name: 'hold', ms: openHoldTime - openLateTime },
  ],
})

/** RFC 4271 8.2.2 Connect, event 9: the attempt took too long; drop it and begin the next. */
export function connectAgain(state: FsmState): Step {
  const text = 'no answer: wrong address, a firewall, or a password or TTL that does not match'
  const next = connect({ ...state, failures: state.failures + 1 })
  const down: Action = { do: 'down', reason: { code: 'FL_BGP_CONNECT_TIMEOUT', text } }
  return { state: next.state, actions: [{ do: 'close' }, down, ...next.actions] }
}

/** Silence is one failure, whether we or the system tire of it first. */
export function connectFailed(
  state: FsmState,
  { text, timedOut }: Input & { kind: 'tcpFailed' },
  now: number,
): Step {
  return retry(state, { code: timedOut ? 'FL_BGP_CONNECT_TIMEOUT' : 'FL_BGP_CONNECT_FAILED', text }, now)
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
  /** for the next OPEN; `all` when undefined */
  readonly offer?: Offer
  readonly held?: true | undefined
}

/** RFC 4271 6: say why, close, and wait in Idle. A Fault becomes its NOTIFICATION. */
export function fail(state: FsmState, failure: Failure | Fault, now: number): Step {
  return end(state, 'Idle', now, 'error' in failure ? answered(failure, notificationOf(failure)) : failure)
}

function answered({ error, text }: Fault, notification: NotificationMessage): Failure {
  const words = notificationWords(notification.code, notification.subcode)
  return { code: error, text: `${text}; we closed the session: ${words}`, notification }
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
      offer: failure.offer ?? 'all',
      restarting: state.restarting,
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

/** Under graceful restart with the N bit, what means leaving has to say so (RFC 8538 3.1). */
export function stop(state: FsmState, { subcode, text, hard }: Input & { kind: 'stop' }): Step {
  const leaving = hard ?? meansLeaving(subcode)
  const cease = ceaseFor(state.negotiated?.gracefulRestart, subcode, text, leaving)
  const reason = `stopped here: ${describeNotification(cease)}`
  return {
    state: { ...initialState(state.config), seed: state.seed, restarting: state.restarting },
    actions: [
      ...(hasConnection(state) ? [{ do: 'send', message: cease } as const] : []),
      { do: 'cancel', names: connectionTimers },
      { do: 'close' },
      { do: 'down', reason: { code: 'FL_BGP_STOPPED', text: reason } },
    ],
  }
}

/** A TCP connection is open, and something may be said on it. */
export const hasConnection = ({ name }: FsmState): boolean =>
  name === 'OpenSent' || name === 'OpenConfirm' || name === 'Established'

/**
 * RFC 9384: the peer hears that the path failed; a new session waits until BFD says that it works. Under graceful
 * restart it goes as a Hard Reset: the peer would keep routes over a path that carries nothing.
 */
export function bfdDown(state: FsmState, { text }: Input & { kind: 'bfdDown' }, now: number): Step {
  const fault: Fault = { error: 'FL_BGP_CEASE_BFD', data: [], text }
  const [, subcode] = notifications[fault.error]
  const cease = ceaseFor(state.negotiated?.gracefulRestart, subcode, '', true)
  const words = answered(fault, notificationOf(fault))
  return end(state, 'Idle', now, { ...words, notification: cease, held: true })
}

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

export function openReceived(
  { openLate: _told, ...state }: FsmState,
  { message }: Input & { kind: 'open' },
  now: number,
): Step {
  const result = checkOpen(state.config, message, state.offer)
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
    const offer = smallerOffer(state.config, state.offer)
    return fail(state, { code, text: said + offerWords[offer], counts: false, offer }, now)
  }
  const reason: DownReason = { code, text: said + hint(message, state) }
  return noUse(state, message) ? retry(state, reason, now) : fail(state, reason, now)
}

/**
 * The peer has no use for this connection: it is one too many (RFC 4271 6.8), or the peer waits after an error and takes
 * none (6/5). That is no error of ours, and its own connection may be on its way: two sides that wait in Idle after each
 * such answer would refuse each other for ever.
 */
const noUse = ({ name }: FsmState, { code, subcode }: NotificationMessage): boolean =>
  code === 6 && (subcode === 5 || subcode === 7) && name !== 'Established'

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

/** @param holdTime milliseconds */
export const sendHoldTime = (holdTime: number): number => Math.max(minSendHoldTime, 2 * holdTime)
