import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initialPeer, stepPeer } from './collision.ts'
import { fsmConfig } from './config-change.ts'
import type { FsmConfig, Input, PeerAction, PeerInput, PeerState } from './events.ts'
import { peerOpen, testConfig } from './testing.ts'
import type { OpenMessage } from './wire/open.ts'

/** Our identifier is 10.0.0.2. */
const config = fsmConfig({ ...testConfig, listen: true })
const now = 1_000_000
const lower: Partial<OpenMessage> = { routerId: '10.0.0.1' }
const higher: Partial<OpenMessage> = { routerId: '10.0.0.3' }

const start: PeerInput = { on: 'peer', kind: 'start', seed: 1 }
const connected: PeerInput = { on: 'primary', kind: 'tcpConnected' }
const accepted: PeerInput = { on: 'second', kind: 'tcpConnected' }
const failed: PeerInput = { on: 'primary', kind: 'tcpFailed', text: 'refused' }
const open = (on: 'primary' | 'second', change: Partial<OpenMessage> = lower): PeerInput => ({
  on,
  kind: 'open',
  message: peerOpen(change),
})
const keepalive = (on: 'primary' | 'second'): PeerInput => ({ on, kind: 'keepalive' })
const noOpen = (on: 'primary' | 'second'): PeerInput => ({ on, kind: 'timer', name: 'hold' })
const closed = (on: 'primary' | 'second'): PeerInput => ({ on, kind: 'tcpClosed', text: '' })
const notification = (on: 'primary' | 'second', code: number, subcode: number): PeerInput => ({
  on,
  kind: 'notification',
  message: { type: 'notification', code, subcode, data: [] },
})

/** A number is that many milliseconds later. */
type Script = readonly (PeerInput | number)[]

function run(script: Script, own: FsmConfig = config) {
  let state = initialPeer(own)
  let actions: readonly PeerAction[] = []
  let time = now
  for (const input of script) {
    if (typeof input === 'number') time += input
    else ({ state, actions } = stepPeer(state, input, time))
  }
  return { state, actions }
}

/** `Established <` is a connection that the peer opened, `Established >` one of ours. */
const shape = ({ primary, second }: PeerState): string =>
  [primary, second]
    .flatMap((state) => (state === undefined ? [] : [`${state.name} ${state.incoming ? '<' : '>'}`]))
    .join(' + ')

/** What is said and done on the two connections: `1` is the primary one, `2` the second at that moment. */
const deeds = (actions: readonly PeerAction[]): string =>
  actions
    .flatMap((action) => {
      const on = action.on === 'primary' ? '1' : '2'
      if (action.do === 'swap') return ['swap']
      if (action.do === 'send' || action.do === 'reject') {
        const { message } = action
        return [
          `${on} ${message.type === 'notification' ? `${message.code}/${message.subcode}` : message.type}`,
        ]
      }
      return action.do === 'timer' || action.do === 'cancel' ? [] : [`${on} ${action.do}`]
    })
    .join(', ')

const row = (script: Script, own?: FsmConfig) => {
  const { state, actions } = run(script, own)
  return [shape(state), deeds(actions)]
}

const both = [start, connected, accepted] as const
/** Ours has the OPEN of a peer with a larger identifier, theirs is silent. */
const outFirst = [...both, 6000, open('primary', higher)] as const
/** Theirs has the OPEN of a peer with a smaller identifier, ours is silent. */
const inFirst = [...both, 6000, open('second')] as const
const upOverTheirs = [start, failed, accepted, open('second'), keepalive('primary')] as const

