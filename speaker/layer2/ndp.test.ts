import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { dropReasons, type DropReason } from './errors.ts'
import { macNumber, macText, write16, writeMac } from './ethernet.ts'
import { Groups, solicitedNodeGroup } from './groups.ts'
import { HeldAddresses } from './held.ts'
import {
  allNodes,
  buildBeacon,
  buildHostQuestion,
  buildNudge,
  buildProbe,
  buildUnicastProbe,
  buildUnsolicited,
  checksum,
  groupMac,
  nonces,
  parseNeighborDiscovery,
  solicitedNode,
} from './ndp.ts'
import { respondNdp, type NdpInterface } from './respond-ndp.ts'
import type { Response } from './respond.ts'

const ip = (text: string): Uint8Array => addressToBytes(parseAddress(text))
const node = macNumber('02:00:00:00:00:0a')
const client = macNumber('02:00:00:00:00:c7')
const vip = ip('2001:db8::50')
const group = solicitedNode(vip)

interface Solicitation {
  source?: Uint8Array
  destination?: Uint8Array
  destinationMac?: number
  target?: Uint8Array
  hops?: number
  code?: number
  type?: number
  /** octets of the options */
  options?: number[]
  edit?: (frame: Uint8Array) => void
  badChecksum?: boolean
}

const sourceLinkLayer = [1, 1, 2, 0, 0, 0, 0, 0xc7]

function solicitation(spec: Solicitation = {}): Uint8Array {
  const options = spec.options ?? sourceLinkLayer
  const destination = spec.destination ?? group
  const frame = new Uint8Array(14 + 40 + 24 + options.length)
  writeMac(frame, 0, spec.destinationMac ?? (destination[0] === 0xff ? groupMac(destination) : node))
  writeMac(frame, 6, client)
  write16(frame, 12, 0x86dd)
  frame[14] = 0x60
  write16(frame, 18, 24 + options.length)
  frame[20] = 58
  frame[21] = spec.hops ?? 255
  frame.set(spec.source ?? ip('2001:db8::7'), 22)
  frame.set(destination, 38)
  frame[54] = spec.type ?? 135
  frame[55] = spec.code ?? 0
  frame.set(spec.target ?? vip, 62)
  frame.set(options, 78)
  spec.edit?.(frame)
  write16(frame, 56, checksum(frame, 14, 24 + options.length) ^ (spec.badChecksum ? 1 : 0))
  return frame
}

const eth0: NdpInterface = { index: 2, mac: node, ownMacs: new Set([node]), linkLocal: ip('fe80::a') }

function hear(frame: Uint8Array, on = eth0): Response {
  const held = new HeldAddresses()
  const add = (address: string, interfaces: number[], watched: number[]): void => {
    Object.assign(held.add(address), { interfaces: new Set(interfaces), watched: new Set(watched) })
  }
  add('2001:db8::50', [2], [2])
  add('2001:db8::51', [], [2])
  add('2001:db8::52', [3], [3])
  return respondNdp(frame, held, on)
}

