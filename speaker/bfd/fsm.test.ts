import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  inputKinds,
  type Action,
  type FsmConfig,
  type FsmState,
  type Input,
  type Step,
  type TimerName,
} from './events.ts'
import { initialState, step } from './fsm.ts'
import { fsmConfig, packet } from './testing.ts'
import { bfdStates, type BfdState, type ControlPacket } from './wire.ts'

const now = 1_000_000
const ours = 77
const theirs = 0x0a0b0c0d

const heard = (change: Partial<ControlPacket> = {}, random = 0.5): Input => ({
  kind: 'packet',
  packet: packet({ yourDiscriminator: ours, ...change }),
  random,
})
const tick = (name: TimerName): Input => ({ kind: 'timer', name, random: 0.5 })
const start: Input = { kind: 'start', random: 0.5 }

function run(state: FsmState, inputs: readonly Input[], at = now): Step {
  let actions: readonly Action[] = []
  for (const input of inputs) ({ state, actions } = step(state, input, at))
  return { state, actions }
}

/** A state reached by real inputs; the peer sends and takes 300 ms once it is Up, and no poll is open. */
const path: Record<BfdState, readonly Input[]> = {
  AdminDown: [start, { kind: 'disable', random: 0.5 }],
  Down: [start],
  Init: [start, heard({ yourDiscriminator: 0 })],
  Up: [start, heard({ state: 'Init' }), heard({ state: 'Up', final: true, desiredMinTx: 300_000 })],
}
const stateAt = (name: BfdState, config: Partial<FsmConfig> = {}): FsmState =>
  run(initialState(fsmConfig(config), ours), path[name]).state

const sent = (actions: readonly Action[]): ControlPacket[] =>
  actions.flatMap((action) => (action.do === 'send' ? [action.packet] : []))
const timer = (actions: readonly Action[], name: TimerName): number | undefined =>
  actions.flatMap((action) => (action.do === 'timer' && action.name === name ? [action.ms] : [])).at(-1)

describe('what a packet does (RFC 5880 6.8.6): our state, the peer’s, our next and its diagnostic', () => {
  const table: Record<BfdState, Record<BfdState, string>> = {
    AdminDown: { AdminDown: 'AdminDown 7', Down: 'AdminDown 7', Init: 'AdminDown 7', Up: 'AdminDown 7' },
    Down: { AdminDown: 'Down 0', Down: 'Init 0', Init: 'Up 0', Up: 'Down 0' },
    Init: { AdminDown: 'Down 3', Down: 'Init 0', Init: 'Up 0', Up: 'Up 0' },
    Up: { AdminDown: 'Down 3', Down: 'Down 3', Init: 'Up 0', Up: 'Up 0' },
  }
  test.each(bfdStates.flatMap((own) => bfdStates.map((peer) => [own, peer] as const)))(
    '%s, %s',
    (own, peer) => {
      const before = stateAt(own)
      const { state, actions } = step(before, heard({ state: peer }), now)
      expect(`${state.name} ${state.diagnostic}`).toBe(table[own][peer])
      const changes = actions.filter((action) => action.do === 'changed')
      expect(changes).toEqual(
        state.name === own
          ? []
          : [{ do: 'changed', from: own, to: state.name, diagnostic: state.diagnostic }],
      )
      // A change is told at once, silence otherwise.
      expect(sent(actions).map((one) => one.state)).toEqual(state.name === own ? [] : [state.name])
      if (own !== 'AdminDown') expect(timer(actions, 'detect')).toBeGreaterThan(0)
    },
  )
})

test('every other input in every state: no cell is missing, and all of it is plain JSON', () => {
  const samples: Record<string, Input> = {
    start,
    packet: heard(),
    timer: tick('detect'),
    configure: { kind: 'configure', config: fsmConfig({ multiplier: 5 }), random: 0.5 },
    disable: { kind: 'disable', random: 0.5 },
    enable: { kind: 'enable', random: 0.5 },
  }
  expect(Object.keys(samples)).toEqual([...inputKinds])
  const next = (kind: string): string[] =>
    bfdStates.map((name) => step(stateAt(name), samples[kind], now).state.name)
  expect(next('timer')).toEqual(['AdminDown', 'Down', 'Down', 'Down'])
  expect(next('configure')).toEqual([...bfdStates])
  expect(next('disable')).toEqual(['AdminDown', 'AdminDown', 'AdminDown', 'AdminDown'])
  expect(next('enable')).toEqual(['Down', 'Down', 'Init', 'Up'])
  for (const name of bfdStates) {
    for (const input of Object.values(samples)) {
      const result = step(stateAt(name), input, now)
      expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    }
  }
})

