import { describe, expect, test } from 'vitest'
import { fsmConfig } from './config-change.ts'
import { inputKinds, timerNames, type Action, type FsmState, type Input, type TimerName } from './events.ts'
import { initialState, step } from './fsm.ts'
import { peerOpen, testConfig } from './testing.ts'
import { sessionStates, type SessionState } from './status.ts'

const config = fsmConfig(testConfig)
const now = 1_000_000

/** A state reached by real inputs, so that it is a possible one. */
const path: Record<SessionState, readonly Input[]> = {
  Idle: [],
  Connect: [{ kind: 'start', seed: 1 }],
  Active: [
    { kind: 'start', seed: 1 },
    { kind: 'tcpFailed', text: 'refused' },
  ],
  OpenSent: [{ kind: 'start', seed: 1 }, { kind: 'tcpConnected' }],
  OpenConfirm: [{ kind: 'start', seed: 1 }, { kind: 'tcpConnected' }, { kind: 'open', message: peerOpen() }],
  Established: [
    { kind: 'start', seed: 1 },
    { kind: 'tcpConnected' },
    { kind: 'open', message: peerOpen() },
    { kind: 'keepalive' },
  ],
}
const reach = (inputs: readonly Input[], from = initialState(config)): FsmState =>
  inputs.reduce((state, input) => step(state, input, now).state, from)
const stateAt = (name: SessionState, own = config): FsmState => reach(path[name], initialState(own))

const notification = (code: number, subcode: number): Input => ({
  kind: 'notification',
  message: { type: 'notification', code, subcode, data: [] },
})
const fault = (error: (Input & { kind: 'fault' })['fault']['error']): Input => ({
  kind: 'fault',
  fault: { error, data: [1], text: 'broken' },
})

/** One input of each kind, a timer for each name. */
const samples: Record<string, Input> = {
  start: { kind: 'start', seed: 2 },
  stop: { kind: 'stop', subcode: 2, text: 'bye' },
  configure: { kind: 'configure', config: { ...config, keepaliveTime: 7000 }, reset: false },
  'configure reset': { kind: 'configure', config: { ...config, holdTime: 30_000 }, reset: true },
  tcpConnected: { kind: 'tcpConnected' },
  tcpFailed: { kind: 'tcpFailed', text: 'refused' },
  tcpClosed: { kind: 'tcpClosed', text: '' },
  sendBlocked: { kind: 'sendBlocked' },
  sendUnblocked: { kind: 'sendUnblocked' },
  open: { kind: 'open', message: peerOpen() },
  'open bad': { kind: 'open', message: peerOpen({ holdTime: 1 }) },
  keepalive: { kind: 'keepalive' },
  update: { kind: 'update' },
  notification: notification(6, 4),
  routeRefresh: { kind: 'routeRefresh', message: { type: 'routeRefresh', afi: 1, safi: 1, subtype: 0 } },
  bfdDown: { kind: 'bfdDown', text: 'BFD went down' },
  bfdUp: { kind: 'bfdUp' },
  'fault header': fault('FL_BGP_HEADER_LENGTH'),
  'fault open': fault('FL_BGP_OPEN_MALFORMED'),
  'fault update': fault('FL_BGP_UPDATE_NETWORK'),
  'fault refresh': fault('FL_BGP_REFRESH_LENGTH'),
}
for (const name of timerNames) samples[`timer ${name}`] = { kind: 'timer', name }

/**
 * Next state and what is done for each input in each state. `-` is nothing at all: the input cannot occur there, or
 * RFC 4271 says to ignore it. `n` and two numbers is a NOTIFICATION.
 */
