import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, type Netns } from '../../test/netns.ts'
import { eventually, only, Tap, WireRig } from './kernel-rig.ts'
import { arpFrame, hexOf, type ArpFields } from './test-frames.ts'

/**
 * ARP on the wire, octets in and octets out. The cases are numbered, and so are the tests; a case "derived" fills a
 * gap between two of them.
 */
const nodeMac = '02:00:00:00:00:0a'
const otherMac = '02:00:00:00:00:0b'
const clientMac = '02:00:00:00:00:c7'
const broadcast = 'ff:ff:ff:ff:ff:ff'
const nobody = '00:00:00:00:00:00'
const vip = '192.0.2.50'
/** held by another node */
const vipElsewhere = '192.0.2.51'
/** asked for last: when its answer is there, everything before has been looked at */
const last = '192.0.2.59'
/** for claims, each once: a defence and its report come at most once in ten seconds */
const claimed = ['192.0.2.60', '192.0.2.61', '192.0.2.62']
const counted = '192.0.2.63'
const held = [vip, last, ...claimed, counted]

let node: Netns
let client: Netns
let tap: Tap
let wire: WireRig

beforeAll(async () => {
  node = await createNetns('arpnode')
  client = await createNetns('arpclient')
  await connect(
    { ns: node, device: 'eth0', mac: nodeMac, addresses: ['192.0.2.10/24'] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: ['192.0.2.7/24'] },
  )
  // Frames to other stations reach the sockets, too.
  await must(node, 'ip', ['link', 'set', 'eth0', 'promisc', 'on'])
  tap = await Tap.open(client, 'eth0')
  wire = new WireRig('node-a')
  wire.start(node)
  wire.send({ kind: 'addresses', put: [only('node-b', vipElsewhere)], remove: [] })
  await wire.hold(...held.map((address) => only('node-a', address)))
})

afterAll(async () => {
  await wire?.host.stop()
  tap?.close()
  await cleanup()
  expect(wire.crashes).toEqual([])
  expect(wire.of('log').filter(({ level }) => level === 'error')).toEqual([])
})

const request = (change: Partial<ArpFields> = {}): string =>
  arpFrame({
    to: broadcast,
    from: clientMac,
    operation: 'request',
    sha: clientMac,
    spa: '192.0.2.7',
    tha: nobody,
    tpa: vip,
    ...change,
  })

const reply = (change: Partial<ArpFields> = {}): string =>
  arpFrame({
    to: clientMac,
    from: nodeMac,
    operation: 'reply',
    sha: nodeMac,
    spa: vip,
    tha: clientMac,
    tpa: '192.0.2.7',
    ...change,
  })

/** What is sent without being asked: announcements of both kinds, and probes. */
const announcements = (address: string): string[] =>
  (['request', 'reply'] as const).map((operation) =>
    arpFrame({
      to: broadcast,
      from: nodeMac,
      operation,
      sha: nodeMac,
      spa: address,
      tha: operation === 'request' ? nobody : nodeMac,
      tpa: address,
    }),
  )

const probe = (address: string): string =>
  arpFrame({
    to: broadcast,
    from: nodeMac,
    operation: 'request',
    sha: nodeMac,
    spa: '0.0.0.0',
    tha: nobody,
    tpa: address,
  })

const unasked = new Set(
  [vipElsewhere, ...held].flatMap((address) => [...announcements(address), probe(address)]),
)

const isArpOfNode = (hex: string): boolean =>
  hex.slice(12, 24) === hexOf(nodeMac) && hex.slice(24, 28) === '0806'

/** Sends the frames and gives what the node answers to them; tagged frames begin with "tagged". */
async function played(...frames: readonly string[]): Promise<string[]> {
  tap.frames.length = 0
  tap.send(...frames, request({ spa: '192.0.2.254', tpa: last }))
  const closing = reply({ spa: last, tpa: '192.0.2.254' })
  await eventually('the last answer', () => tap.frames.some(({ hex }) => hex === closing))
  return tap.frames
    .filter(({ hex }) => isArpOfNode(hex) && !unasked.has(hex) && hex !== closing)
    .map(({ hex, tagged }) => (tagged ? `tagged ${hex}` : hex))
}

/** A request or a reply without what pads it. */
const packet = (hex: string): string => hex.slice(0, 2 * 42)

