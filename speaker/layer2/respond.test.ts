import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildArp, parseArp, type ArpPacket } from './arp.ts'
import { dropReasons, type DropReason } from './errors.ts'
import { broadcastMac, macNumber } from './ethernet.ts'
import { HeldAddresses } from './held.ts'
import { respond, type Response, type ResponderInterface } from './respond.ts'

// The node has eth0 (index 2) and eth1 (index 3); 192.0.2.50 is held on eth0, .51 by another node, .52 is held
// on eth1 only. C is a client.
const node = macNumber('02:00:00:00:00:0a')
const second = macNumber('02:00:00:00:01:0a')
const client = macNumber('02:00:00:00:00:c7')
const other = macNumber('02:00:00:00:00:0b')
const ip = (last: number): number => 0xc0000200 + last

const eth0: ResponderInterface = { index: 2, mac: node, ownMacs: new Set([node, second]) }

function addresses(): HeldAddresses {
  const held = new HeldAddresses()
  const add = (address: string, interfaces: number[], watched: number[]): void => {
    Object.assign(held.add(address), { interfaces: new Set(interfaces), watched: new Set(watched) })
  }
  add('192.0.2.50', [2], [2])
  add('192.0.2.51', [], [2])
  add('192.0.2.52', [3], [3])
  return held
}

const request = (change: Partial<ArpPacket> = {}): ArpPacket => ({
  destination: broadcastMac,
  source: client,
  operation: 1,
  senderMac: client,
  senderAddress: ip(7),
  targetMac: 0,
  targetAddress: ip(50),
  ...change,
})

const frame = (change: Partial<ArpPacket> = {}): Uint8Array => buildArp(request(change))
const hear = (bytes: Uint8Array): Response => respond(bytes, addresses(), eth0)

function edited(edit: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = frame()
  edit(bytes)
  return bytes
}

function tagged(vlan: number, priority = 0): Uint8Array {
  const bytes = frame()
  return Buffer.concat([
    bytes.subarray(0, 12),
    Uint8Array.from([0x81, 0, (priority << 5) | (vlan >> 8), vlan & 255]),
    bytes.subarray(12),
  ])
}

describe('answered', () => {
  const reply = (sender: number, address: number): Partial<ArpPacket> => ({
    destination: sender,
    source: node,
    operation: 2,
    senderMac: node,
    senderAddress: ip(50),
    targetMac: sender,
    targetAddress: address,
  })

  test.each<[string, Uint8Array, Partial<ArpPacket>]>([
    ['1: broadcast request', frame(), reply(client, ip(7))],
    ['4: unicast request (a cache checks its entry)', frame({ destination: node }), reply(client, ip(7))],
    ['probe from 0.0.0.0 (RFC 5227)', frame({ senderAddress: 0 }), reply(client, 0)],
    ['14: padding and a trailer', Buffer.concat([frame(), Buffer.alloc(200, 0xee)]), reply(client, ip(7))],
    ['19: priority tag, VLAN id 0', tagged(0, 5), reply(client, ip(7))],
    ['the old entry in the target hardware address', frame({ targetMac: other }), reply(client, ip(7))],
  ])('%s', (_name, bytes, expected) => {
    const response = hear(bytes)
    if (!('answer' in response)) throw new Error(JSON.stringify(response))
    expect(response.address.address).toBe('192.0.2.50')
    expect(response.answer).toHaveLength(60)
    expect(parseArp(response.answer)).toEqual(expected)
  })
})

const dropped: [string, Uint8Array, DropReason][] = [
  ['2: held by another node', frame({ targetAddress: ip(51) }), 'notHeld'],
  ['not a service address', frame({ targetAddress: ip(99) }), 'notAnnounced'],
  ['held on another interface only', frame({ targetAddress: ip(52) }), 'otherInterface'],
  ['5: unicast to another station (promiscuous interface)', frame({ destination: other }), 'notForUs'],
  [
    '8: our own announcement, looped back',
    frame({ source: node, senderMac: node, senderAddress: ip(50) }),
    'ownFrame',
  ],
  [
    '8: the same from our other interface',
    frame({ source: second, senderMac: second, senderAddress: ip(50) }),
    'ownFrame',
  ],
  ['11: hardware type 6', edited((bytes) => (bytes[15] = 6)), 'hardwareType'],
  ['11: protocol 0x86dd', edited((bytes) => bytes.set([0x86, 0xdd], 16)), 'protocolType'],
  ['11: hardware address length 8', edited((bytes) => (bytes[18] = 8)), 'addressLength'],
  ['13: 27 octets after the Ethernet header', frame().subarray(0, 14 + 27), 'truncated'],
  ['nothing', new Uint8Array(0), 'truncated'],
  ['16: sender hardware address is broadcast', frame({ senderMac: broadcastMac }), 'badSender'],
  [
    '16: sender hardware address is multicast',
    frame({ senderMac: macNumber('01:00:5e:00:00:01') }),
    'badSender',
  ],
  ['16: sender hardware address is zero', frame({ senderMac: 0 }), 'badSender'],
  ['17: VLAN 20', tagged(20), 'vlan'],
  ['D23: a reply', frame({ operation: 2, destination: node, targetAddress: ip(8) }), 'notRequest'],
  ['another operation', frame({ operation: 3 }), 'notRequest'],
  ['not ARP', edited((bytes) => bytes.set([0x86, 0xdd], 12)), 'notForUs'],
]