const table: Record<string, Record<SessionState, string>> = {
  start: row('Connect connect', '-', '-', '-', '-', '-'),
  stop: row('Idle', 'Idle close', 'Idle close', 'Idle n6/2 close', 'Idle n6/2 close', 'Idle n6/2 close'),
  configure: row('-', '-', '-', '-', 'OpenConfirm timer keepalive', 'Established timer keepalive'),
  'configure reset': row(
    '-',
    'Connect close connect',
    'Connect close connect',
    'Connect n6/6 close connect',
    'Connect n6/6 close connect',
    'Connect n6/6 close connect',
  ),
  tcpConnected: row('-', 'OpenSent open timer hold', 'OpenSent open timer hold', '-', '-', '-'),
  tcpFailed: row('-', 'Active close timer connectRetry', '-', '-', '-', '-'),
  tcpClosed: row(
    '-',
    '-',
    '-',
    'Active close timer connectRetry',
    'Idle close timer idleHold',
    'Idle close timer idleHold',
  ),
  sendBlocked: row('-', '-', '-', '-', '-', 'Established timer sendHold'),
  sendUnblocked: row('-', '-', '-', '-', '-', 'Established'),
  'timer connectRetry': row('-', 'Connect close connect', 'Connect connect', '-', '-', '-'),
  'timer idleHold': row('-', '-', '-', '-', '-', '-'),
  'timer hold': row(
    '-',
    '-',
    '-',
    'OpenSent timer hold',
    'Idle n4/0 close timer idleHold',
    'Idle n4/0 close timer idleHold',
  ),
  'timer keepalive': row(
    '-',
    '-',
    '-',
    '-',
    'OpenConfirm keepalive timer keepalive',
    'Established keepalive timer keepalive',
  ),
  'timer sendHold': row('-', '-', '-', '-', '-', 'Idle n8/0 close timer idleHold'),
  open: row(
    '-',
    '-',
    '-',
    'OpenConfirm keepalive timer keepalive timer hold',
    'Idle n5/2 close timer idleHold',
    'Idle n5/3 close timer idleHold',
  ),
  'open bad': row(
    '-',
    '-',
    '-',
    'Idle n2/6 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Idle n5/3 close timer idleHold',
  ),
  keepalive: row(
    '-',
    '-',
    '-',
    'Idle n5/1 close timer idleHold',
    'Established timer hold established',
    'Established timer hold',
  ),
  update: row(
    '-',
    '-',
    '-',
    'Idle n5/1 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Established timer hold',
  ),
  notification: row(
    '-',
    '-',
    '-',
    'Idle close timer idleHold',
    'Idle close timer idleHold',
    'Idle close timer idleHold',
  ),
  routeRefresh: row(
    '-',
    '-',
    '-',
    'Idle n5/1 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Established resend',
  ),
  bfdDown: row(
    '-',
    '-',
    '-',
    'Idle n6/10 close timer idleHold',
    'Idle n6/10 close timer idleHold',
    'Idle n6/10 close timer idleHold',
  ),
  bfdUp: row('-', '-', '-', '-', '-', '-'),
  'fault header': row(
    '-',
    '-',
    '-',
    'Idle n1/2 close timer idleHold',
    'Idle n1/2 close timer idleHold',
    'Idle n1/2 close timer idleHold',
  ),
  'fault open': row(
    '-',
    '-',
    '-',
    'Idle n2/0 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Idle n5/3 close timer idleHold',
  ),
  'fault update': row(
    '-',
    '-',
    '-',
    'Idle n5/1 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Idle n3/10 close timer idleHold',
  ),
  'fault refresh': row(
    '-',
    '-',
    '-',
    'Idle n5/1 close timer idleHold',
    'Idle n5/2 close timer idleHold',
    'Idle n7/1 close timer idleHold',
  ),
}

function row(...cells: readonly string[]): Record<SessionState, string> {
  if (cells.length !== sessionStates.length) throw new Error('a row has one cell a state')
  return Object.fromEntries(sessionStates.map((name, index) => [name, cells[index]])) as Record<
    SessionState,
    string
  >
}

function words(action: Action): string[] {
  if (action.do === 'send') {
    const { message } = action
    return [message.type === 'notification' ? `n${message.code}/${message.subcode}` : message.type]
  }
  if (action.do === 'timer') return action.name === 'connectRetry' ? [] : [`timer ${action.name}`]
  return action.do === 'cancel' || action.do === 'down' ? [] : [action.do]
}

function cell(state: FsmState, input: Input): string {
  const next = step(state, input, now)
  if (next.actions.length === 0 && next.state.name === state.name) return '-'
  const done = next.actions.flatMap(words)
  // In Connect the retry timer is part of connecting; in Active it is what is waited for.
  if (next.state.name === 'Active') done.push('timer connectRetry')
  return [next.state.name, ...done].join(' ')
}

describe('every input in every state', () => {
  test('no cell is missing', () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(samples).sort())
    expect(new Set(Object.values(samples).map(({ kind }) => kind))).toEqual(new Set(inputKinds))
    for (const cells of Object.values(table)) expect(Object.keys(cells)).toEqual([...sessionStates])
  })

  test.each(Object.entries(table))('%s', (name, cells) => {
    const found = Object.fromEntries(
      sessionStates.map((state) => [state, cell(stateAt(state), samples[name])]),
    )
    expect(found).toEqual(cells)
  })

  test('states and actions are plain JSON', () => {
    for (const state of sessionStates) {
      for (const input of Object.values(samples)) {
        const next = step(stateAt(state), input, now)
        expect(JSON.parse(JSON.stringify(next))).toEqual(next)
      }
    }
  })
})