/** An advertisement as the asker reads it, after checking what RFC 4861 7.1.2 demands. */
function read(frame: Uint8Array) {
  const at = Buffer.from(frame)
  expect(at).toHaveLength(86)
  expect(at[21]).toBe(255)
  expect(at[54]).toBe(136)
  expect(at[55]).toBe(0)
  expect(at.readUInt16BE(18)).toBe(32)
  // the whole sum again, straight from RFC 1071
  const message = Buffer.concat([
    at.subarray(22, 54),
    Buffer.from([0, 0, 0, 32, 0, 0, 0, 58]),
    at.subarray(54),
  ])
  let sum = 0
  for (let index = 0; index < message.length; index += 2) sum += message.readUInt16BE(index)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  expect(sum).toBe(0xffff)
  return {
    destinationMac: macText(at.readUIntBE(0, 6)),
    sourceMac: macText(at.readUIntBE(6, 6)),
    source: at.subarray(22, 38).toString('hex'),
    destination: at.subarray(38, 54).toString('hex'),
    flags: at[58],
    target: at.subarray(62, 78).toString('hex'),
    option: at.subarray(78).toString('hex'),
  }
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex')
const solicited = 0x40
const override = 0x20

describe('answered', () => {
  const toClient = {
    destinationMac: '02:00:00:00:00:c7',
    sourceMac: '02:00:00:00:00:0a',
    source: hex(ip('fe80::a')),
    destination: hex(ip('2001:db8::7')),
    flags: solicited | override,
    target: hex(vip),
    option: '020102000000000a',
  }
  const toAll = {
    ...toClient,
    destinationMac: '33:33:00:00:00:01',
    destination: hex(allNodes),
    flags: override,
  }

  test.each<[string, Uint8Array, object]>([
    ['26: multicast to the solicited-node group', solicitation(), toClient],
    [
      '37: unicast without link-layer option (NUD)',
      solicitation({ destination: vip, options: [] }),
      toClient,
    ],
    [
      '38: an unknown option, the nonce',
      solicitation({ options: [...sourceLinkLayer, 14, 1, 1, 2, 3, 4, 5, 6] }),
      toClient,
    ],
    ['DAD: to all nodes, not solicited', solicitation({ source: ip('::'), options: [] }), toAll],
    [
      'DAD with a nonce (RFC 7527)',
      solicitation({ source: ip('::'), options: [14, 1, 1, 2, 3, 4, 5, 6] }),
      toAll,
    ],
  ])('%s', (_name, frame, expected) => {
    const response = hear(frame)
    if (!('answer' in response)) throw new Error(JSON.stringify(response))
    expect(read(response.answer)).toEqual(expected)
  })
})

const dropped: [string, Uint8Array, DropReason][] = [
  ['28: wrong checksum', solicitation({ badChecksum: true }), 'checksum'],
  ['29: code 1', solicitation({ code: 1 }), 'icmpCode'],
  ['31: option of length 0', solicitation({ options: [1, 0, 0, 0, 0, 0, 0, 0] }), 'optionLength'],
  ['option past the end', solicitation({ options: [1, 2, 0, 0, 0, 0, 0, 0] }), 'optionLength'],
  ['32: target is a group', solicitation({ target: group }), 'targetMulticast'],
  ['34: from :: with link-layer option', solicitation({ source: ip('::') }), 'unspecifiedSource'],
  [
    '35: from :: to the address itself',
    solicitation({ source: ip('::'), destination: vip, options: [] }),
    'unspecifiedSource',
  ],
  ['hop limit 254', solicitation({ hops: 254 }), 'hopLimit'],
  ['a router solicitation', solicitation({ type: 133 }), 'notNeighborDiscovery'],
  ['UDP', solicitation({ edit: (frame) => (frame[20] = 17) }), 'notNeighborDiscovery'],
  [
    'an advertisement to a group that says it is solicited',
    solicitation({ type: 136, edit: (frame) => (frame[58] = 0x40) }),
    'solicitedToGroup',
  ],
  [
    'an advertisement of an address that is none of ours',
    solicitation({ type: 136, target: ip('2001:db8::99') }),
    'notAnnounced',
  ],
  ['IPv4', solicitation({ edit: (frame) => write16(frame, 12, 0x0800) }), 'notForUs'],
  [
    'VLAN 20',
    Buffer.concat([
      solicitation().subarray(0, 12),
      Buffer.from('81000014', 'hex'),
      solicitation().subarray(12),
    ]),
    'vlan',
  ],
  ['cut', solicitation().subarray(0, 70), 'truncated'],
  ['length below 24', solicitation({ edit: (frame) => write16(frame, 18, 20) }), 'truncated'],
  ['to another station', solicitation({ destinationMac: macNumber('02:00:00:00:00:0b') }), 'notForUs'],
  ['from ourselves', solicitation({ edit: (frame) => writeMac(frame, 6, node) }), 'ownFrame'],
  ['link-layer option is a group', solicitation({ options: [1, 1, 0x33, 0x33, 0, 0, 0, 1] }), 'badSender'],
  ['held by another node', solicitation({ target: ip('2001:db8::51') }), 'notHeld'],
  ['held on another interface', solicitation({ target: ip('2001:db8::52') }), 'otherInterface'],
  ['target is the subnet-router anycast address', solicitation({ target: ip('2001:db8::') }), 'notAnnounced'],
]

describe('dropped, with the reason', () => {
  test.each(dropped)('%s', (_name, frame, reason) => {
    expect(hear(frame)).toEqual({ drop: reason })
  })

  test('the table has every reason that NDP can have', () => {
    const arpOnly = ['hardwareType', 'protocolType', 'addressLength', 'notRequest']
    const byLayer2 = ['rateLimited', 'handingOver']
    const inTable = new Set<string>(dropped.map(([, , reason]) => reason))
    expect([...inTable].sort()).toEqual(
      Object.keys(dropReasons)
        .filter((reason) => ![...arpOnly, ...byLayer2].includes(reason))
        .sort(),
    )
  })

  test('no answer from an interface without a link-local address', () => {
    expect(hear(solicitation(), { index: 2, mac: node, ownMacs: new Set([node]) })).toEqual({
      drop: 'otherInterface',
    })
  })

  test('cut anywhere and changed anywhere: a response, never an exception', () => {
    const changed = fc
      .tuple(fc.nat({ max: 85 }), fc.nat({ max: 255 }), fc.nat({ max: 86 }))
      .map(([at, value, length]) =>
        solicitation({ edit: (frame) => (frame[at] = value) }).subarray(0, length),
      )
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 120 })), (frame) => {
        expect(hear(frame)).toBeDefined()
        expect(parseNeighborDiscovery(frame)).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })
})

