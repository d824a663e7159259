import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { cleanup, connect, createNetns, type Netns } from '../../test/netns.ts'
import { eventually, only, Tap, WireProcess, WireRig } from './kernel-rig.ts'
import { arpFrame, ipHex, linkLayerOption, ndpFrame } from './test-frames.ts'

/** Many frames, and many addresses. How long a flood lasts can be set for a longer run. */
const floodSeconds = Number(process.env.FAIRLEAD_FLOOD_SECONDS ?? 2)

const nodeMac = '02:00:00:00:00:0a'
const clientMac = '02:00:00:00:00:c7'
const broadcast = 'ff:ff:ff:ff:ff:ff'
const vip = '192.0.2.50'
const vip6 = '2001:db8::50'

let node: Netns
let client: Netns
let tap: Tap
let wire: WireRig

beforeAll(async () => {
  node = await createNetns('floodnode')
  client = await createNetns('floodclient')
  await connect(
    { ns: node, device: 'eth0', mac: nodeMac, addresses: ['192.0.2.10/24', '2001:db8::10/64'] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: ['192.0.2.7/24', '2001:db8::7/64'] },
  )
  tap = await Tap.open(client, 'eth0')
})

beforeEach(() => {
  wire = new WireRig('node-a')
  wire.start(node)
})

afterEach(async () => {
  await wire.host.stop()
  expect(wire.crashes).toEqual([])
  expect(wire.of('log').filter(({ level }) => level === 'error')).toEqual([])
})

afterAll(async () => {
  tap?.close()
  await cleanup()
})

const request = (tpa: string, spa = '192.0.2.7'): string =>
  arpFrame({
    to: broadcast,
    from: clientMac,
    operation: 'request',
    sha: clientMac,
    spa,
    tha: '00:00:00:00:00:00',
    tpa,
  })

const solicitation = ndpFrame({
  to: '33:33:ff:00:00:50',
  from: clientMac,
  source: '2001:db8::7',
  destination: 'ff02::1:ff00:50',
  type: 'solicitation',
  target: vip6,
  options: linkLayerOption('source', clientMac),
})

/** Senders of the replies that have come, each as often as it has answered. */
const repliesTo = (spa: string): string[] =>
  tap.frames
    .filter(
      ({ hex }) =>
        hex.slice(24, 28) === '0806' && hex.slice(40, 44) === '0002' && hex.slice(76, 84) === ipHex(spa),
    )
    .map(({ hex }) => hex.slice(56, 64))

/** Xorshift: the same frames in every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

test('random frames: counters only', { timeout: 1000 * (floodSeconds + 60) }, async () => {
  await wire.hold(only('node-a', vip), only('node-a', vip6))
  const random = generator(0x2545f491)
  const octets = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => random() & 255))
  const good = [request(vip), solicitation].map((hex) => Buffer.from(hex, 'hex'))
  const end = performance.now() + 1000 * floodSeconds
  let sent = 0
  while (performance.now() < end) {
    for (let index = 0; index < 64; index++) {
      const frame = Buffer.from(good[random() % 2])
      const kind = random() % 3
      // The whole behind the EtherType; a few octets; a cut.
      if (kind === 0) octets(frame.length - 14).copy(frame, 14)
      else
        for (let count = 1 + (random() % 4); count > 0; count--)
          frame[14 + (random() % (frame.length - 14))] = random() & 255
      tap.send(kind === 2 ? frame.subarray(0, 15 + (random() % (frame.length - 15))) : frame)
      sent++
    }
    await nextTurn()
  }
  expect(sent).toBeGreaterThan(64)
  tap.frames.length = 0
  await eventually('an answer', () => {
    tap.send(request(vip, '10.0.0.1'))
    return repliesTo('10.0.0.1').length > 0
  })
  const drops = wire.of('counters').flatMap(({ drops = [] }) => drops)
  expect(new Set(drops.map(({ reason }) => reason)).size).toBeGreaterThan(2)
})

test('22: two thousand questions at once are all answered, and one for another address with them', async () => {
  const other = '192.0.2.51'
  await wire.hold(only('node-a', vip), only('node-a', other))
  tap.frames.length = 0
  const [asker, patient] = ['10.0.0.3', '10.0.0.4']
  for (let count = 0; count < 2000; count++) tap.send(request(vip, asker))
  tap.send(request(other, patient))
  await eventually('the other answer', () => repliesTo(patient).length === 1, 20_000)
  expect(repliesTo(asker).length).toBeGreaterThanOrEqual(1980)
})

test('ten thousand addresses: each asked for once is answered once', { timeout: 180_000 }, async () => {
  const all = Array.from({ length: 10_000 }, (_, index) => `10.9.${index >>> 8}.${index & 255}`)
  wire.send({ kind: 'addresses', put: all.map((address) => only('node-a', address)), remove: [] })
  const held = new Set<string>()
  let read = 0
  await eventually(
    'all held',
    () => {
      for (; read < wire.observed.length; read++) {
        const one = wire.observed[read]
        if (one.kind !== 'holders') continue
        for (const { address, held: here } of one.holders) if (here) held.add(address)
      }
      return held.size === all.length
    },
    120_000,
  )
  const asker = '10.0.0.2'
  for (let at = 0; at < all.length; at += 500) {
    const part = all.slice(at, at + 500)
    tap.frames.length = 0
    tap.send(...part.map((address) => request(address, asker)))
    await eventually('the answers', () => repliesTo(asker).length >= part.length)
    expect(repliesTo(asker).sort()).toEqual(part.map(ipHex).sort())
  }
})

test('what comes while nothing can be read is kept for some time, and what is lost is counted', async () => {
  const frozen = new WireProcess('node-b', node)
  await frozen.hold(only('node-b', '192.0.2.60'))
  frozen.signal('SIGSTOP')
  // An address of nobody: the other wire thread of this namespace has no part in it.
  const question = Buffer.from(request('192.0.2.99'), 'hex')
  const sent = 30_000
  for (let count = 0; count < sent; count++) tap.send(question)
  frozen.signal('SIGCONT')
  const lost = await eventually('the loss', () => frozen.of('counters').findLast(({ lost }) => lost)?.lost)
  expect(lost).toMatchObject([{ interface: 'eth0', sent: 0 }])
  expect(lost[0].received).toBeGreaterThan(0)
  expect(lost[0].received).toBeLessThan(sent - 1000)
  await frozen.stop()
}, 60_000)
