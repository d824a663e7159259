import { beforeEach, expect, test } from 'vitest'
import { Session } from '#bgp-ts/session.ts'
import { FakeClock, FakeConnection, testConfig } from '#bgp-ts/testing.ts'
import type { BfdSessionStatus } from './bfd/status.ts'
import { FakeNetwork, fakeSessions, request } from './bfd/testing.ts'
import { SpeakerMetrics } from './metrics.ts'
import { WireState } from './wire-state.ts'

const logged: string[] = []
let told: number
let metrics: SpeakerMetrics
let state: WireState

const keep = (_fields: unknown, message: string): void => void logged.push(message)

beforeEach(() => {
  logged.length = 0
  told = 0
  metrics = new SpeakerMetrics()
  state = new WireState({
    log: { info: keep, warn: keep, error: keep, debug: keep },
    node: 'node1',
    metrics,
    now: () => 0,
    onNotice: () => {},
    onHolders: () => {},
    onInterfaces: () => {},
    onSessions: () => told++,
    onNeighbors: () => told++,
    onConflict: ({ address, mac }) => logged.push(`${address} ${mac}`),
  })
})

/** A real status of a session that has just begun. */
const status = (change: Partial<BfdSessionStatus> = {}): BfdSessionStatus => {
  const clock = new FakeClock()
  const handle = fakeSessions(new FakeNetwork(clock)).acquire(request(), () => {})
  return { ...handle.status(), ...change }
}

const bgp = () => {
  const session = new Session(testConfig, {
    clock: new FakeClock(),
    random: () => 0.5,
    connect: () => new FakeConnection(),
  })
  return { ...session.status(), peer: 'tor' }
}

test('who claims an address that is held here is told to whoever reports it, and to the log', () => {
  const mac = '02:00:00:00:00:99'
  state.observe({ kind: 'conflict', address: '192.0.2.1', mac, interface: 'eth0', at: 0 })
  expect(logged).toEqual(['another machine claims an address held here', `192.0.2.1 ${mac}`])
})

test('a BFD session is found by its BGP peer and shown beside it', () => {
  state.bgp.peers([{ ...testConfig, name: 'tor' }])
  state.observe({ kind: 'sessions', sessions: [bgp()] })
  expect(state.bgp.report().sessions[0]).not.toHaveProperty('bfd')
  state.observe({ kind: 'bfd', sessions: [status({ key: 'a' })], closed: [] })
  expect(state.bgp.bfdOf('tor')).toMatchObject({ key: 'a', remote: '192.0.2.1' })
  expect(state.bgp.bfdOf('other')).toBeUndefined()
  expect(state.bgp.report().sessions[0]).toMatchObject({ peer: 'tor', bfd: 'Down' })
  state.observe({ kind: 'bfd', sessions: [status({ key: 'a', state: 'Up' })], closed: [] })
  expect(state.bgp.report().sessions[0]).toMatchObject({ bfd: 'Up' })
  state.observe({ kind: 'bfd', sessions: [], closed: ['a'] })
  expect(state.bgp.bfd).toEqual([])
})

test('states are told and logged, counters are not', () => {
  state.observe({ kind: 'bfd', sessions: [status({ key: 'a', state: 'Up' })], closed: [] })
  expect([told, logged]).toEqual([1, ['BFD session']])
  const counted = status({ key: 'a', state: 'Up' })
  state.observe({
    kind: 'bfd',
    sessions: [{ ...counted, counters: { ...counted.counters, packetsIn: 99 } }],
    closed: [],
  })
  expect([told, logged]).toEqual([1, ['BFD session']])
})

test('metrics have upstream’s names and labels; an ended session leaves none behind', async () => {
  const up = status({ key: 'a', state: 'Up' })
  const counters = { ...up.counters, packetsIn: 7, packetsOut: 8, upEvents: 2, downEvents: 1 }
  const clients = ['layer2/node2', 'bgp/leaf']
  const multihop = status({ key: 'b', multihop: true, remote: '2001:db8::1', clients })
  const neighbor = status({ key: 'c', remote: '192.0.2.9', clients: ['layer2/node3'] })
  state.bgp.peers([{ ...testConfig, name: 'leaf', device: 'red' }])
  state.observe({
    kind: 'bfd',
    sessions: [{ ...up, counters }, multihop, neighbor],
    closed: [],
    drops: { truncated: 3 },
  })
  const lines = async (): Promise<string[]> =>
    (await metrics.registry.metrics()).split('\n').filter((line) => /^[a-z]+_bfd_/.test(line))
  expect(await lines()).toEqual([
    'metallb_bfd_session_up{peer="192.0.2.1",vrf="default"} 1',
    'metallb_bfd_session_up{peer="2001:db8::1",vrf="red"} 0',
    'metallb_bfd_control_packet_input{peer="192.0.2.1",vrf="default"} 7',
    'metallb_bfd_control_packet_input{peer="2001:db8::1",vrf="red"} 0',
    'metallb_bfd_control_packet_output{peer="192.0.2.1",vrf="default"} 8',
    `metallb_bfd_control_packet_output{peer="2001:db8::1",vrf="red"} ${multihop.counters.packetsOut}`,
    'metallb_bfd_echo_packet_input{peer="192.0.2.1",vrf="default"} 0',
    'metallb_bfd_echo_packet_input{peer="2001:db8::1",vrf="red"} 0',
    'metallb_bfd_echo_packet_output{peer="192.0.2.1",vrf="default"} 0',
    'metallb_bfd_echo_packet_output{peer="2001:db8::1",vrf="red"} 0',
    'metallb_bfd_session_up_events{peer="192.0.2.1",vrf="default"} 2',
    'metallb_bfd_session_up_events{peer="2001:db8::1",vrf="red"} 0',
    'metallb_bfd_session_down_events{peer="192.0.2.1",vrf="default"} 1',
    'metallb_bfd_session_down_events{peer="2001:db8::1",vrf="red"} 0',
    'fairlead_bfd_packets_dropped{reason="truncated"} 3',
  ])
  state.observe({ kind: 'bfd', sessions: [], closed: ['a', 'b', 'c'] })
  expect(await lines()).toEqual(['fairlead_bfd_packets_dropped{reason="truncated"} 3'])
})