describe('claims', () => {
  const foreign = macNumber('02:00:00:00:00:0b')
  const claim = (address: string, mac: number, direct = false) => ({
    claim: { address: expect.objectContaining({ address }), mac, direct },
  })

  test.each<[string, Uint8Array, object]>([
    [
      'the address as a source',
      solicitation({ source: vip, target: ip('2001:db8::7') }),
      claim('2001:db8::50', client),
    ],
    [
      'an unsolicited advertisement',
      buildUnsolicited(vip, foreign, ip('fe80::b')),
      claim('2001:db8::50', foreign),
    ],
    [
      'of an address that another node holds',
      buildUnsolicited(ip('2001:db8::51'), foreign, ip('fe80::b')),
      claim('2001:db8::51', foreign),
    ],
    [
      'without target link-layer address: the sender of the frame',
      solicitation({ type: 136, destinationMac: node, options: [] }),
      claim('2001:db8::50', client, true),
    ],
  ])('%s', (_name, frame, expected) => {
    expect(hear(frame)).toEqual(expected)
  })
})

describe('probes', () => {
  const other = { mac: macNumber('02:00:00:00:00:0b'), linkLocal: ip('fe80::b') }

  test('to all: multicast to the solicited-node group, with link-layer address and nonce', () => {
    const frame = buildProbe(vip, other.mac, other.linkLocal)
    expect(parseNeighborDiscovery(frame)).toMatchObject({
      destinationMac: groupMac(group),
      sourceLinkLayer: other.mac,
      duplicateCheck: false,
      nonce: nonces.probe,
    })
    const response = hear(frame)
    expect(response).toMatchObject({ probe: { mac: other.mac, kind: 'all' } })
    if (!('answer' in response)) throw new Error('no answer')
    expect(read(response.answer)).toMatchObject({
      destinationMac: '02:00:00:00:00:0b',
      destination: hex(other.linkLocal),
    })
  })

  test('to one: to the address itself', () => {
    const frame = buildUnicastProbe(vip, other.mac, other.linkLocal, node)
    expect(hear(frame)).toMatchObject({ probe: { kind: 'us' }, answer: expect.anything() })
  })

  test('a beacon: to all nodes', () => {
    const frame = buildBeacon(vip, other.mac, other.linkLocal)
    expect(parseNeighborDiscovery(frame)).toMatchObject({ destinationMac: groupMac(allNodes) })
    expect(hear(frame)).toMatchObject({ probe: { kind: 'beacon' } })
  })

  test('to one, and it says that the address is for that one', () => {
    expect(hear(buildNudge(vip, other.mac, other.linkLocal, node))).toMatchObject({
      probe: { kind: 'nudge' },
    })
  })

  test.each<[string, number[]]>([
    ['the resolution of a kernel', sourceLinkLayer],
    ['another nonce', [...sourceLinkLayer, 14, 1, 1, 2, 3, 4, 5, 6]],
  ])('%s is none', (_name, options) => {
    expect(hear(solicitation({ options }))).not.toHaveProperty('probe')
  })
})

describe('solicited-node groups', () => {
  test('text', () => {
    expect(solicitedNodeGroup('2001:db8::50')).toBe('ff02::1:ff00:50')
    expect(macText(groupMac(group))).toBe('33:33:ff:00:00:50')
  })

  test('addresses with the same last 24 bits share one: joined with the first, left with the last', () => {
    const groups = new Groups()
    const change = { group: 'ff02::1:ff00:50' }
    expect(groups.set('2001:db8::50', [2])).toEqual([{ ...change, interfaceIndex: 2, join: true }])
    expect(groups.set('2001:db8:1::50', [2])).toEqual([])
    expect(groups.set('2001:db8::50', [2, 3])).toEqual([{ ...change, interfaceIndex: 3, join: true }])
    expect(groups.set('2001:db8::50', [3])).toEqual([])
    expect(groups.set('2001:db8::50', [])).toEqual([{ ...change, interfaceIndex: 3, join: false }])
    expect(groups.set('2001:db8:1::50', [])).toEqual([{ ...change, interfaceIndex: 2, join: false }])
    expect(groups.set('2001:db8:1::50', [])).toEqual([])
  })
})

test('the question to a kernel is an ordinary one: to the station, from the link-local address, without a nonce', () => {
  const frame = buildHostQuestion(ip('fe80::b'), node, ip('fe80::a'), client)
  expect(parseNeighborDiscovery(frame)).toEqual({
    kind: 'solicitation',
    destinationMac: client,
    sourceMac: node,
    source: ip('fe80::a'),
    destination: ip('fe80::b'),
    target: ip('fe80::b'),
    duplicateCheck: false,
    sourceLinkLayer: node,
  })
})