describe('a connection of the peer', () => {
  test.each<[string, Script, string, string]>([
    ['while ours is being opened', [start, accepted], 'Connect > + OpenSent <', '2 adopt, 2 open'],
    ['while we wait', [start, failed, accepted], 'Active > + OpenSent <', '2 adopt, 2 open'],
    ['after our OPEN', both, 'OpenSent > + OpenSent <', '2 adopt, 2 open'],
    [
      'after its OPEN on ours',
      [start, connected, open('primary'), accepted],
      'OpenConfirm > + OpenSent <',
      '2 adopt, 2 open',
    ],
    [
      'in a session',
      [start, connected, open('primary'), keepalive('primary'), accepted],
      'Established > + OpenSent <',
      '2 adopt, 2 open',
    ],
    ['beside another one: refused', [...both, accepted], 'OpenSent > + OpenSent <', '2 reject 6/5'],
    ['before the start: refused', [accepted], 'Idle >', '2 reject 6/5'],
    [
      'after an error: refused',
      [start, connected, notification('primary', 6, 4), accepted],
      'Idle >',
      '2 reject 6/5',
    ],
  ])('%s', (_name, inputs, state, done) => {
    expect(row(inputs)).toEqual([state, done.replace('reject ', '')])
  })

  test('is refused by a speaker that does not listen', () => {
    expect(row([start, accepted], { ...config, listen: false })).toEqual(['Connect >', '2 6/5'])
  })

  test('becomes the session when ours does not come up', () => {
    expect(row([start, failed, accepted, open('second')])).toEqual([
      'OpenConfirm <',
      '1 close, swap, 1 keepalive',
    ])
    expect(row([start, accepted, open('second'), keepalive('primary')])).toEqual([
      'Established <',
      '1 established',
    ])
  })

  test('a connection attempt of ours goes on beside one without an OPEN', () => {
    const { state } = run([start, accepted, { on: 'primary', kind: 'timer', name: 'connectRetry' }])
    expect(shape(state)).toBe('Connect > + OpenSent <')
  })
})

describe('which of two stays (RFC 4271 6.8)', () => {
  test.each<[string, Script, string, string]>([
    [
      'we are larger, the OPEN comes on ours',
      [...both, open('primary')],
      'OpenConfirm >',
      '2 6/7, 2 close, 1 keepalive',
    ],
    ['we are larger, the OPEN comes on theirs', [...both, open('second')], 'OpenSent >', '2 6/7, 2 close'],
    [
      'they are larger, the OPEN comes on ours',
      [...both, open('primary', higher)],
      'OpenSent <',
      '1 6/7, 1 close, swap',
    ],
    [
      'they are larger, the OPEN comes on theirs',
      [...both, open('second', higher)],
      'OpenConfirm <',
      '1 6/7, 1 close, swap, 1 keepalive',
    ],
    [
      'they are larger and connect after their OPEN on ours',
      [start, connected, open('primary', higher), accepted, open('second', higher)],
      'OpenConfirm <',
      '1 6/7, 1 close, swap, 1 keepalive',
    ],
    [
      'we are larger and they connect after their OPEN on ours',
      [start, connected, open('primary'), accepted, open('second')],
      'OpenConfirm >',
      '2 6/7, 2 close',
    ],
    ['the larger one is silent: ours', inFirst, 'OpenConfirm < + OpenSent >', 'swap, 1 keepalive'],
    ['the larger one is silent: theirs', outFirst, 'OpenConfirm > + OpenSent <', '1 keepalive'],
    [
      'the smaller one is silent: theirs',
      [...both, 6000, open('primary')],
      'OpenConfirm >',
      '2 6/7, 2 close, 1 keepalive',
    ],
    [
      'it speaks in the end: ours',
      [...inFirst, open('second')],
      'OpenConfirm >',
      '1 6/7, 1 close, swap, 1 keepalive',
    ],
    [
      'it speaks in the end: theirs',
      [...outFirst, open('second', higher)],
      'OpenConfirm <',
      '1 6/7, 1 close, swap, 1 keepalive',
    ],
    [
      'it speaks too late',
      [...outFirst, keepalive('primary')],
      'Established >',
      '2 6/7, 2 close, 1 established',
    ],
    [
      'one is up already, whoever is larger',
      [start, connected, open('primary', higher), keepalive('primary'), accepted, open('second', higher)],
      'Established >',
      '2 6/7, 2 close',
    ],
    [
      'theirs is up already, and they open another one',
      [...upOverTheirs, accepted, open('second')],
      'Established <',
      '2 6/7, 2 close',
    ],
    [
      'both are theirs: the first',
      [start, accepted, open('second'), accepted, open('second')],
      'OpenConfirm <',
      '2 6/7, 2 close',
    ],
    [
      'both are theirs, and the first has no OPEN',
      [...both, closed('primary'), accepted, open('second')],
      'OpenConfirm < + OpenSent <',
      'swap, 1 keepalive',
    ],
  ])('%s', (_name, script, state, done) => {
    expect(row(script)).toEqual([state, done])
  })

  test('identifiers are unsigned integers, not texts', () => {
    const own = { ...config, routerId: '9.255.255.255' }
    expect(row([...both, open('second')], own)[0]).toBe('OpenConfirm <')
    const large = { ...config, routerId: '200.0.0.1' }
    expect(row([...both, open('primary', higher)], large)[0]).toBe('OpenConfirm >')
  })

  test('of equal identifiers the larger AS wins (RFC 6286 2.3)', () => {
    const same: Partial<OpenMessage> = { routerId: config.routerId }
    expect(row([...both, open('second', same)])[0]).toBe('OpenConfirm <')
    expect(row([...both, open('primary', same)], { ...config, localAS: 65000 })[0]).toBe('OpenConfirm >')
  })

  test('a bad OPEN ends its own connection only', () => {
    const bad = open('second', { holdTime: 1 })
    expect(row([...both, bad])).toEqual(['OpenSent >', '2 2/6, 2 close, 2 down'])
    expect(row([...outFirst, bad])).toEqual(['OpenConfirm >', '2 2/6, 2 close'])
    expect(row([...both, { ...bad, on: 'primary' }])).toEqual(['OpenSent <', '1 2/6, 1 close, 1 down, swap'])
  })
})