describe('dropped, with the reason', () => {
  test.each(dropped)('%s', (_name, bytes, reason) => {
    expect(hear(bytes)).toEqual({ drop: reason })
  })

  test('the table has every reason that ARP can have', () => {
    const ndpOnly: DropReason[] = [
      'notNeighborDiscovery',
      'solicitedToGroup',
      'hopLimit',
      'checksum',
      'icmpCode',
      'optionLength',
      'targetMulticast',
      'unspecifiedSource',
    ]
    const inTable = new Set(dropped.map(([, , reason]) => reason))
    const byLayer2: DropReason[] = ['rateLimited', 'handingOver']
    const expected = Object.keys(dropReasons).filter(
      (reason) => ![...ndpOnly, ...byLayer2].includes(reason as DropReason),
    )
    expect([...inTable].sort()).toEqual(expected.sort())
  })
})

describe('claims: any packet with one of our addresses as sender (RFC 5227 2.4)', () => {
  test.each<[string, Uint8Array, boolean]>([
    ['7: announced as a request', frame({ senderAddress: ip(50) }), false],
    ['7: announced as a reply', frame({ operation: 2, senderAddress: ip(50), targetMac: client }), false],
    [
      '10: used as sender address of another question',
      frame({ senderAddress: ip(50), targetAddress: ip(7) }),
      false,
    ],
    [
      'a reply to us',
      frame({ operation: 2, destination: node, senderAddress: ip(50), targetAddress: ip(10) }),
      true,
    ],
  ])('%s', (_name, bytes, direct) => {
    expect(hear(bytes)).toEqual({
      claim: { address: expect.objectContaining({ address: '192.0.2.50' }), mac: client, direct },
    })
  })

  test('also of an address that another node holds: that is how its holder becomes known', () => {
    expect(hear(frame({ senderAddress: ip(51), targetAddress: ip(51) }))).toMatchObject({
      claim: { address: { address: '192.0.2.51' } },
    })
  })

  test('none where the address is not meant for the interface', () => {
    expect(hear(frame({ senderAddress: ip(52), targetAddress: ip(52) }))).toEqual({ drop: 'otherInterface' })
  })
})

describe('probes (RFC 5227 2.1.1) are told apart', () => {
  test.each<[string, Uint8Array, object]>([
    [
      'broadcast, held here',
      frame({ senderAddress: 0 }),
      { probe: { address: { address: '192.0.2.50' }, mac: client, kind: 'all' } },
    ],
    ['unicast', frame({ senderAddress: 0, destination: node }), { probe: { kind: 'us' } }],
    [
      'unicast, and it says that the address is ours',
      frame({ senderAddress: 0, destination: node, targetMac: node }),
      { probe: { kind: 'nudge' } },
    ],
    ['a beacon', frame({ senderAddress: 0, targetMac: client }), { probe: { kind: 'beacon' } }],
    [
      'held by another node',
      frame({ senderAddress: 0, targetAddress: ip(51) }),
      { drop: 'notHeld', probe: { address: { address: '192.0.2.51' } } },
    ],
  ])('%s', (_name, bytes, expected) => {
    expect(hear(bytes)).toMatchObject(expected)
  })

  test('a question with a sender is none', () => {
    expect(hear(frame())).not.toHaveProperty('probe')
  })
})

describe('look-up', () => {
  test('an address that is removed is no longer answered', () => {
    const held = addresses()
    held.delete('192.0.2.50')
    expect(respond(frame(), held, eth0)).toEqual({ drop: 'notAnnounced' })
    held.delete('192.0.2.50')
  })

  test('one that is given up keeps its counters', () => {
    const held = addresses()
    Object.assign(held.add('192.0.2.50'), { interfaces: new Set(), requestsReceived: 3 })
    expect(respond(frame(), held, eth0)).toEqual({ drop: 'notHeld' })
    expect(held.add('192.0.2.50').requestsReceived).toBe(3)
    held.add('192.0.2.50').interfaces = new Set([2])
    expect([...held.held()].map((each) => each.address)).toEqual(['192.0.2.50', '192.0.2.52'])
  })
})

test('any octets give a response, never an exception', () => {
  const held = addresses()
  const mutated = fc
    .tuple(fc.nat({ max: 59 }), fc.nat({ max: 255 }), fc.nat({ max: 60 }))
    .map(([at, value, length]) => edited((bytes) => (bytes[at] = value)).subarray(0, length))
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      const response = respond(bytes, held, eth0)
      expect(Object.keys(response).length).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
})
