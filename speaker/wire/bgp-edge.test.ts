import { beforeEach, describe, expect, test } from 'vitest'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import {
  bothFamilies,
  encodeOpenBytes,
  FakeClock,
  FakeConnection,
  message,
  testConfig,
} from '#bgp-ts/testing.ts'
import { formatPrefix } from '#inet/prefix.ts'
import { BgpEdge } from './bgp-edge.ts'
import type { WireObserved, WirePeer, WireRoute } from './protocol.ts'

const keepalive = message('0013 04')

let clock: FakeClock
let edge: BgpEdge
let observed: WireObserved[]
let connections: { config: PeerConfig; connection: FakeConnection }[]

beforeEach(() => {
  clock = new FakeClock()
  observed = []
  connections = []
  edge = new BgpEdge({
    clock,
    random: () => 0.5,
    connect: (config) => {
      const connection = new FakeConnection()
      connections.push({ config, connection })
      return connection
    },
    post: (one) => observed.push(one),
    log: (level, text, fields = {}) => observed.push({ kind: 'log', level, message: text, fields }),
  })
  edge.start()
})

const peer = (name: string, change: Partial<WirePeer> = {}): WirePeer => ({ ...testConfig, name, ...change })
const route = (to: string, prefix: string): WireRoute => ({ peer: to, prefix, communities: [] })

const told = (): SessionStatus[] => observed.flatMap((one) => (one.kind === 'sessions' ? one.sessions : []))
const states = (name: string): string[] =>
  told()
    .filter((status) => status.peer === name)
    .map(({ state }) => state)

/** Brings the connection to Established. */
function establish({ connection }: { connection: FakeConnection }): FakeConnection {
  connection.opened('192.0.2.2', '192.0.2.1')
  connection.receive(encodeOpenBytes())
  connection.receive(keepalive)
  connection.take(bothFamilies)
  return connection
}

/** Prefixes announced and withdrawn since the last call. */
function updates(connection: FakeConnection): { announced: string[]; withdrawn: string[] } {
  clock.advance(50)
  const announced: string[] = []
  const withdrawn: string[] = []
  for (const one of connection.take(bothFamilies)) {
    if (one.type !== 'update') continue
    announced.push(...one.nlri.map(formatPrefix))
    withdrawn.push(...one.withdrawn.map(formatPrefix))
  }
  return { announced, withdrawn }
}

const ceases = (connection: FakeConnection): number[] =>
  connection.take(bothFamilies).flatMap((one) => (one.type === 'notification' ? [one.subcode] : []))

describe('peers', () => {
  test('a session each; its states are told', () => {
    edge.peers([peer('a'), peer('b')])
    expect(connections.map(({ config }) => config.name)).toEqual(['a', 'b'])
    establish(connections[0])
    expect(states('a').at(-1)).toBe('Established')
    expect(states('b').at(-1)).toBe('Connect')
  })

  test('the same list again changes nothing', () => {
    edge.peers([peer('a')])
    const connection = establish(connections[0])
    observed = []
    edge.peers([peer('a')])
    expect(observed).toEqual([])
    expect(connection.closed).toBe(false)
  })

  test('one that is gone is closed with Cease 6/3, the others stay', () => {
    edge.peers([peer('a'), peer('b')])
    const [a, b] = connections.map(establish)
    observed = []
    edge.peers([peer('b')])
    expect(ceases(a)).toEqual([3])
    expect(a.closed).toBe(true)
    expect(b.closed).toBe(false)
    expect(told()).toEqual([])
  })

  test('a changed one is reset and connects with the new configuration', () => {
    edge.peers([peer('a')])
    const before = establish(connections[0])
    edge.peers([peer('a', { holdTime: 30_000 })])
    expect(ceases(before)).toEqual([6])
    clock.advance(10_000)
    expect(connections.at(-1)?.config.holdTime).toBe(30_000)
  })
})

describe('a blocked peer', () => {
  const blocked = 'Secret tor-password does not exist'

  test('never connects and says why', () => {
    edge.peers([peer('a', { blocked })])
    clock.advance(600_000)
    expect(connections).toEqual([])
    expect(told()).toMatchObject([
      { state: 'Idle', lastError: { code: 'FL_WIRE_PEER_BLOCKED', text: blocked } },
    ])
  })

  test('connects, with the password, when it is no longer blocked', () => {
    edge.peers([peer('a', { blocked })])
    edge.peers([peer('a', { password: 'secret' })])
    expect(connections.map(({ config }) => config.password)).toEqual(['secret'])
    establish(connections[0])
    expect(told().at(-1)).toMatchObject({ state: 'Established' })
    expect(told().at(-1)?.lastError).toBeUndefined()
  })

  test('that was up is closed and stays down', () => {
    edge.peers([peer('a')])
    const connection = establish(connections[0])
    edge.peers([peer('a', { blocked })])
    expect(ceases(connection)).toEqual([2])
    clock.advance(600_000)
    expect(connections).toHaveLength(1)
    expect(told().at(-1)).toMatchObject({ state: 'Idle', lastError: { text: blocked } })
  })
})

describe('routes', () => {
  test('put and removed', () => {
    edge.peers([peer('a'), peer('b')])
    const [a, b] = connections.map(establish)
    edge.routes([route('a', '198.51.100.1/32'), route('a', '198.51.100.2/32')], [])
    expect(updates(a).announced.sort()).toEqual(['198.51.100.1/32', '198.51.100.2/32'])
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    expect(updates(a)).toEqual({ announced: [], withdrawn: ['198.51.100.1/32'] })
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    expect(updates(a)).toEqual({ announced: [], withdrawn: [] })
    expect(updates(b)).toEqual({ announced: [], withdrawn: [] })
  })

  test('that came before the peer are announced when it is up', () => {
    edge.routes([route('a', '198.51.100.1/32')], [])
    edge.peers([peer('a')])
    expect(updates(establish(connections[0])).announced).toEqual(['198.51.100.1/32'])
  })

  test('outlive a peer that goes and returns', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', '198.51.100.1/32')], [])
    edge.peers([])
    edge.peers([peer('a')])
    expect(updates(establish(connections[1])).announced).toEqual(['198.51.100.1/32'])
  })

  test('what is no prefix is said and left out', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', 'nonsense')], [])
    expect(observed.at(-1)).toMatchObject({ kind: 'log', level: 'error' })
  })
})

test('counters are told once a second at most, and only when they moved', () => {
  edge.peers([peer('a')])
  const connection = establish(connections[0])
  clock.advance(1000)
  observed = []
  for (let index = 0; index < 10; index++) connection.receive(keepalive)
  expect(observed).toEqual([])
  clock.advance(1000)
  expect(told()).toMatchObject([{ counters: { keepalivesReceived: 11 } }])
  observed = []
  clock.advance(3000)
  expect(observed).toEqual([])
})

test('a planned stop ends every session with Cease 6/2 and starts none after it', async () => {
  edge.peers([peer('a'), peer('b')])
  const ends = connections.map(establish)
  await edge.stop()
  expect(ends.map(ceases)).toEqual([[2], [2]])
  edge.peers([peer('c')])
  clock.advance(600_000)
  expect(connections).toHaveLength(2)
})
