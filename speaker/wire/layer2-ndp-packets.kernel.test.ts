import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, run, type Netns } from '../../test/netns.ts'
import { eventually, only, Tap, WireRig } from './kernel-rig.ts'
import {
  groupMacOf,
  hexOf,
  ipHex,
  linkLayerOption,
  ndpFrame,
  solicitedNodeOf,
  type NdpFields,
} from './test-frames.ts'

/**
 * Neighbor Discovery on the wire, octets in and octets out. The cases are numbered, and so are the tests; a case
 * "derived" fills a gap between two of them.
 */
const nodeMac = '02:00:00:00:00:0a'
const otherMac = '02:00:00:00:00:0b'
const clientMac = '02:00:00:00:00:c7'
/** of eth0, made by the kernel from its hardware address */
const nodeLinkLocal = 'fe80::ff:fe00:a'
const clientAddress = '2001:db8::7'
const vip = '2001:db8::50'
const vipElsewhere = '2001:db8::51'
/** in the same solicited-node group as `vip` and held by nobody here */
const sameGroup = '2001:db8:0:0:1::50'
/** asked for last: when its answer is there, everything before has been looked at */
const last = '2001:db8::59'
const claimed = ['2001:db8::60', '2001:db8::61']
const held = [vip, last, ...claimed]

let node: Netns
let client: Netns
let tap: Tap
let wire: WireRig

beforeAll(async () => {
  node = await createNetns('ndpnode')
  client = await createNetns('ndpclient')
  await connect(
    { ns: node, device: 'eth0', mac: nodeMac, addresses: ['2001:db8::10/64'] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: [`${clientAddress}/64`] },
  )
  await must(node, 'ip', ['link', 'set', 'eth0', 'promisc', 'on'])
  tap = await Tap.open(client, 'eth0')
  wire = new WireRig('node-a')
  wire.start(node)
  wire.send({
    kind: 'addresses',
    put: [vipElsewhere, sameGroup].map((address) => only('node-b', address)),
    remove: [],
  })
  await wire.hold(...held.map((address) => only('node-a', address)))
})

afterAll(async () => {
  await wire?.host.stop()
  tap?.close()
  await cleanup()
  expect(wire.crashes).toEqual([])
  expect(wire.of('log').filter(({ level }) => level === 'error')).toEqual([])
})

const slla = linkLayerOption('source', clientMac)

/** As a host asks for an address: to the solicited-node group, with its own hardware address. */
function solicitation(target: string, change: Partial<NdpFields> = {}): string {
  const destination = change.destination ?? solicitedNodeOf(target)
  return ndpFrame({
    to: destination.startsWith('ff') ? groupMacOf(destination) : nodeMac,
    from: clientMac,
    source: clientAddress,
    type: 'solicitation',
    options: slla,
    ...change,
    destination,
    target,
  })
}

const advertisement = (target: string, change: Partial<NdpFields> = {}): string =>
  ndpFrame({
    to: clientMac,
    from: nodeMac,
    source: nodeLinkLocal,
    destination: clientAddress,
    type: 'advertisement',
    flags: '60000000',
    options: linkLayerOption('target', nodeMac),
    target,
    ...change,
  })

/** S=0, O=1, to all nodes: unasked, and the answer to Duplicate Address Detection. */
const unsolicited = (target: string): string =>
  advertisement(target, { to: '33:33:00:00:00:01', destination: 'ff02::1', flags: '20000000' })

const asker = '2001:db8::fe'

const isAdvertisementOfNode = (hex: string): boolean =>
  hex.slice(12, 24) === hexOf(nodeMac) && hex.slice(24, 28) === '86dd' && hex.slice(108, 110) === '88'

/** Sends the frames and gives the advertisements that come for them; those for nothing are left out. */
async function played(frames: readonly string[], unasked: readonly string[] = held): Promise<string[]> {
  tap.frames.length = 0
  tap.send(...frames, solicitation(last, { source: asker }))
  const closing = advertisement(last, { destination: asker })
  await eventually('the last answer', () => tap.frames.some(({ hex }) => hex === closing))
  const left = new Set([closing, ...unasked.map(unsolicited)])
  return tap.frames
    .filter(({ hex }) => isAdvertisementOfNode(hex) && !left.has(hex))
    .map(({ hex, tagged }) => (tagged ? `tagged ${hex}` : hex))
}

