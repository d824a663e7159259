import { describe, expect, test } from 'vitest'
import type { WireAddress } from '../wire/protocol.ts'
import { buildArp, parseArp, type ArpPacket } from './arp.ts'
import { confirmDelay, defendInterval } from './conflict.ts'
import { broadcastMac, macNumber } from './ethernet.ts'
import { answersPerSecond } from './held.ts'
import type { Link } from './interfaces.ts'
import { Layer2 } from './layer2.ts'

const mac = '02:00:00:00:00:0a'
const client = macNumber('02:00:00:00:00:c7')

const link = (change: Partial<Link> = {}): Link => ({
  index: 2,
  name: 'eth0',
  mac,
  up: true,
  carrier: true,
  loopback: false,
  broadcast: true,
  noArp: false,
  master: 0,
  prefixes: ['192.0.2.10/24', 'fe80::a/64'],
  ...change,
})

const address = (text: string, change: Partial<WireAddress> = {}): WireAddress => ({
  address: text,
  interfaces: [],
  candidates: [{ node: 'node-a', preference: 0, eligible: true, reason: '', stale: false }],
  served: true,
  ...change,
})

const arp = (change: Partial<ArpPacket> = {}): Uint8Array =>
  buildArp({
    destination: broadcastMac,
    source: client,
    operation: 1,
    senderMac: client,
    senderAddress: 0xc0000207,
    targetMac: 0,
    targetAddress: 0xc0000232,
    ...change,
  })

function holding(...addresses: string[]): Layer2 {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.links([link()], 0)
  layer2.put(addresses.map((one) => address(one)))
  layer2.settle(0)
  return layer2
}

test('before there is an interface an address is not held; with it it is, and announced', () => {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.put([address('192.0.2.50')])
  expect(layer2.settle(0)).toMatchObject({ holders: [{ held: false, reason: 'noInterface' }] })
  layer2.links([link()], 10)
  expect(layer2.settle(10)).toMatchObject({
    holders: [{ held: true, interfaces: ['eth0'] }],
    interfaces: [{ name: 'eth0', usable: true }],
    groups: [],
  })
  const { frames, deadline } = layer2.due(10)
  expect(deadline).toBe(110)
  expect(frames.map(({ interfaceIndex, frame }) => [interfaceIndex, parseArp(frame)])).toMatchObject([
    [2, { operation: 1, senderAddress: 0xc0000232, targetMac: 0 }],
    [2, { operation: 2, senderAddress: 0xc0000232, targetMac: macNumber(mac) }],
  ])
  layer2.links([link()], 20)
  expect(layer2.settle(20)).toEqual({ holders: [], interfaces: undefined, groups: [] })
})

test('answers and counts', () => {
  const layer2 = holding('192.0.2.50')
  layer2.due(0)
  layer2.takeCounters()
  expect(parseArp(layer2.receive(arp(), 2, 77) as Uint8Array)).toMatchObject({ operation: 2 })
  expect(layer2.receive(arp({ targetAddress: 1 }), 2, 78)).toBeUndefined()
  expect(layer2.receive(arp(), 9, 78)).toBeUndefined()
  expect(layer2.takeCounters()).toEqual({
    addresses: [
      {
        address: '192.0.2.50',
        requestsReceived: 1,
        responsesSent: 1,
        gratuitousSent: 2,
        conflicts: 0,
        lastRequest: 77,
      },
    ],
    drops: [{ interface: 'eth0', reason: 'notAnnounced', count: 1 }],
  })
  expect(layer2.takeCounters()).toBeUndefined()
})