const timer = (actions: readonly Action[], name: TimerName): number | undefined =>
  actions.flatMap((action) => (action.do === 'timer' && action.name === name ? [action.ms] : []))[0]

const jittered = (ms: number | undefined, full: number) => {
  expect(ms).toBeGreaterThanOrEqual(full * 0.75)
  expect(ms).toBeLessThanOrEqual(full)
}

describe('back-off', () => {
  test('doubles from the configured time to 60 s, and starts over after 60 s of session', () => {
    let state = stateAt('Connect')
    for (const full of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      const failed = step(state, { kind: 'tcpFailed', text: '' }, now)
      jittered(timer(failed.actions, 'connectRetry'), full)
      state = step(failed.state, { kind: 'timer', name: 'connectRetry' }, now).state
    }
    state = reach(path.Established.slice(1), state)
    const short = step(state, notification(6, 2), now + 59_999)
    jittered(timer(short.actions, 'idleHold'), 60_000)
    const long = step(state, notification(6, 2), now + 60_000)
    jittered(timer(long.actions, 'idleHold'), 5000)
    expect(long.state.failures).toBe(1)
  })

  test.each([
    ['Unsupported Version Number', notification(2, 1), 0],
    ['Unsupported Optional Parameter', notification(2, 4), 0],
    ['Unsupported Capability', notification(2, 7), 0],
    ['Bad Peer AS', notification(2, 2), 1],
    ['Cease', notification(6, 5), 1],
  ])('%s in OpenSent', (_name, input, failures) => {
    expect(step(stateAt('OpenSent'), input, now).state.failures).toBe(failures)
  })

  test('who is refused waits where the peer can connect; after any other answer nobody can', () => {
    for (const state of ['OpenSent', 'OpenConfirm'] as const) {
      const names = [5, 7, 2, 4].map(
        (subcode) => step(stateAt(state), notification(6, subcode), now).state.name,
      )
      expect(names).toEqual(['Active', 'Active', 'Idle', 'Idle'])
    }
    expect(step(stateAt('Established'), notification(6, 5), now).state.name).toBe('Idle')
  })

  test('an attempt to connect gets at least ten seconds, less jitter', () => {
    const { actions } = step(stateAt('Idle'), { kind: 'start', seed: 9 }, now)
    jittered(timer(actions, 'connectRetry'), 10_000)
  })

  test('a changed configuration does not wait for the end of the back-off', () => {
    const waiting = step(stateAt('OpenSent'), notification(2, 2), now).state
    expect(waiting.name).toBe('Idle')
    const { state, actions } = step(waiting, samples['configure reset'], now)
    expect(state).toMatchObject({ name: 'Connect', failures: 0 })
    expect(actions[0]).toEqual({ do: 'cancel', names: ['idleHold'] })
    const stopped = step(waiting, { kind: 'stop', subcode: 2, text: '' }, now).state
    expect(step(stopped, samples['configure reset'], now).state.name).toBe('Idle')
    expect(step(stopped, { kind: 'timer', name: 'idleHold' }, now).state.name).toBe('Idle')
  })

  test('after the wait in Idle it connects again', () => {
    const waiting = step(stateAt('OpenSent'), notification(2, 2), now).state
    expect(step(waiting, { kind: 'timer', name: 'idleHold' }, now).state.name).toBe('Connect')
  })
})