describe('the first packets', () => {
  test('no faster than one a second while not Up, and nothing of the peer is known', () => {
    const { actions } = run(initialState(fsmConfig(), ours), [start])
    expect(sent(actions)).toEqual([
      packet({ state: 'Down', myDiscriminator: ours, yourDiscriminator: 0, desiredMinTx: 1_000_000 }),
    ])
    expect(timer(actions, 'transmit')).toBe(875)
  })

  test('a slower wish stays slower', () => {
    const { actions } = run(initialState(fsmConfig({ desiredMinTx: 5_000_000 }), ours), [start])
    expect(sent(actions)[0].desiredMinTx).toBe(5_000_000)
  })

  test('Up polls for the interval of Up at once', () => {
    const { state, actions } = run(stateAt('Down'), [heard({ state: 'Init' })])
    expect(sent(actions)).toMatchObject([{ state: 'Up', poll: true, desiredMinTx: 300_000 }])
    expect(timer(actions, 'transmit')).toBe(262)
    expect(state.poll).toBe('active')
    const done = step(state, heard({ state: 'Up', final: true }), now)
    expect(done.state.poll).toBe('none')
    expect(sent(step(done.state, tick('transmit'), now).actions)).toMatchObject([{ poll: false }])
  })
})

describe('case 10: Poll and Final', () => {
  test('a Poll is answered at once with the present timers, and the schedule stays', () => {
    const { state, actions } = step(
      stateAt('Up'),
      heard({ state: 'Up', poll: true, desiredMinTx: 300_000 }),
      now,
    )
    expect(sent(actions)).toMatchObject([
      {
        final: true,
        poll: false,
        state: 'Up',
        yourDiscriminator: theirs,
        desiredMinTx: 300_000,
        requiredMinRx: 300_000,
      },
    ])
    expect(timer(actions, 'transmit')).toBeUndefined()
    expect(state.sentAt).toBe(now)
  })

  test('both sides poll: an answer and a Poll, never in one packet (case 15)', () => {
    const { actions } = run(stateAt('Down'), [heard({ state: 'Init', poll: true })])
    expect(sent(actions)).toMatchObject([
      { final: true, poll: false, state: 'Up' },
      { final: false, poll: true, state: 'Up' },
    ])
  })

  const configure = (config: Partial<FsmConfig>): Input => ({
    kind: 'configure',
    config: fsmConfig(config),
    random: 0,
  })
  const final = heard({ state: 'Up', final: true, desiredMinTx: 300_000 }, 0)

  test('a slower transmission waits for the Final, a faster one does not', () => {
    const slower = step(stateAt('Up'), configure({ desiredMinTx: 2_000_000 }), now)
    expect(sent(slower.actions)).toMatchObject([{ poll: true, desiredMinTx: 2_000_000 }])
    expect(timer(slower.actions, 'transmit')).toBe(225)
    const after = step(slower.state, final, now)
    expect(timer(after.actions, 'transmit')).toBe(1500)
    const faster = step(after.state, configure({ desiredMinTx: 300_000 }), now)
    expect(timer(faster.actions, 'transmit')).toBe(225)
    expect(faster.state.poll).toBe('active')
  })

  test('expecting packets sooner waits for the Final, later does not', () => {
    const fast = { state: 'Up', desiredMinTx: 10_000 } as const
    const later = step(stateAt('Up'), configure({ requiredMinRx: 1_000_000 }), now)
    expect(timer(later.actions, 'detect')).toBe(3000)
    const answered = step(later.state, heard({ ...fast, final: true }), now)
    const sooner = step(answered.state, configure({ requiredMinRx: 100_000 }), now)
    expect(timer(sooner.actions, 'detect')).toBe(3000)
    expect(timer(step(sooner.state, heard(fast), now).actions, 'detect')).toBe(3000)
    expect(timer(step(sooner.state, heard({ ...fast, final: true }), now).actions, 'detect')).toBe(300)
  })

  test('a change during a Poll is polled for after it', () => {
    const first = step(stateAt('Up'), configure({ desiredMinTx: 1_000_000 }), now)
    const second = step(first.state, configure({ desiredMinTx: 2_000_000 }), now)
    expect(second.state.poll).toBe('again')
    const middle = step(second.state, final, now)
    expect(sent(middle.actions)).toMatchObject([{ poll: true, desiredMinTx: 2_000_000 }])
    expect(middle.state.inForce.desiredMinTx).toBe(300_000)
    const end = step(middle.state, final, now)
    expect(end.state).toMatchObject({ poll: 'none', inForce: { desiredMinTx: 2_000_000 } })
  })

  test('a new multiplier goes out at once without a Poll; the same configuration says nothing', () => {
    const { actions } = step(stateAt('Up'), configure({ multiplier: 5 }), now)
    expect(sent(actions)).toMatchObject([{ multiplier: 5, poll: false }])
    expect(sent(step(stateAt('Up'), configure({}), now).actions)).toEqual([])
  })

  test('a Final that nobody asked for means nothing', () => {
    const before = stateAt('Up')
    expect(step(before, final, now).state).toEqual(before)
  })
})

