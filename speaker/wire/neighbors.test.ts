import { beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import { FakeNetwork, fakeSessions, settings } from '../bfd/testing.ts'
import type { BfdSessions } from '../bfd/sessions.ts'
import type { Suspect } from '../layer2/suspicion.ts'
import { Neighbors } from './neighbors.ts'
import { watched } from './watch-ring.ts'
import type { WireInterface, WireNeighbor, WireSelf, WireSpeaker } from './protocol.ts'

const names = ['a', 'b', 'c']
const ipOf = (node: string): string =>
  `192.0.2.${node.length === 1 ? node.charCodeAt(0) : 100 + Number.parseInt(node.slice(1), 10)}`

/** One node with its sessions; what it has said is kept. */
class Node {
  readonly name: string
  readonly sessions: BfdSessions
  readonly neighbors: Neighbors
  readonly states: string[] = []
  readonly doubts: string[] = []
  readonly suspects: (Suspect | undefined)[] = []
  readonly told = new Map<string, WireNeighbor>()
  messages = 0

  /** @param onSpoke before each packet to one that is alive */
  constructor(
    name: string,
    onSpoke: (node: string, interval: number) => void = () => {},
    discriminator = 1000 * name.charCodeAt(0),
  ) {
    this.name = name
    this.sessions = fakeSessions(network, discriminator)
    this.neighbors = new Neighbors({
      node: name,
      clock,
      sessions: this.sessions,
      onState: (node, state) => this.states.push(`${node} ${state}`),
      onDoubt: (node, suspect) => {
        this.doubts.push(`${node} ${suspect?.doubt ?? 'none'}`)
        this.suspects.push(suspect)
      },
      onSpoke,
      onTold: (neighbors, gone) => {
        this.messages++
        for (const one of neighbors) this.told.set(one.node, one)
        for (const node of gone) this.told.delete(node)
      },
    })
    this.neighbors.start()
    this.neighbors.interfaces([eth0(`${ipOf(name)}/24`)])
  }

  knows(change: Partial<WireSpeaker> = {}, list = names): this {
    this.neighbors.speakers(
      self(this.name),
      list.filter((node) => node !== this.name).map((node) => speaker(node, change)),
    )
    return this
  }

  state(node: string): string | undefined {
    return this.told.get(node)?.state
  }

  sessionStates(): string[] {
    return this.sessions.statuses().map(({ remote, state }) => `${remote} ${state}`)
  }
}

const self = (node: string): WireSelf => ({ stale: false, internalIPs: [ipOf(node)], liveness: settings() })

const speaker = (node: string, change: Partial<WireSpeaker> = {}): WireSpeaker => ({
  node,
  internalIPs: [ipOf(node)],
  interfaces: [{ mac: '02:00:00:00:00:01', prefixes: [`${ipOf(node)}/24`] }],
  ready: true,
  apiReachable: true,
  reportedDead: false,
  ...change,
})

const eth0 = (...prefixes: string[]): WireInterface => ({
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01',
  up: true,
  prefixes,
  usable: true,
  reason: '',
})

let clock: FakeClock
let network: FakeNetwork
let a: Node
let b: Node

beforeEach(() => {
  clock = new FakeClock()
  network = new FakeNetwork(clock)
  a = new Node('a')
  b = new Node('b')
})

/** Both know each other and have heard each other. */
function meet(): void {
  a.knows({}, ['a', 'b'])
  b.knows({}, ['a', 'b'])
  clock.advance(3000)
  expect([a.state('b'), b.state('a')]).toEqual(['alive', 'alive'])
}

/** From now on nothing of this node arrives anywhere. */
const mute = (node: string): void => {
  network.lost = ({ path }) => path.local === ipOf(node) || path.remote === ipOf(node)
}

describe('what BFD says', () => {
  test('unknown, then alive; told with the path', () => {
    a.knows({}, ['a', 'b'])
    expect(a.states).toEqual(['b unknown'])
    b.knows({}, ['a', 'b'])
    clock.advance(3000)
    expect(a.states).toEqual(['b unknown', 'b alive'])
    expect(a.told.get('b')).toMatchObject({ local: ipOf('a'), remote: ipOf('b'), problem: '' })
    const { since } = a.told.get('b') as WireNeighbor
    const { messages } = a
    clock.advance(30_000)
    expect(a.told.get('b')?.since).toBe(since)
    expect(a.messages).toBe(messages)
  })

  test('dead within the detection time, whatever its status says, and alive when it is heard again', () => {
    meet()
    mute('b')
    clock.advance(1000)
    expect(a.state('b')).toBe('dead')
    a.knows({ ready: false }, ['a', 'b'])
    expect(a.state('b')).toBe('dead')
    a.knows({}, ['a', 'b'])
    clock.advance(120_000)
    expect(a.state('b')).toBe('dead')
    network.lost = () => false
    clock.advance(3000)
    expect(a.states).toEqual(['b unknown', 'b alive', 'b dead', 'b alive'])
  })

  test('a planned stop is left at once, and stays so', () => {
    meet()
    b.neighbors.leave()
    clock.advance(2)
    expect(a.state('b')).toBe('left')
    clock.advance(60_000)
    expect(a.states).toEqual(['b unknown', 'b alive', 'b left'])
    expect(b.states).toEqual(['a unknown', 'a alive'])
  })

  test('who comes back is alive, or where BFD does not come up what its status says', () => {
    meet()
    b.neighbors.leave()
    clock.advance(2000)
    const again = new Node('b').knows({}, ['a', 'b'])
    clock.advance(3000)
    expect(a.state('b')).toBe('alive')
    again.neighbors.leave()
    clock.advance(2000)
    a.knows({ ready: false }, ['a', 'b'])
    expect(a.state('b')).toBe('left')
    a.knows({}, ['a', 'b'])
    expect(a.state('b')).toBe('unknown')
  })

  test('a session that BGP has already counts from the start', () => {
    b.knows({}, ['a', 'b'])
    const request = {
      local: ipOf('a'),
      remote: ipOf('b'),
      interface: 'eth0',
      multihop: false,
      settings: settings(),
      client: 'bgp/b',
    }
    a.sessions.acquire(request, () => {})
    clock.advance(3000)
    a.knows({}, ['a', 'b'])
    expect(a.states).toEqual(['b alive'])
    expect(a.sessions.statuses().map(({ clients }) => clients)).toEqual([['bgp/b', 'layer2/b']])
  })
})

describe('where BFD says nothing', () => {
  test.each<[Partial<WireSpeaker>, string]>([
    [{}, 'unknown'],
    [{ apiReachable: false }, 'dead'],
    [{ ready: false }, 'left'],
    [{ ready: false, apiReachable: false }, 'left'],
    [{ reportedDead: true }, 'dead'],
  ])('%o is %s', (change, state) => {
    a.knows(change, ['a', 'b'])
    expect(a.states).toEqual([`b ${state}`])
  })

  test('no path', () => {
    a.knows({ internalIPs: [], interfaces: [] }, ['a', 'b'])
    expect(a.told.get('b')).toMatchObject({
      state: 'unknown',
      problem: 'no addresses of one family are known on both nodes',
    })
    expect(a.told.get('b')).not.toHaveProperty('local')
  })

  test('no socket', () => {
    network.refuse = () => 'EADDRNOTAVAIL'
    a.knows({}, ['a', 'b'])
    expect(a.told.get('b')?.problem).toContain('is not an address of this node')
    network.refuse = () => undefined
    clock.advance(3000)
    expect(a.told.get('b')?.problem).toBe('')
  })

  test('no session: tried again', () => {
    let refuse = true
    const { acquire } = a.sessions
    a.sessions.acquire = (...args) => {
      if (refuse) throw new Error('too many')
      return acquire.apply(a.sessions, args)
    }
    a.knows({}, ['a', 'b'])
    expect(a.told.get('b')).toMatchObject({ state: 'unknown', problem: 'too many' })
    refuse = false
    clock.advance(1000)
    expect(a.told.get('b')).toMatchObject({ problem: '', remote: ipOf('b') })
  })
})

test('settings follow', () => {
  meet()
  a.neighbors.speakers(
    { ...self('a'), liveness: settings({ transmitInterval: 100, receiveInterval: 100 }) },
    [speaker('b')],
  )
  clock.advance(5000)
  expect(a.sessions.statuses()[0].receiveInterval).toBe(300)
  b.neighbors.speakers(
    { ...self('b'), liveness: settings({ transmitInterval: 100, receiveInterval: 100 }) },
    [speaker('a')],
  )
  clock.advance(5000)
  expect(a.sessions.statuses()[0]).toMatchObject({ receiveInterval: 100, state: 'Up' })
  mute('b')
  clock.advance(350)
  expect(a.state('b')).toBe('dead')
})

test('a speaker that is none any more', () => {
  meet()
  a.knows({}, ['a'])
  expect([...a.told]).toEqual([])
  clock.advance(2)
  // It has not been told that this one leaves.
  expect(b.state('a')).toBe('unknown')
  clock.advance(2000)
  expect(a.sessions.statuses()).toEqual([])
})

describe('another path', () => {
  const moved = speaker('b', {
    interfaces: [{ mac: '02:00:00:00:00:01', prefixes: ['10.0.0.98/24'] }],
    internalIPs: ['10.0.0.98'],
  })
  const both = [eth0(`${ipOf('a')}/24`), { ...eth0('10.0.0.97/24'), name: 'eth1', index: 3 }]

  test('the former session stays until the new one works, and nobody takes its end for a failure or a farewell', () => {
    meet()
    a.neighbors.interfaces(both)
    a.neighbors.speakers(self('a'), [moved])
    clock.advance(120_000)
    expect(a.sessionStates()).toEqual([`${ipOf('b')} Up`, '10.0.0.98 Down'])
    expect(a.told.get('b')).toMatchObject({ state: 'alive', remote: ipOf('b') })

    b.neighbors.interfaces([eth0('10.0.0.98/24')])
    b.neighbors.speakers({ ...self('b'), internalIPs: ['10.0.0.98'] }, [
      speaker('a', {
        interfaces: [{ mac: '02:00:00:00:00:01', prefixes: [`${ipOf('a')}/24`, '10.0.0.97/24'] }],
      }),
    ])
    clock.advance(15_000)
    expect(a.sessionStates()).toEqual(['10.0.0.98 Up'])
    expect(b.sessionStates()).toEqual(['10.0.0.97 Up'])
    expect(a.states).toEqual(['b unknown', 'b alive'])
    expect(b.states).toEqual(['a unknown', 'a alive'])
  })

  test('that comes back is the session of before', () => {
    meet()
    const { discriminator } = a.sessions.statuses()[0]
    a.neighbors.interfaces([])
    clock.advance(500)
    a.neighbors.interfaces([eth0(`${ipOf('a')}/24`)])
    clock.advance(500)
    expect(a.states).toEqual(['b unknown', 'b alive'])
    expect(a.sessions.statuses().find(({ multihop }) => !multihop)?.discriminator).toBe(discriminator)
    clock.advance(15_000)
    expect(a.sessionStates()).toEqual([`${ipOf('b')} Up`])
  })

  test('fails while the new one has never worked: dead, and after a minute unknown', () => {
    meet()
    a.neighbors.interfaces([])
    mute('b')
    clock.advance(1000)
    expect(a.state('b')).toBe('dead')
    clock.advance(61_000)
    expect(a.state('b')).toBe('unknown')
  })

  test('many in a row keep three sessions at most', () => {
    meet()
    for (let index = 1; index <= 9; index++) {
      a.neighbors.interfaces([eth0(`10.0.${index}.1/24`)])
      a.neighbors.speakers(self('a'), [
        speaker('b', { interfaces: [{ mac: '', prefixes: [`10.0.${index}.2/24`] }] }),
      ])
      clock.advance(2000)
    }
    const sessions = a.sessionStates()
    expect(sessions).toHaveLength(3)
    expect(sessions).toEqual(expect.arrayContaining([`${ipOf('b')} Up`, '10.0.9.2 Down']))
    expect(a.states).toEqual(['b unknown', 'b alive'])
  })
})

describe('doubt about one that BFD calls alive', () => {
  test('its process has ended: refused at the next packet, and dead when BFD says so', () => {
    meet()
    network.ended.add(ipOf('b'))
    mute('b')
    clock.advance(310)
    expect(a.doubts).toEqual(['b refused'])
    expect(a.state('b')).toBe('alive')
    clock.advance(400)
    // Silence takes nothing back of it.
    expect(a.doubts).toEqual(['b refused'])
    clock.advance(400)
    expect(a.states.at(-1)).toBe('b dead')
    expect(a.doubts).toEqual(['b refused', 'b none'])
  })

  test('one packet is lost: overdue, with the way to ask its machine, until the next one is heard', () => {
    meet()
    const c = new Node('c').knows()
    a.knows()
    clock.advance(3000)
    expect(a.state('c')).toBe('alive')
    mute('b')
    clock.advance(315)
    expect(a.doubts).toEqual(['b overdue'])
    const path = { interface: 'eth0', local: ipOf('a') }
    expect(a.suspects[0]).toEqual({
      doubt: 'overdue',
      host: { node: 'b', remote: ipOf('b'), ...path },
      witnesses: [{ node: 'c', remote: ipOf('c'), ...path }],
    })
    network.lost = () => false
    clock.advance(400)
    expect(a.doubts).toEqual(['b overdue', 'b none'])
    expect(a.states.filter((state) => state.startsWith('b'))).toEqual(['b unknown', 'b alive'])
    expect(c.state('a')).toBe('alive')
  })

  test('the next packet says to whom it goes and when another one comes', () => {
    const spoken: string[] = []
    a = new Node('a', (node, interval) => spoken.push(`${node} ${interval}`))
    meet()
    expect(new Set(spoken.slice(-5))).toEqual(new Set(['b 300']))
  })

  test('one of two sessions is heard: none', () => {
    meet()
    twoSessions()
    network.lost = ({ path }) => !path.multihop
    clock.advance(600)
    expect(a.doubts).toEqual([])
    network.lost = () => true
    clock.advance(320)
    expect(a.doubts).toEqual(['b overdue'])
  })
})

/** a and b watch each other by the link and, from before, over routers. */
function twoSessions(): void {
  for (const node of [a, b]) node.neighbors.interfaces([])
  clock.advance(3000)
  for (const node of [a, b]) node.neighbors.interfaces([eth0(`${ipOf(node.name)}/24`)])
  clock.advance(3000)
  const up = [`${ipOf('b')} Up`, `${ipOf('b')} Up`]
  expect(a.sessionStates()).toEqual(up)
}

test('a peer that has begun anew is dead for a moment, although another session has not noticed yet', () => {
  meet()
  twoSessions()
  a.states.length = 0
  const before = new Set(b.sessions.statuses().map(({ discriminator }) => discriminator))
  // It ends without a word, and the next process begins by the link alone.
  network.lost = ({ path, packet }) => path.multihop || before.has(packet.myDiscriminator)
  new Node('b', undefined, 9000).knows({}, ['a', 'b'])
  clock.advance(400)
  expect(a.states).toEqual(['b dead', 'b alive'])
})

describe('a large cluster', () => {
  const many = Array.from({ length: 70 }, (_, index) => `n${index}`)

  test('each watches sixteen, and believes the others about the rest', () => {
    a.knows({ reportedDead: true }, many)
    expect(a.sessions.statuses()).toHaveLength(16)
    const unwatched = [...a.told.values()].filter(({ remote }) => remote === undefined)
    expect(unwatched).toHaveLength(54)
    expect(unwatched[0]).toMatchObject({
      state: 'dead',
      problem: 'watched by other speakers, as the cluster is large',
    })
  })

  test('that grows: whom others watch now is let go after a minute, without a farewell', () => {
    meet()
    expect(watched('a', ['b', ...many])).not.toContain('b')
    a.knows({}, ['b', ...many])
    clock.advance(30_000)
    expect([a.state('b'), b.state('a')]).toEqual(['alive', 'alive'])
    clock.advance(31_100)
    expect([a.state('b'), b.state('a')]).toEqual(['unknown', 'unknown'])
  })
})