describe('silence', () => {
  test.each<[string, (layer2: Layer2) => void]>([
    ['removed', (layer2) => layer2.remove(['192.0.2.50', '192.0.2.99'])],
    ['not served any more', (layer2) => layer2.put([address('192.0.2.50', { served: false })])],
    ['no candidate any more', (layer2) => layer2.put([address('192.0.2.50', { candidates: [] })])],
    ['interface down', (layer2) => layer2.links([link({ up: false })], 50)],
    ['interface gone', (layer2) => layer2.links([], 50)],
    ['interface excluded', (layer2) => layer2.exclude(['^eth'], 50)],
    ['planned stop', (layer2) => layer2.stop()],
  ])('%s', (_name, change) => {
    const layer2 = holding('192.0.2.50')
    layer2.due(0)
    change(layer2)
    layer2.settle(50)
    expect(layer2.receive(arp(), 2, 60)).toBeUndefined()
    expect(layer2.due(100_000)).toEqual({ frames: [], conflicts: [], deadline: undefined })
  })

  test('an interface that comes back is announced on again', () => {
    const layer2 = holding('192.0.2.50')
    for (const now of [0, 100, 500, 1000, 2000, 4000]) layer2.due(now)
    layer2.links([link({ up: false })], 5000)
    layer2.settle(5000)
    layer2.links([link()], 6000)
    layer2.settle(6000)
    expect(layer2.due(6000)).toMatchObject({ frames: [{}, {}], deadline: 6100 })
    expect(layer2.receive(arp(), 2, 6000)).toBeDefined()
  })

  test('so is one whose MAC changes', () => {
    const layer2 = holding('192.0.2.50')
    for (const now of [0, 100, 500, 1000, 2000, 4000]) layer2.due(now)
    layer2.links([link({ mac: '02:00:00:00:00:0b' })], 5000)
    layer2.settle(5000)
    const { frames } = layer2.due(5000)
    expect(parseArp(frames[0].frame)).toMatchObject({ senderMac: macNumber('02:00:00:00:00:0b') })
  })
})

describe('conflicts', () => {
  const claim = arp({ senderAddress: 0xc0000232 })

  test('told and defended at most once in the interval', () => {
    const layer2 = holding('192.0.2.50')
    for (const now of [0, 100, 500, 1000, 2000, 4000]) layer2.due(now)
    let told = 0
    let frames = 0
    for (let now = 10_000; now < 10_000 + 2 * defendInterval; now += 100) {
      expect(layer2.receive(claim, 2, now)).toBe('conflict')
      const due = layer2.due(now)
      told += due.conflicts.length
      frames += due.frames.length
    }
    expect(told).toBe(2)
    expect(frames).toBe(4)
    expect(layer2.takeCounters()?.addresses).toMatchObject([{ conflicts: expect.any(Number) }])
  })

  test('the first announcement of a successor is none', () => {
    const layer2 = holding('192.0.2.50')
    layer2.due(0)
    layer2.receive(claim, 2, 50)
    layer2.put([address('192.0.2.50', { candidates: [] })])
    layer2.settle(100)
    expect(layer2.due(50 + confirmDelay)).toEqual({ frames: [], conflicts: [], deadline: undefined })
  })
})

test('more requests than the limit are dropped with their reason, and it recovers', () => {
  const layer2 = holding('192.0.2.50', '192.0.2.51')
  let answered = 0
  for (let index = 0; index < answersPerSecond; index++) {
    if (layer2.receive(arp(), 2, 1000) !== undefined) answered++
  }
  expect(answered).toBe(answersPerSecond / 10)
  expect(layer2.takeCounters()?.drops).toEqual([
    { interface: 'eth0', reason: 'rateLimited', count: answersPerSecond - answered },
  ])
  expect(layer2.receive(arp({ targetAddress: 0xc0000233 }), 2, 1000)).toBeDefined()
  expect(layer2.receive(arp(), 2, 2000)).toBeDefined()
})

test('IPv6: joins the group before the first advertisement, leaves it with the last address', () => {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.links([link()], 0)
  layer2.put([address('2001:db8::50'), address('2001:db8:1::50')])
  const group = 'ff02::1:ff00:50'
  expect(layer2.settle(0).groups).toEqual([{ interfaceIndex: 2, group, join: true }])
  expect(layer2.groupsOn(2)).toEqual([group])
  expect(layer2.groupsOn(22)).toEqual([])
  expect(layer2.due(0).frames).toHaveLength(2)
  layer2.remove(['2001:db8::50'])
  expect(layer2.settle(1).groups).toEqual([])
  layer2.remove(['2001:db8:1::50'])
  expect(layer2.settle(2).groups).toEqual([{ interfaceIndex: 2, group, join: false }])
})

test('patterns that are none are named and exclude nothing', () => {
  const layer2 = holding('192.0.2.50')
  expect(layer2.exclude(['('], 1)).toEqual(['('])
  layer2.settle(1)
  expect(layer2.receive(arp(), 2, 2)).toBeDefined()
})