const cases: [string, string[], string[]][] = [
  [
    '26: to the solicited-node group',
    [
      hexOf(`3333ff000050 0200000000c7 86dd 60000000 0020 3a ff
             20010db8000000000000000000000007 ff0200000000000000000001ff000050
             87 00 1abf 00000000 20010db8000000000000000000000050 01 01 0200000000c7`),
    ],
    [
      hexOf(`0200000000c7 02000000000a 86dd 60000000 0020 3a ff
             fe80000000000000000000fffe00000a 20010db8000000000000000000000007
             88 00 ba45 60000000 20010db8000000000000000000000050 02 01 02000000000a`),
    ],
  ],
  [
    '28: wrong checksum',
    [solicitation(vip, { checksumError: 1 }), solicitation(vip, { checksumError: 0x100 })],
    [],
  ],
  ['29: code 1', [solicitation(vip, { code: 1 })], []],
  [
    '30, derived: has passed a router',
    [254, 64, 1, 0].map((hopLimit) => solicitation(vip, { hopLimit })),
    [],
  ],
  ['31: an option of length 0', [solicitation(vip, { options: `${slla} 0e00000000000000` })], []],
  ['32: the target is a group', [solicitation('ff02::1:ff00:50', { destination: 'ff02::1:ff00:50' })], []],
  [
    '33, derived: an option beyond the end, and half of one',
    ['0e02000000000000', '0e', '0101020000'].map((options) => solicitation(vip, { options })),
    [],
  ],
  ['34: from :: with a source link-layer address', [solicitation(vip, { source: '::' })], []],
  [
    '35: from :: to the address itself',
    [solicitation(vip, { source: '::', options: '', destination: vip })],
    [],
  ],
  ['36, derived: held by another node', [solicitation(vipElsewhere)], []],
  [
    '37: to the address itself, as a cache checks an entry',
    [solicitation(vip, { destination: vip, options: '' })],
    [advertisement(vip)],
  ],
  ['37: the same to another station', [solicitation(vip, { destination: vip, to: otherMac })], []],
  [
    '38: a nonce and other unknown options',
    [solicitation(vip, { options: `${slla} 0e01 a1a2a3a4a5a6 fd02 ${'00'.repeat(14)}` })],
    [advertisement(vip)],
  ],
  ['39, derived: another address of a group that is joined', [solicitation(sameGroup)], []],
  ['tagged', [solicitation(vip, { tag: '8100 0014' })], []],
  ['priority tag', [solicitation(vip, { tag: '8100 e000' })], [advertisement(vip)]],
  ['subnet-router anycast', [solicitation('2001:db8::')], []],
  [
    'a hundred options',
    [solicitation(vip, { options: slla + `0e01${'00'.repeat(6)}`.repeat(99) })],
    [advertisement(vip)],
  ],
  [
    'shorter than its header says, or than a solicitation',
    [
      solicitation(vip, { length: 40 }),
      solicitation(vip).slice(0, 2 * 70),
      solicitation(vip, { length: 20 }),
    ],
    [],
  ],
  [
    'the asker has a group address, or none',
    ['33:33:00:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'].map((mac) =>
      solicitation(vip, { options: linkLayerOption('source', mac) }),
    ),
    [],
  ],
  [
    'own advertisement seen again',
    [unsolicited(vip), advertisement(vip, { destination: nodeLinkLocal, to: nodeMac })],
    [],
  ],
]

test.each(cases)('%s', async (_name, frames, expected) => {
  expect(await played(frames)).toEqual(expected)
})

/** When the announcements of the take-over are over. */
const announcedAll = (address: string) =>
  eventually('the announcements', () => (wire.counters(address)?.gratuitousSent ?? 0) >= 3, 20_000)

test('27, derived: Duplicate Address Detection is answered to all nodes', async () => {
  await announcedAll(vip)
  const frame = solicitation(vip, { source: '::', options: '' })
  const others = held.filter((address) => address !== vip)
  expect(await played([frame], others)).toEqual([unsolicited(vip)])
  expect(wire.of('conflict').filter(({ address }) => address === vip)).toEqual([])
})

const toAll = { to: '33:33:00:00:00:01', destination: 'ff02::1' }

test.each<[string, string, string]>([
  [
    'a solicitation that uses our address as its source',
    claimed[0],
    solicitation('2001:db8::8', { source: claimed[0] }),
  ],
  [
    'an advertisement of our address by a foreign host',
    claimed[1],
    advertisement(claimed[1], {
      ...toAll,
      from: clientMac,
      source: clientAddress,
      flags: '20000000',
      options: linkLayerOption('target', clientMac),
    }),
  ],
])('%s: no answer, one conflict, one defence', async (_name, address, frame) => {
  await announcedAll(address)
  expect(await played([frame, frame, frame])).toEqual([])
  const ours = () => wire.of('conflict').filter((conflict) => conflict.address === address)
  await eventually('the conflict', () => ours().length > 0)
  expect(ours()[0]).toMatchObject({ mac: clientMac, interface: 'eth0' })
  await eventually('the defence', () => tap.frames.some(({ hex }) => hex === unsolicited(address)))
  expect(await played([frame, frame])).toEqual([])
  expect(ours()).toHaveLength(1)
  expect(wire.holder(address)).toMatchObject({ held: true })
})