describe('timers of a session', () => {
  test('four minutes for the OPEN, then the negotiated hold time', () => {
    const sent = step(stateAt('Connect'), { kind: 'tcpConnected' }, now)
    expect(timer(sent.actions, 'hold')).toBe(10_000)
    const late = step(sent.state, { kind: 'timer', name: 'hold' }, now)
    expect(timer(late.actions, 'hold')).toBe(230_000)
    const confirmed = step(sent.state, { kind: 'open', message: peerOpen({ holdTime: 30 }) }, now)
    expect(timer(confirmed.actions, 'hold')).toBe(30_000)
    jittered(timer(confirmed.actions, 'keepalive'), 10_000)
  })

  test('an OPEN that does not come is told once, and ends the attempt after the rest of the time', () => {
    const late = step(stateAt('OpenSent'), { kind: 'timer', name: 'hold' }, now)
    expect(late.state.name).toBe('OpenSent')
    expect(late.actions).toMatchObject([
      { do: 'down', reason: { code: 'FL_BGP_NO_OPEN', text: expect.stringContaining('TTL security') } },
      { do: 'timer', name: 'hold' },
    ])
    const never = step(late.state, { kind: 'timer', name: 'hold' }, now)
    expect(never.state).toMatchObject({ name: 'Idle', failures: 1 })
    expect(never.state).not.toHaveProperty('openLate')
    expect(never.actions[0]).toMatchObject({ do: 'send', message: { code: 4, subcode: 0 } })
    expect(never.actions).toContainEqual({
      do: 'down',
      reason: { code: 'FL_BGP_HOLD_TIMER', text: expect.stringMatching(/waiting for an OPEN: TTL security/) },
    })
    // One that comes after all counts as any other.
    const confirmed = step(late.state, { kind: 'open', message: peerOpen() }, now)
    expect(confirmed).toEqual(step(stateAt('OpenSent'), { kind: 'open', message: peerOpen() }, now))
  })

  test('hold time 0: no timer runs, none is started', () => {
    const open: Input = { kind: 'open', message: peerOpen({ holdTime: 0 }) }
    const confirmed = step(stateAt('OpenSent'), open, now)
    expect(confirmed.actions).toEqual([
      { do: 'send', message: { type: 'keepalive' } },
      { do: 'cancel', names: ['hold'] },
    ])
    const up = step(confirmed.state, { kind: 'keepalive' }, now)
    expect(up.actions.map((action) => action.do)).toEqual(['established'])
    expect(step(up.state, { kind: 'update' }, now).actions).toEqual([])
  })

  test('no more than one KEEPALIVE a second', () => {
    const own = { ...config, holdTime: 3000 }
    const sent = reach(path.OpenSent, initialState(own))
    let { state, actions } = step(sent, { kind: 'open', message: peerOpen() }, now)
    for (let round = 0; round < 50; round++) {
      expect(timer(actions, 'keepalive')).toBe(1000)
      ;({ state, actions } = step(state, { kind: 'timer', name: 'keepalive' }, now))
    }
  })

  test('the jitter is fresh each time', () => {
    let state = stateAt('Established')
    const times = Array.from({ length: 20 }, () => {
      const next = step(state, { kind: 'timer', name: 'keepalive' }, now)
      state = next.state
      return timer(next.actions, 'keepalive')
    })
    expect(new Set(times).size).toBeGreaterThan(15)
    for (const ms of times) jittered(ms, 30_000)
  })

  test('the send hold time is 8 minutes, or twice a long hold time', () => {
    const blocked = step(stateAt('Established'), { kind: 'sendBlocked' }, now)
    expect(timer(blocked.actions, 'sendHold')).toBe(480_000)
    const slow = reach(
      [...path.OpenSent, { kind: 'open', message: peerOpen({ holdTime: 600 }) }, { kind: 'keepalive' }],
      initialState({ ...config, holdTime: 600_000 }),
    )
    expect(timer(step(slow, { kind: 'sendBlocked' }, now).actions, 'sendHold')).toBe(1_200_000)
  })
})

describe('a session that BFD ended (RFC 5882 4)', () => {
  const down: Input = { kind: 'bfdDown', text: 'BFD went down' }

  test('waits ten seconds at least, in words', () => {
    const { state, actions } = step(stateAt('Established'), down, now)
    expect(timer(actions, 'idleHold')).toBe(10_000)
    expect(actions.find((action) => action.do === 'down')).toEqual({
      do: 'down',
      reason: {
        code: 'FL_BGP_CEASE_BFD',
        text: 'BFD went down; we closed the session: Cease, BFD Down (6/10)',
      },
    })
    const again = step(state, { kind: 'timer', name: 'idleHold' }, now).state
    expect(again.name).toBe('Connect')
    expect(again.held).toBeUndefined()
  })

  test('connects at once when BFD is up again', () => {
    const { state } = step(stateAt('Established'), down, now)
    const up = step(state, { kind: 'bfdUp' }, now)
    expect(up.state.name).toBe('Connect')
    expect(up.state.held).toBeUndefined()
    expect(up.actions[0]).toEqual({ do: 'cancel', names: ['idleHold'] })
  })

  test('runs the back-off when the path comes and goes', () => {
    const once = step(stateAt('Established'), down, now).state
    const back = reach([{ kind: 'bfdUp' }, ...path.Established.slice(1)], once)
    expect(back.name).toBe('Established')
    const twice = step(back, down, now + 1000)
    expect(twice.state.failures).toBe(2)
    expect(step(twice.state, { kind: 'bfdUp' }, now).actions).toEqual([])
    const settled = step(back, down, now + 60_000)
    expect(step(settled.state, { kind: 'bfdUp' }, now).state.name).toBe('Connect')
  })

  test('does not start by itself once it was stopped', () => {
    const held = step(stateAt('Established'), down, now).state
    const stopped = step(held, { kind: 'stop', subcode: 2, text: '' }, now).state
    expect(step(stopped, { kind: 'bfdUp' }, now).state.name).toBe('Idle')
  })

  test('BFD has no say over a wait that it did not cause', () => {
    const waiting = step(stateAt('Established'), notification(6, 4), now).state
    expect(step(waiting, { kind: 'bfdUp' }, now).actions).toEqual([])
    expect(step(waiting, down, now).actions).toEqual([])
  })
})

