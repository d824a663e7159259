import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, type Netns } from '../../test/netns.ts'
import { eventually, only, Tap, WireRig } from './kernel-rig.ts'
import { latencyBounds, type AnswerLatencies } from './protocol.ts'
import { arpFrame, hexOf, linkLayerOption, ndpFrame } from './test-frames.ts'

const nodeMac = '02:00:00:00:00:0a'
const clientMac = '02:00:00:00:00:c7'
const vip = '192.0.2.50'
const vip6 = '2001:db8::50'

let node: Netns
let client: Netns
let tap: Tap
const wire = new WireRig('node-a')

beforeAll(async () => {
  node = await createNetns('latencynode')
  client = await createNetns('latencyclient')
  await connect(
    { ns: node, device: 'eth0', mac: nodeMac, addresses: ['192.0.2.10/24', '2001:db8::10/64'] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: ['192.0.2.7/24', '2001:db8::7/64'] },
  )
  tap = await Tap.open(client, 'eth0')
  wire.start(node)
  await wire.hold(only('node-a', vip), only('node-a', vip6))
})

afterAll(async () => {
  tap?.close()
  await wire.host.stop()
  await cleanup()
})

const request = (tpa: string): string =>
  arpFrame({
    to: 'ff:ff:ff:ff:ff:ff',
    from: clientMac,
    operation: 'request',
    sha: clientMac,
    spa: '192.0.2.7',
    tha: '00:00:00:00:00:00',
    tpa,
  })

const solicitation = ndpFrame({
  to: nodeMac,
  from: clientMac,
  source: '2001:db8::7',
  destination: vip6,
  type: 'solicitation',
  target: vip6,
  options: linkLayerOption('source', clientMac),
})

const total = ({ buckets }: AnswerLatencies): number => buckets.reduce((sum, one) => sum + one, 0)

const newest = (family: 4 | 6): AnswerLatencies | undefined =>
  wire
    .of('counters')
    .flatMap(({ latencies = [] }) => latencies)
    .findLast((one) => one.family === family)

test('each answer is counted once with the time that it took, and nothing else is', async () => {
  const started = performance.now()
  // Of the client's kernel, which may ask by itself.
  const own = (hex: string): boolean => hex.startsWith(hexOf(clientMac))
  const requests = Array.from({ length: 40 }, () => [request(vip), request('192.0.2.99')]).flat()
  tap.send(...requests)
  tap.send(...Array.from({ length: 25 }, () => solicitation))
  await eventually('the answers', () => tap.frames.filter(({ hex }) => own(hex)).length >= 65)
  for (const [family, address, least] of [
    [4, vip, 40],
    [6, vip6, 25],
  ] as const) {
    const told = await eventually(`answers of IPv${family}`, () => {
      const latencies = newest(family)
      return latencies !== undefined && total(latencies) >= least && latencies
    })
    expect(total(told)).toBe(wire.counters(address)?.responsesSent)
    expect(told.buckets).toHaveLength(latencyBounds.length + 1)
    // Between no time at all and the whole of the test for each of them.
    expect(told.sum).toBeGreaterThan(0)
    expect(told.sum).toBeLessThan(total(told) * 1000 * (performance.now() - started))
  }
})

test('nothing is told while nothing is answered', async () => {
  tap.send(request('192.0.2.99'))
  const dropped = () =>
    wire.of('counters').findLast(({ drops = [] }) => drops.some(({ reason }) => reason === 'notAnnounced'))
  const before = dropped()
  tap.send(request('192.0.2.99'))
  const message = await eventually('the counter of questions for others', () => {
    const found = dropped()
    return found !== before && found
  })
  expect(message).not.toHaveProperty('latencies')
  expect(wire.of('counters').every(({ lost }) => lost === undefined)).toBe(true)
})
