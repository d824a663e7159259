import { describe, expect, test } from 'vitest'
import { buildArp, parseArp, type ArpPacket } from './arp.ts'
import { confirmDelay, defendInterval } from './conflict.ts'
import { broadcastMac, macNumber } from './ethernet.ts'
import { answersPerSecond } from './held.ts'
import { Layer2 } from './layer2.ts'
import { link, macOf, self, speaker, wireAddress } from './testing.ts'

const client = macNumber('02:00:00:00:00:c7')

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

/** Calls it as the edge does until nothing more is due at this time. */
function run(layer2: Layer2, from: number, until: number) {
  const frames: { at: number; frame: Uint8Array }[] = []
  const conflicts: unknown[] = []
  const holders: { address: string; held: boolean; reason: string }[] = []
  let now = from
  for (;;) {
    holders.push(...layer2.settle(now).holders)
    const due = layer2.due(now)
    frames.push(...due.frames.map(({ frame }) => ({ at: now, frame })))
    conflicts.push(...due.conflicts)
    if (due.changed) continue
    if (due.deadline === undefined || due.deadline > until) return { frames, conflicts, holders }
    expect(due.deadline).toBeGreaterThan(now)
    now = due.deadline
  }
}

/** With these addresses held and their announcements made; the time is 10 s. */
function holding(...addresses: string[]): Layer2 {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.links([link()], 0)
  layer2.put(addresses.map((one) => wireAddress(one)))
  run(layer2, 0, 10_000)
  layer2.takeCounters()
  return layer2
}

test('an address is asked for twice, then answered and announced', () => {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.put([wireAddress('192.0.2.50')])
  expect(layer2.settle(0)).toMatchObject({ holders: [{ held: false, reason: 'noInterface' }] })
  layer2.links([link()], 10)
  expect(layer2.settle(10)).toMatchObject({
    holders: [{ held: false, reason: 'claiming', holder: 'node-a' }],
    interfaces: [{ name: 'eth0', usable: true }],
    groups: [],
    events: [{ at: 10, address: '192.0.2.50', what: 'claiming' }],
  })
  expect(layer2.receive(arp(), 2, 12)).toBeUndefined()
  const { frames, holders } = run(layer2, 12, 200)
  expect(holders).toMatchObject([{ held: true, holder: 'node-a', interfaces: ['eth0'], since: 102 }])
  const probe = { operation: 1, senderAddress: 0, targetAddress: 0xc0000232, targetMac: 0 }
  const request = { operation: 1, senderAddress: 0xc0000232, targetMac: 0 }
  const reply = { operation: 2, senderAddress: 0xc0000232, targetMac: macNumber(macOf('node-a')) }
  expect(frames.map(({ at, frame }) => ({ at, ...parseArp(frame) }))).toMatchObject([
    { at: 12, ...probe },
    { at: 57, ...probe },
    { at: 102, ...request },
    { at: 102, ...reply },
  ])
  layer2.links([link()], 200)
  expect(layer2.settle(200)).toEqual({ holders: [], interfaces: undefined, groups: [], events: [] })
})

test('answers and counts', () => {
  const layer2 = holding('192.0.2.50')
  expect(parseArp(layer2.receive(arp(), 2, 10_077) as Uint8Array)).toMatchObject({ operation: 2 })
  expect(layer2.receive(arp({ targetAddress: 1 }), 2, 10_078)).toBeUndefined()
  expect(layer2.receive(arp(), 9, 10_078)).toBeUndefined()
  expect(layer2.takeCounters()).toEqual({
    addresses: [
      {
        address: '192.0.2.50',
        requestsReceived: 1,
        responsesSent: 1,
        gratuitousSent: 12,
        conflicts: 0,
        lastRequest: 10_077,
      },
    ],
    drops: [{ interface: 'eth0', reason: 'notAnnounced', count: 1 }],
  })
  expect(layer2.takeCounters()).toBeUndefined()
})