describe('a peer that restarted (RFC 4724 4.2)', () => {
  const own: FsmConfig = { ...config, gracefulRestart: { restartTime: 60_000, forwardingPreserved: true } }
  const restart = (families: readonly number[]): Partial<OpenMessage> => ({
    capabilities: [
      ...peerOpen().capabilities,
      {
        kind: 'gracefulRestart',
        restarting: false,
        notification: false,
        restartTime: 120,
        families: families.map((afi) => ({ afi, safi: 1, forwarding: false })),
      },
    ],
  })

  test('its new connection replaces the old one without a NOTIFICATION', () => {
    const up = [start, connected, open('primary', restart([1])), keepalive('primary'), 6000] as const
    const { state, actions } = run([...up, accepted, open('second', restart([1]))], own)
    expect([shape(state), deeds(actions)]).toEqual(['OpenConfirm <', '1 close, 1 down, swap, 1 keepalive'])
    const { state: again } = run(
      [
        ...up,
        accepted,
        open('second', restart([1])),
        keepalive('primary'),
        6000,
        accepted,
        open('second', restart([1])),
      ],
      own,
    )
    expect(shape(again)).toBe('OpenConfirm <')
  })

  test('not right after it came up: both sides connected', () => {
    const up = [start, connected, open('primary', restart([1])), keepalive('primary')]
    expect(row([...up, accepted, open('second', restart([1]))], own)).toEqual([
      'Established >',
      '2 6/7, 2 close',
    ])
  })

  test('a peer that only helps others has not', () => {
    const up = [start, connected, open('primary', restart([])), keepalive('primary'), 6000] as const
    expect(row([...up, accepted, open('second', restart([]))], own)).toEqual([
      'Established >',
      '2 6/7, 2 close',
    ])
  })
})