const openOf = (actions: readonly Action[]) =>
  actions.flatMap((action) =>
    action.do === 'send' && action.message.type === 'open' ? [action.message] : [],
  )[0]

describe('refused capabilities (RFC 5492 3)', () => {
  test.each([4, 7])('after 2/%d one OPEN goes without, the one after it with all', (subcode) => {
    const refused = step(stateAt('OpenSent'), notification(2, subcode), now)
    expect(refused.actions.find((action) => action.do === 'down')).toMatchObject({
      reason: { text: expect.stringContaining('the next OPEN goes without capabilities') },
    })
    const again = reach([{ kind: 'timer', name: 'idleHold' }], refused.state)
    const second = step(again, { kind: 'tcpConnected' }, now)
    expect(openOf(second.actions)?.capabilities).toEqual([])
    const twice = reach([notification(2, subcode), { kind: 'timer', name: 'idleHold' }], second.state)
    expect(openOf(step(twice, { kind: 'tcpConnected' }, now).actions)?.capabilities).toHaveLength(4)
  })
})

const ask = (afi: number, safi: number, subtype: number, own = config) =>
  step(
    stateAt('Established', own),
    { kind: 'routeRefresh', message: { type: 'routeRefresh', afi, safi, subtype } },
    now,
  ).actions

describe('route refresh', () => {
  test('is followed for negotiated families and ignored for others', () => {
    expect(ask(1, 1, 0)).toEqual([{ do: 'resend', family: 'ipv4-unicast' }])
    expect(ask(2, 1, 0)).toEqual([{ do: 'resend', family: 'ipv6-unicast' }])
    expect(ask(2, 1, 0, { ...config, families: ['ipv4-unicast'] })).toEqual([])
    expect(ask(1, 128, 0)).toEqual([])
    expect(ask(1, 1, 1)).toEqual([])
    expect(ask(1, 1, 255)).toEqual([])
  })
})

test('the data of an FSM error is the type of the message (RFC 6608 3)', () => {
  const { actions } = step(stateAt('OpenSent'), { kind: 'keepalive' }, now)
  expect(actions[0]).toEqual({
    do: 'send',
    message: { type: 'notification', code: 5, subcode: 1, data: [4] },
  })
})

test('keepaliveTime changes without a reset', () => {
  const { state, actions } = step(stateAt('Established'), samples.configure, now)
  expect(state.negotiated?.keepaliveTime).toBe(7000)
  jittered(timer(actions, 'keepalive'), 7000)
})