describe('the peer sets the pace', () => {
  test('case 11: it takes a packet a second', () => {
    const { state, actions } = step(
      stateAt('Up'),
      heard({ state: 'Up', requiredMinRx: 1_000_000 }),
      now + 100,
    )
    expect(timer(actions, 'transmit')).toBe(875 - 100)
    expect(timer(step(state, { ...tick('transmit'), random: 0.999 }, now).actions, 'transmit')).toBe(999)
    const back = step(state, heard({ state: 'Up', requiredMinRx: 300_000 }), now + 500)
    expect(timer(back.actions, 'transmit')).toBe(1)
  })

  test('case 12: it takes none', () => {
    const { state, actions } = step(stateAt('Up'), heard({ state: 'Up', requiredMinRx: 0 }), now)
    expect(actions).toContainEqual({ do: 'cancel', name: 'transmit' })
    expect(sent(actions)).toEqual([])
    const poll = step(state, heard({ state: 'Up', requiredMinRx: 0, poll: true }), now)
    expect(sent(poll.actions)).toMatchObject([{ final: true }])
    expect(timer(poll.actions, 'transmit')).toBeUndefined()
    const again = step(state, heard({ state: 'Up' }), now)
    expect(sent(again.actions)).toHaveLength(1)
    expect(timer(again.actions, 'transmit')).toBe(262)
  })

  test('Demand mode: silence while both are Up, but for our own Poll (RFC 5880 6.6)', () => {
    const demand = { state: 'Up', demand: true, desiredMinTx: 300_000 } as const
    const quiet = step(stateAt('Up'), heard(demand), now)
    expect(quiet.actions).toContainEqual({ do: 'cancel', name: 'transmit' })
    const config = fsmConfig({ desiredMinTx: 500_000 })
    const asking = step(quiet.state, { kind: 'configure', config, random: 0 }, now)
    expect(sent(asking.actions)).toMatchObject([{ poll: true, demand: false }])
    expect(step(asking.state, heard({ ...demand, final: true }), now).actions).toContainEqual({
      do: 'cancel',
      name: 'transmit',
    })
  })
})