describe('when one of two ends', () => {
  test.each<[string, Script, string, string]>([
    ['the peer closes the second', [...both, closed('second')], 'OpenSent >', '2 close, 2 down'],
    [
      'the peer closes ours: theirs takes over',
      [...both, closed('primary')],
      'OpenSent <',
      '1 close, 1 down, swap',
    ],
    ['in OpenConfirm too', [...outFirst, closed('primary')], 'OpenSent <', '1 close, 1 down, swap'],
    [
      'the peer settled the collision on ours',
      [...outFirst, notification('primary', 6, 7)],
      'OpenSent <',
      '1 close, swap',
    ],
    ['or on theirs', [...outFirst, notification('second', 6, 7)], 'OpenConfirm >', '2 close'],
    [
      'nobody sends an OPEN on the second',
      [start, failed, accepted, noOpen('second'), noOpen('second')],
      'Idle >',
      '2 4/0, 2 close, 2 down, 1 close',
    ],
    [
      'the OPEN on the second is late: that is told',
      [start, failed, accepted, noOpen('second')],
      'Active > + OpenSent <',
      '2 down',
    ],
    [
      'but not beside a session that comes up',
      [...outFirst, noOpen('second')],
      'OpenConfirm > + OpenSent <',
      '',
    ],
    [
      'a stray connection while we wait',
      [start, failed, accepted, closed('second')],
      'Active >',
      '2 close, 2 down',
    ],
    [
      'a wrong AS while we wait: we do not try at once',
      [start, failed, accepted, open('second', { capabilities: [{ kind: 'fourOctetAS', as: 1 }] })],
      'Idle >',
      '2 2/2, 2 close, 2 down, 1 close',
    ],
  ])('%s', (_name, inputs, state, done) => {
    expect(row(inputs)).toEqual([state, done])
  })

  test('a session over their connection ends as any other, and we connect again', () => {
    const ended = run([...upOverTheirs, closed('primary')])
    expect(shape(ended.state)).toBe('Idle >')
    expect(ended.actions.at(-1)).toMatchObject({ on: 'primary', do: 'timer', name: 'idleHold' })
    const again = stepPeer(ended.state, { on: 'primary', kind: 'timer', name: 'idleHold' }, now)
    expect(deeds(again.actions)).toBe('1 connect')
  })

  test('a collision that the peer settled does not lengthen the wait', () => {
    expect(run([...outFirst, notification('primary', 6, 7)]).state.primary.failures).toBe(0)
    expect(run([...outFirst, closed('primary')]).state.primary.failures).toBe(1)
  })
})

describe('what concerns the peer goes to both', () => {
  const peer = (input: Input): PeerInput => ({ ...input, on: 'peer' }) as PeerInput

  test.each<[string, PeerInput, string, string]>([
    [
      'stop',
      peer({ kind: 'stop', subcode: 2, text: '' }),
      'Idle >',
      '2 6/2, 2 close, 1 6/2, 1 close, 1 down',
    ],
    [
      'another configuration',
      peer({ kind: 'configure', config: { ...config, holdTime: 30_000 }, reset: true }),
      'Connect >',
      '2 6/6, 2 close, 1 6/6, 1 close, 1 down, 1 connect',
    ],
    [
      'BFD down',
      peer({ kind: 'bfdDown', text: 'BFD went down' }),
      'Idle >',
      '2 6/10, 2 close, 1 6/10, 1 close, 1 down',
    ],
    ['start', start, 'OpenConfirm > + OpenSent <', ''],
    ['BFD up', peer({ kind: 'bfdUp' }), 'OpenConfirm > + OpenSent <', ''],
  ])('%s', (_name, input, state, done) => {
    expect(row([...outFirst, input])).toEqual([state, done])
  })

  test('a setting that needs no reset', () => {
    const { state } = run([
      ...outFirst,
      peer({ kind: 'configure', config: { ...config, listen: false }, reset: false }),
    ])
    expect([state.primary.config.listen, state.second?.config.listen]).toEqual([false, false])
  })
})

test('whatever happens in whatever order: a second connection waits for its OPEN, beside a primary that is not Idle', () => {
  const inputs: readonly PeerInput[] = [
    start,
    connected,
    accepted,
    failed,
    ...(['primary', 'second'] as const).flatMap((on) => [
      open(on),
      open(on, higher),
      open(on, { holdTime: 2 }),
      keepalive(on),
      closed(on),
      notification(on, 6, 7),
      notification(on, 2, 4),
      { on, kind: 'timer', name: 'hold' } as const,
      { on, kind: 'timer', name: 'idleHold' } as const,
      { on, kind: 'timer', name: 'connectRetry' } as const,
    ]),
    { on: 'peer', kind: 'stop', subcode: 2, text: '' },
    { on: 'peer', kind: 'bfdDown', text: '' },
    { on: 'peer', kind: 'configure', config, reset: true },
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...inputs), { maxLength: 25 }), (sequence) => {
      let state = initialPeer(config)
      for (const input of [start, ...sequence]) {
        const next = stepPeer(state, input, now)
        state = next.state
        if (state.second !== undefined) {
          expect(state.second.name).toBe('OpenSent')
          expect(state.primary.name).not.toBe('Idle')
        }
        expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      }
    }),
    { numRuns: 200 },
  )
})