describe('graceful restart (RFC 4724, RFC 8538)', () => {
  const own = { ...config, gracefulRestart: { restartTime: 120_000, forwardingPreserved: true } }
  const restart = (notificationBit: boolean) => ({
    kind: 'gracefulRestart' as const,
    restarting: false,
    notification: notificationBit,
    restartTime: 90,
    families: [],
  })
  const up = (notificationBit = true) => {
    const message = peerOpen({ capabilities: [...peerOpen().capabilities, restart(notificationBit)] })
    return reach([...path.OpenSent, { kind: 'open', message }, { kind: 'keepalive' }], initialState(own))
  }
  const restarting = (actions: readonly Action[]) =>
    openOf(actions)?.capabilities.flatMap((one) => (one.kind === 'gracefulRestart' ? [one.restarting] : []))
  const sent = (actions: readonly Action[]) =>
    actions.flatMap((action) =>
      action.do === 'send' && action.message.type === 'notification' ? [action.message] : [],
    )

  test('the R bit is in every OPEN until a session was up', () => {
    const first = step(stateAt('Connect', own), { kind: 'tcpConnected' }, now)
    expect(restarting(first.actions)).toEqual([true])
    const failed = reach(
      [
        { kind: 'tcpClosed', text: '' },
        { kind: 'timer', name: 'connectRetry' },
      ],
      first.state,
    )
    expect(restarting(step(failed, { kind: 'tcpConnected' }, now).actions)).toEqual([true])
    const lost = reach(
      [
        { kind: 'tcpClosed', text: '' },
        { kind: 'timer', name: 'idleHold' },
      ],
      up(),
    )
    expect(restarting(step(lost, { kind: 'tcpConnected' }, now).actions)).toEqual([false])
    const stopped = reach(
      [
        { kind: 'stop', subcode: 2, text: '' },
        { kind: 'start', seed: 1 },
      ],
      up(),
    )
    expect(restarting(step(stopped, { kind: 'tcpConnected' }, now).actions)).toEqual([false])
  })

  test.each<[string, Input, boolean, readonly number[]]>([
    ['a shutdown is a Hard Reset', { kind: 'stop', subcode: 2, text: 'bye' }, true, [6, 9, 6, 2, 3]],
    ['so is a peer that is gone', { kind: 'stop', subcode: 3, text: '' }, true, [6, 9, 6, 3]],
    ['a reset keeps the routes', { kind: 'stop', subcode: 4, text: '' }, true, [6, 4]],
    ['unless asked otherwise', { kind: 'stop', subcode: 4, text: '', hard: true }, true, [6, 9, 6, 4]],
    ['a shutdown for an upgrade', { kind: 'stop', subcode: 2, text: '', hard: false }, true, [6, 2]],
    ['without the N bit of the peer', { kind: 'stop', subcode: 2, text: '' }, false, [6, 2]],
    ['another configuration', { kind: 'configure', config: own, reset: true }, true, [6, 6]],
    ['BFD down', { kind: 'bfdDown', text: 'BFD went down' }, true, [6, 9, 6, 10]],
    ['BFD down without the N bit', { kind: 'bfdDown', text: 'BFD went down' }, false, [6, 10]],
    ['the hold time', { kind: 'timer', name: 'hold' }, true, [4, 0]],
    ['an error of the peer', fault('FL_BGP_UPDATE_NETWORK'), true, [3, 10, 1]],
  ])('%s', (_name, input, notificationBit, octets) => {
    const [message] = sent(step(up(notificationBit), input, now).actions)
    expect([message.code, message.subcode, ...message.data].slice(0, octets.length)).toEqual(octets)
  })

  test('why BFD ended it is told without the wrapping', () => {
    const { actions } = step(up(), { kind: 'bfdDown', text: 'BFD went down' }, now)
    expect(actions.find((action) => action.do === 'down')).toMatchObject({
      reason: { text: 'BFD went down; we closed the session: Cease, BFD Down (6/10)' },
    })
  })
})

test.each<[number, number, string]>([
  [2, 2, 'we said AS 64500'],
  [2, 3, 'we said BGP identifier 10.0.0.2'],
  [2, 6, 'we offered a hold time of 90 s'],
  [2, 11, 'we said no role'],
  [4, 0, 'it is 90 s'],
  [6, 5, 'it may not know this node'],
  [6, 7, 'it has another connection from this address'],
])('a received %d/%d comes with a hint', (code, subcode, words) => {
  const { actions } = step(stateAt('Established'), notification(code, subcode), now)
  const down = actions.find((action) => action.do === 'down')
  expect(down?.reason.text).toContain(words)
})

test.each<[SessionState, SessionState]>([
  ['OpenSent', 'Active'],
  ['OpenConfirm', 'Active'],
  ['Established', 'Idle'],
])('6/7 in %s leads to %s, where connections of the peer are taken or not', (from, to) => {
  const { state } = step(stateAt(from), notification(6, 7), now)
  expect(state).toMatchObject({ name: to, failures: 1 })
})

test('a refusal first drops what was offered by configuration only', () => {
  const own = { ...config, hostname: 'node-1' }
  const refused = reach(
    [...path.OpenSent, notification(2, 7), { kind: 'timer', name: 'idleHold' }],
    initialState(own),
  )
  const kinds = openOf(step(refused, { kind: 'tcpConnected' }, now).actions)?.capabilities.map(
    ({ kind }) => kind,
  )
  expect(kinds).toEqual(['multiprotocol', 'multiprotocol', 'routeRefresh', 'fourOctetAS'])
})