describe('case 13: silence', () => {
  test('the detection time is the peer’s multiplier times the slower of its sending and our wish', () => {
    const detection = (change: Partial<ControlPacket>): number | undefined =>
      timer(step(stateAt('Up'), heard({ state: 'Up', ...change }), now).actions, 'detect')
    expect(detection({ multiplier: 3, desiredMinTx: 100_000 })).toBe(900)
    expect(detection({ multiplier: 5, desiredMinTx: 400_000 })).toBe(2000)
    expect(detection({ multiplier: 1, desiredMinTx: 300_001 })).toBe(301)
    // Our own multiplier is for the peer.
    const own = stateAt('Up', { multiplier: 50 })
    expect(timer(step(own, heard({ state: 'Up', desiredMinTx: 1 }), now).actions, 'detect')).toBe(900)
  })

  test.each(['Init', 'Up'] as const)('%s: Down with diagnostic 1, the peer forgotten', (name) => {
    const { state, actions } = step(stateAt(name), tick('detect'), now)
    expect(state).toMatchObject({
      name: 'Down',
      diagnostic: 1,
      poll: 'none',
      remote: { discriminator: 0, state: 'Down', minRx: 1, minTx: 0, demand: false },
    })
    expect(sent(actions)).toMatchObject([
      { state: 'Down', diagnostic: 1, yourDiscriminator: 0, desiredMinTx: 1_000_000, poll: false },
    ])
    expect(timer(actions, 'transmit')).toBe(875)
  })

  test('a peer that was Down or AdminDown is forgotten without a change of ours', () => {
    const told = step(stateAt('Up'), heard({ state: 'AdminDown' }), now).state
    expect(told).toMatchObject({ name: 'Down', diagnostic: 3, remote: { state: 'AdminDown' } })
    const { state, actions } = step(told, tick('detect'), now)
    expect(state).toMatchObject({ name: 'Down', diagnostic: 3, remote: { discriminator: 0, state: 'Down' } })
    expect(actions.some((action) => action.do === 'changed')).toBe(false)
  })
})

describe('case 14 and our own AdminDown', () => {
  test('a remote AdminDown takes us to Down with diagnostic 3, and we stay there', () => {
    const { state } = step(stateAt('Up'), heard({ state: 'AdminDown', diagnostic: 7 }), now)
    expect(state).toMatchObject({
      name: 'Down',
      diagnostic: 3,
      remote: { state: 'AdminDown', diagnostic: 7 },
    })
    expect(step(state, heard({ state: 'AdminDown' }), now).state.name).toBe('Down')
    expect(step(state, heard({ state: 'Down' }), now).state.name).toBe('Init')
  })

  test('ours is told at once and answers nothing until it is enabled', () => {
    const { state, actions } = step(stateAt('Up'), { kind: 'disable', random: 0 }, now)
    expect(sent(actions)).toMatchObject([{ state: 'AdminDown', diagnostic: 7, desiredMinTx: 1_000_000 }])
    expect(sent(step(state, heard({ state: 'Up', poll: true }), now).actions)).toEqual([])
    const enabled = step(state, { kind: 'enable', random: 0 }, now)
    expect(sent(enabled.actions)).toMatchObject([{ state: 'Down', diagnostic: 0 }])
  })
})

describe('passive (RFC 5880 6.1)', () => {
  const passive = initialState(fsmConfig({ passive: true }), ours)

  test('says nothing before it hears the peer, and again after it has lost it', () => {
    const started = run(passive, [start])
    expect(started.actions).toEqual([])
    const first = step(started.state, heard({ yourDiscriminator: 0 }), now)
    expect(sent(first.actions)).toMatchObject([{ state: 'Init', yourDiscriminator: theirs }])
    expect(timer(first.actions, 'transmit')).toBeGreaterThan(0)
    const lost = step(first.state, tick('detect'), now)
    expect(sent(lost.actions)).toEqual([])
    expect(lost.actions).toContainEqual({ do: 'cancel', name: 'transmit' })
    expect(lost.state.name).toBe('Down')
  })
})

describe('case 15: jitter', () => {
  const intervals = (multiplier: number): number[] => {
    let state = stateAt('Up', { multiplier })
    let seed = 1
    return Array.from({ length: 2000 }, () => {
      seed = (seed * 48_271) % 0x7fffffff
      const next = step(state, { kind: 'timer', name: 'transmit', random: seed / 0x7fffffff }, now)
      state = next.state
      return timer(next.actions, 'transmit') ?? 0
    })
  }

  test('75 to 100 % of the interval, all of it used', () => {
    const all = intervals(3)
    expect(Math.min(...all)).toBe(225)
    expect(Math.max(...all)).toBeLessThanOrEqual(300)
    expect(Math.max(...all)).toBeGreaterThanOrEqual(298)
    expect(all.reduce((sum, ms) => sum + ms, 0) / all.length).toBeCloseTo(262, -1)
    expect(new Set(all).size).toBeGreaterThan(70)
  })

  test('at most 90 % with a multiplier of 1', () => {
    const all = intervals(1)
    expect(Math.min(...all)).toBe(225)
    expect(Math.max(...all)).toBeLessThanOrEqual(270)
    expect(Math.max(...all)).toBeGreaterThanOrEqual(268)
  })
})