/** What MLDv2 reports (RFC 3810 5.2) say of a group, in order: 3 is leaving, 4 is joining. */
function mldRecords(hex: string): { readonly type: number; readonly group: string }[] {
  const frame = Buffer.from(hex, 'hex')
  // Behind the hop-by-hop header with the router alert.
  const icmp = 14 + 40 + 8
  if (frame[20] !== 0 || frame[icmp] !== 143) return []
  const records = []
  let at = icmp + 8
  for (let left = frame.readUInt16BE(icmp + 6); left > 0; left--) {
    records.push({ type: frame[at], group: frame.toString('hex', at + 4, at + 20) })
    at += 20 + 4 * frame[at + 1] + 16 * frame.readUInt16BE(at + 2)
  }
  return records
}

const reported = (type: number, address: string) => (hex: string) =>
  mldRecords(hex).some((record) => record.type === type && record.group === ipHex(solicitedNodeOf(address)))

test('40: the group is joined before the first advertisement, and left with the last address of it', async () => {
  const one = '2001:db8::70'
  const two = '2001:db8:0:0:1::70'
  tap.frames.length = 0
  wire.send({ kind: 'addresses', put: [only('node-a', one), only('node-a', two)], remove: [] })
  const seen = () => tap.frames.map(({ hex }) => hex)
  await eventually(
    'three advertisements of each',
    () => {
      const count = (address: string) => seen().filter((hex) => hex === unsolicited(address)).length
      return count(one) >= 3 && count(two) >= 3
    },
    20_000,
  )
  expect(seen().findIndex(reported(4, one))).toBeGreaterThanOrEqual(0)
  expect(seen().findIndex(reported(4, one))).toBeLessThan(seen().indexOf(unsolicited(one)))
  expect(seen().findIndex(reported(4, one))).toBeLessThan(seen().indexOf(unsolicited(two)))
  // Ours, which does not wait for a clock tick, and the two of the kernel are the same frame.
  const [report] = seen().filter(reported(4, one))
  await eventually('the reports of the kernel', () => seen().filter((hex) => hex === report).length >= 3)

  const joined = async () =>
    (await must(node, 'ip', ['maddress', 'show', 'dev', 'eth0'])).includes(solicitedNodeOf(one))
  wire.send({ kind: 'addresses', put: [], remove: [one] })
  expect(await played([solicitation(one), solicitation(two)], [...held, one, two])).toEqual([
    advertisement(two),
  ])
  expect(await joined()).toBe(true)
  wire.send({ kind: 'addresses', put: [], remove: [two] })
  await eventually('the group left', async () => !(await joined()))
  await eventually('the report', () => seen().some(reported(3, one)))
  // At most three of each, although it was announced for seconds.
  for (const address of [one, two])
    expect(seen().filter((hex) => hex === unsolicited(address))).toHaveLength(0)
})

/** Whichever of its addresses the client has asked from. */
const advertisedTo = (mac: string, target: string): boolean =>
  tap.frames.some(
    ({ hex }) =>
      isAdvertisementOfNode(hex) && hex.startsWith(hexOf(mac)) && hex.slice(124, 156) === ipHex(target),
  )

const entry = async (address: string): Promise<string> =>
  must(client, 'ip', ['neigh', 'show', address, 'dev', 'eth0'])
const speakTo = (address: string) => must(client, 'bash', ['-c', `echo x > /dev/udp/${address}/9`])

test('the kernel of a client resolves, checks its entry again by unicast, and follows a move', async () => {
  await must(client, 'sh', ['-c', 'echo 0 > /proc/sys/net/ipv6/neigh/eth0/delay_first_probe_time'])
  await run(client, 'ip', ['neigh', 'flush', 'dev', 'eth0'])
  await speakTo(vip)
  await eventually('the entry', async () => (await entry(vip)).includes(nodeMac))
  await must(client, 'ip', ['neigh', 'replace', vip, 'lladdr', nodeMac, 'nud', 'stale', 'dev', 'eth0'])
  tap.frames.length = 0
  await speakTo(vip)
  await eventually('reachable again', async () => (await entry(vip)).includes('REACHABLE'))
  expect(advertisedTo(clientMac, vip)).toBe(true)

  const moved = '2001:db8::80'
  await must(client, 'ip', ['neigh', 'replace', moved, 'lladdr', otherMac, 'nud', 'reachable', 'dev', 'eth0'])
  wire.send({ kind: 'addresses', put: [only('node-a', moved)], remove: [] })
  await eventually('the entry with the new holder', async () => (await entry(moved)).includes(nodeMac))
})

test('the kernel of another host finds the address taken', async () => {
  await must(client, 'sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad'])
  await must(client, 'ip', ['addr', 'add', `${vip}/64`, 'dev', 'eth0'])
  try {
    await eventually('the failed check', async () =>
      (await must(client, 'ip', ['-6', 'addr', 'show', 'dev', 'eth0', 'dadfailed'])).includes(vip),
    )
  } finally {
    await must(client, 'ip', ['addr', 'del', `${vip}/64`, 'dev', 'eth0'])
  }
})

test('ndisc6 is answered, from the link-local address', async () => {
  tap.frames.length = 0
  await run(client, 'ndisc6', ['-1', '-r', '1', '-w', '1', vip, 'eth0'])
  await eventually('the answer', () => advertisedTo(clientMac, vip))
})