const cases: [string, string[], string[]][] = [
  [
    '1: broadcast',
    [
      hexOf(
        `ffffffffffff 0200000000c7 0806 0001 0800 06 04 0001 0200000000c7 c0000207 000000000000 c0000232`,
      ),
    ],
    [
      hexOf(
        `0200000000c7 02000000000a 0806 0001 0800 06 04 0002 02000000000a c0000232 0200000000c7 c0000207`,
      ).padEnd(120, '0'),
    ],
  ],
  ['2: held by another node', [request({ tpa: vipElsewhere })], []],
  ['3, derived: an address that is no service address', [request({ tpa: '192.0.2.99' })], []],
  ['4: unicast to this node', [request({ to: nodeMac })], [reply()]],
  ['5: unicast to another station', [request({ to: otherMac })], []],
  ['6, derived: a probe', [request({ spa: '0.0.0.0' })], [reply({ tpa: '0.0.0.0' })]],
  [
    '8: own announcement and own reply seen again',
    [...announcements(vip), reply(), reply({ to: broadcast, from: otherMac })],
    [],
  ],
  [
    '9, derived: a reply of somebody, not about our address',
    [reply({ to: nodeMac, from: clientMac, sha: clientMac, spa: '192.0.2.8' })],
    [],
  ],
  [
    '11: hardware type, protocol type, lengths',
    ['0006 0800 06 04', '0001 86dd 06 04', '0001 0800 08 04', '0001 0800 06 10'].map((types) =>
      request({ types }),
    ),
    [],
  ],
  [
    '12, derived: neither request nor reply',
    [0, 3, 4, 8, 9, 0xffff].map((operation) => request({ operation })),
    [],
  ],
  ['13: truncated', [27, 20, 8, 1].map((octets) => request({ trailer: '' }).slice(0, 2 * (14 + octets))), []],
  ['14: padding and a trailer', [request({ trailer: '00'.repeat(18) + 'a5'.repeat(200) })], [reply()]],
  ['15, derived: no padding', [packet(request())], [reply()]],
  [
    '16: the sender has a group address or none',
    [broadcast, '01:00:5e:00:00:01', '33:33:00:00:00:01', nobody].map((sha) => request({ sha })),
    [],
  ],
  ['17: tagged', [request({ tag: '8100 0014' })], []],
  [
    '17: tagged, a provider tag and two tags',
    [request({ tag: '88a8 0014' }), request({ tag: '8100 0000 8100 0014' })],
    [],
  ],
  ['18, derived: tagged with a priority and an id', [request({ tag: '8100 e014' })], []],
  ['19: priority tag', [request({ tag: '8100 e000' })], [reply()]],
  [
    '21, derived: the target hardware address of a request does not matter',
    [request({ tha: otherMac }), request({ tha: broadcast })],
    [reply(), reply()],
  ],
]

test.each(cases)('%s', async (_name, frames, expected) => {
  expect(await played(...frames)).toEqual(expected)
})

const defences = (address: string): number => {
  const [asked] = announcements(address)
  return tap.frames.filter(({ hex }) => hex === asked).length
}

/** Counts from when the announcements of the take-over are over. */
const announcedAll = (address: string) =>
  eventually('the announcements', () => (wire.counters(address)?.gratuitousSent ?? 0) >= 12, 20_000)

test.each<[string, string, string]>([
  ['7: an announcement by a foreign host', claimed[0], request({ spa: claimed[0], tpa: claimed[0] })],
  [
    '9, derived: a gratuitous reply by a foreign host',
    claimed[1],
    reply({
      to: broadcast,
      from: clientMac,
      sha: clientMac,
      spa: claimed[1],
      tha: clientMac,
      tpa: claimed[1],
    }),
  ],
  [
    '10: a request that uses our address as its sender',
    claimed[2],
    request({ spa: claimed[2], tpa: '192.0.2.8' }),
  ],
])('%s: no reply, one conflict, one defence', async (_name, address, frame) => {
  await announcedAll(address)
  expect(await played(frame, frame, frame)).toEqual([])
  const ours = () => wire.of('conflict').filter((conflict) => conflict.address === address)
  await eventually('the conflict', () => ours().length > 0)
  expect(ours()[0]).toMatchObject({ mac: clientMac, interface: 'eth0' })
  await eventually('the defence', () => defences(address) > 0)
  // Within ten seconds nothing more: these are looked at before the answer to the last request.
  expect(await played(frame, frame)).toEqual([])
  expect(ours()).toHaveLength(1)
  expect(wire.holder(address)).toMatchObject({ held: true })
})

test('8: what was seen again is no conflict', () => {
  expect(wire.of('conflict').filter(({ address }) => address === vip)).toEqual([])
})

test('every request is counted, and what is dropped by reason', async () => {
  await played(request({ tpa: counted }), request({ tpa: counted }), request({ tpa: vipElsewhere }))
  await eventually('counters', () => (wire.counters(counted)?.responsesSent ?? 0) >= 2)
  expect(wire.counters(counted)).toMatchObject({ requestsReceived: 2, responsesSent: 2, conflicts: 0 })
  const reasons = () =>
    new Set(wire.of('counters').flatMap(({ drops = [] }) => drops.map(({ reason }) => reason)))
  for (const reason of ['notHeld', 'notAnnounced', 'ownFrame', 'badSender']) {
    await eventually(reason, () => reasons().has(reason))
  }
})

test('a sweep of the subnet, as arp-scan does: the node itself and what it holds, each once', async () => {
  const subnet = Array.from({ length: 256 }, (_, host) => `192.0.2.${host}`)
  const answers = await played(...subnet.map((tpa) => request({ tpa })))
  const expected = [...held, '192.0.2.10'].map((spa) => packet(reply({ spa })))
  expect(answers.map(packet).sort()).toEqual(expected.sort())
})