/** Two sides, a line that loses and delays, and timers: as small a world as shows what the pair does. */
class Pair {
  readonly states: FsmState[]
  readonly timers = [new Map<string, number>(), new Map<string, number>()]
  readonly line: { at: number; to: number; packet: ControlPacket }[] = []
  now = 0
  wrong = 0
  readonly #random: () => number
  readonly lost: () => boolean

  constructor(configs: readonly FsmConfig[], random: () => number, lost: () => boolean) {
    this.#random = random
    this.lost = lost
    this.states = configs.map((config, side) => initialState(config, side + 1))
    for (const side of [0, 1]) this.#step(side, { kind: 'start', random: random() })
  }

  #step(side: number, input: Input): void {
    const { state, actions } = step(this.states[side], input, this.now)
    this.states[side] = state
    for (const action of actions) {
      if (action.do === 'timer') this.timers[side].set(action.name, this.now + action.ms)
      else if (action.do === 'cancel') this.timers[side].delete(action.name)
      else if (action.do === 'send') {
        if (action.packet.poll && action.packet.final) this.wrong++
        if (!this.lost()) {
          this.line.push({ at: this.now + 1 + this.#random() * 5, to: 1 - side, packet: action.packet })
        }
      }
    }
  }

  /** One event; false when nothing can happen any more. */
  next(): boolean {
    const due = this.timers.flatMap((timers, side) => [...timers].map(([name, at]) => ({ side, name, at })))
    due.sort((a, b) => a.at - b.at)
    this.line.sort((a, b) => a.at - b.at)
    const [arrival] = this.line
    if (arrival !== undefined && (due.length === 0 || arrival.at <= due[0].at)) {
      this.line.shift()
      this.now = arrival.at
      // What `sessions.ts` does with a discriminator that is not ours.
      const { yourDiscriminator, state } = arrival.packet
      const ours = yourDiscriminator === 0 ? state === 'Down' || state === 'AdminDown' : true
      if (ours) this.#step(arrival.to, { kind: 'packet', packet: arrival.packet, random: this.#random() })
      return true
    }
    if (due.length === 0) return false
    const [{ side, name, at }] = due
    this.now = at
    this.timers[side].delete(name)
    this.#step(side, { kind: 'timer', name: name as 'transmit' | 'detect', random: this.#random() })
    return true
  }

  runUntil(end: number): void {
    while (this.now < end && this.next());
  }
}

const config = fc.record({
  desiredMinTx: fc.integer({ min: 10_000, max: 2_000_000 }),
  requiredMinRx: fc.integer({ min: 10_000, max: 2_000_000 }),
  multiplier: fc.integer({ min: 2, max: 5 }),
  passive: fc.constant(false),
})

test('any two sides come Up, stay Up on a good line and agree, however it was before', () => {
  fc.assert(
    fc.property(
      config,
      config,
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (a, b, stream) => {
        const random = (): number => stream.next().value as number
        let losing = true
        const pair = new Pair([a, b], random, () => losing && random() < 0.6)
        pair.runUntil(20_000)
        losing = false
        // One detection time to notice, then two round trips at the slow rate.
        pair.runUntil(20_000 + 15_000)
        const names = (): string[] => pair.states.map(({ name }) => name)
        expect(names()).toEqual(['Up', 'Up'])
        const [one, other] = pair.states
        expect(one.remote.discriminator).toBe(other.discriminator)
        for (let event = 0; event < 500; event++) {
          pair.next()
          expect(names()).toEqual(['Up', 'Up'])
        }
        expect(pair.states.map(({ poll }) => poll)).toEqual(['none', 'none'])
        expect(pair.states[0].inForce).toEqual({
          desiredMinTx: a.desiredMinTx,
          requiredMinRx: a.requiredMinRx,
        })
        expect(pair.wrong).toBe(0)
      },
    ),
    { numRuns: 30 },
  )
})