describe('silence at once', () => {
  test.each<[string, (layer2: Layer2) => void]>([
    ['removed', (layer2) => layer2.remove(['192.0.2.50', '192.0.2.99'])],
    ['not served any more', (layer2) => layer2.put([wireAddress('192.0.2.50', { served: false })])],
    ['no candidate any more', (layer2) => layer2.put([wireAddress('192.0.2.50', { candidates: [] })])],
    ['interface down', (layer2) => layer2.links([link({ up: false })], 10_050)],
    ['interface gone', (layer2) => layer2.links([], 10_050)],
    ['interface excluded', (layer2) => layer2.exclude(['^eth'], 10_050)],
    ['planned stop, and nobody to hand over to', (layer2) => layer2.stop(10_050)],
  ])('%s', (_name, change) => {
    const layer2 = holding('192.0.2.50')
    change(layer2)
    layer2.settle(10_050)
    expect(layer2.receive(arp(), 2, 10_060)).toBeUndefined()
    expect(run(layer2, 10_060, 100_000)).toEqual({ frames: [], conflicts: [], holders: [] })
  })

  test('a planned stop ends when nothing is held', () => {
    const layer2 = holding('192.0.2.50')
    expect(layer2.stopped).toBe(false)
    layer2.stop(10_050)
    expect(layer2.stopped).toBe(false)
    expect(layer2.settle(10_050)).toMatchObject({ holders: [{ held: false, reason: 'stopping' }] })
    expect(layer2.stopped).toBe(true)
  })

  test('an interface that comes back is asked and announced on again', () => {
    const layer2 = holding('192.0.2.50')
    layer2.links([link({ up: false })], 11_000)
    run(layer2, 11_000, 11_000)
    layer2.links([link()], 12_000)
    expect(run(layer2, 12_000, 12_150).frames).toHaveLength(4)
    expect(layer2.receive(arp(), 2, 12_150)).toBeDefined()
  })

  test('one whose MAC changes is announced again', () => {
    const layer2 = holding('192.0.2.50')
    layer2.links([link({ mac: '02:00:00:00:00:0b' })], 10_050)
    const { frames } = run(layer2, 10_050, 10_050)
    expect(parseArp(frames[0].frame)).toMatchObject({ senderMac: macNumber('02:00:00:00:00:0b') })
  })
})

describe('conflicts with machines outside the cluster', () => {
  const claim = arp({ senderAddress: 0xc0000232 })

  test('told and defended at most once in the interval', () => {
    const layer2 = holding('192.0.2.50')
    let told = 0
    let frames = 0
    for (let now = 10_000; now < 10_000 + 2 * defendInterval; now += 100) {
      expect(layer2.receive(claim, 2, now)).toBe('look')
      const due = run(layer2, now, now + 99)
      told += due.conflicts.length
      frames += due.frames.length
    }
    expect(told).toBe(2)
    expect(frames).toBe(4)
    expect(layer2.takeCounters()?.addresses).toMatchObject([{ conflicts: expect.any(Number) }])
  })

  test('none any more when the address is given up meanwhile', () => {
    const layer2 = holding('192.0.2.50')
    layer2.receive(claim, 2, 10_050)
    layer2.put([wireAddress('192.0.2.50', { candidates: [] })])
    expect(run(layer2, 10_100, 10_050 + confirmDelay)).toMatchObject({ frames: [], conflicts: [] })
  })
})

test('more requests than the limit are dropped with their reason, and it recovers', () => {
  const layer2 = holding('192.0.2.50', '192.0.2.51')
  let answered = 0
  for (let index = 0; index < answersPerSecond; index++) {
    if (layer2.receive(arp(), 2, 10_001) !== undefined) answered++
  }
  expect(answered).toBe(answersPerSecond / 10)
  expect(layer2.takeCounters()?.drops).toEqual([
    { interface: 'eth0', reason: 'rateLimited', count: answersPerSecond - answered },
  ])
  expect(layer2.receive(arp({ targetAddress: 0xc0000233 }), 2, 10_001)).toBeDefined()
  expect(layer2.receive(arp(), 2, 10_101)).toBeDefined()
})

test('IPv6: joins the group before it asks, leaves it with the last address', () => {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.links([link()], 0)
  layer2.put([wireAddress('2001:db8::50'), wireAddress('2001:db8:1::50')])
  const group = 'ff02::1:ff00:50'
  layer2.due(0)
  expect(layer2.due(0).frames).toEqual([])
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
  expect(layer2.exclude(['('], 10_001)).toEqual(['('])
  layer2.settle(10_001)
  expect(layer2.receive(arp(), 2, 10_002)).toBeDefined()
})

test('who has not begun yet is not told to have left; who was there is', () => {
  const layer2 = new Layer2({ node: 'node-a', random: () => 0.5 })
  layer2.speakers(self(), [speaker('node-b', { ready: false })], 0)
  const states = ['left', 'unknown', 'alive', 'left', 'alive', 'dead'] as const
  states.forEach((state, now) => layer2.neighbor('node-b', state, now))
  expect(layer2.settle(10).events.map(({ what }) => what)).toEqual([
    'neighborAlive',
    'neighborLeft',
    'neighborAlive',
    'neighborDead',
  ])
})
