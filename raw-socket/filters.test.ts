import { describe, expect, test } from 'vitest'
import {
  arpFilter,
  dropAllFilter,
  maxFrame,
  neighborDiscoveryFilter,
  routerDiscoveryFilter,
  udpSourceFilter,
  udpTtlFilter,
} from './filters.ts'

interface Packet {
  readonly bytes: Uint8Array
  /** 0 host, 1 broadcast, 2 multicast, 3 other host, 4 outgoing */
  readonly type?: number
  readonly vlan?: number
  /** where the network header begins, for loads relative to it */
  readonly network?: Uint8Array
}

/** The few instructions that the filters use, as in the kernel's bpf documentation. */
function interpret(program: Uint8Array, packet: Packet): number {
  const view = Buffer.from(program.buffer, program.byteOffset, program.length)
  let accumulator = 0
  for (let index = 0; ; index++) {
    const code = view.readUInt16LE(index * 8)
    const k = view.readUInt32LE(index * 8 + 4)
    const jumpBy = (condition: boolean): number => view[index * 8 + (condition ? 2 : 3)]
    if (code === 0x06) return k
    if (code === 0x80) accumulator = packet.bytes.length
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x74) accumulator >>>= k
    else if (code === 0x15) index += jumpBy(accumulator === k)
    else if (code === 0x35) index += jumpBy(accumulator >= k)
    else if (code === 0x30 || code === 0x28 || code === 0x20) {
      const loaded = read(packet, k | 0, code === 0x30 ? 1 : code === 0x28 ? 2 : 4)
      if (loaded === undefined) return 0
      accumulator = loaded
    } else throw new Error(`unknown instruction 0x${code.toString(16)}`)
  }
}

function read(packet: Packet, offset: number, size: number): number | undefined {
  if (offset === -0x1000 + 4) return packet.type ?? 0
  if (offset === -0x1000 + 44) return packet.vlan ?? 0
  if (offset === -0x1000 + 48) return packet.vlan === undefined ? 0 : 1
  const bytes = offset < -0x1000 ? (packet.network ?? new Uint8Array(0)) : packet.bytes
  const at = offset < -0x1000 ? offset + 0x100000 : offset
  if (at + size > bytes.length) return undefined
  return Buffer.from(bytes).readUIntBE(at, size)
}

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const arp = octets(
  'ffffffffffff 0200000000c7 0806 0001 0800 06 04 0001 0200000000c7 c0000207 000000000000 c0000232',
)
const solicitation = octets(
  `3333ff000050 0200000000c7 86dd 60000000 0020 3a ff 20010db8000000000000000000000007
   ff0200000000000000000001ff000050 87 00 0000 00000000 20010db8000000000000000000000050 0101 0200000000c7`.replaceAll(
    '\n',
    '',
  ),
)

/** The frame with octets from `at` on replaced. */
function changed(frame: Uint8Array, at: number, hex: string): Uint8Array {
  const copy = Uint8Array.from(frame)
  copy.set(octets(hex), at)
  return copy
}

const cases: [string, Uint8Array, [string, Packet, boolean][]][] = [
  [
    'ARP',
    arpFilter,
    [
      ['a request', { bytes: arp, type: 1 }, true],
      ['a unicast request to us', { bytes: arp, type: 0 }, true],
      ['a reply', { bytes: changed(arp, 20, '0002') }, true],
      ['one with padding and a trailer', { bytes: Uint8Array.from([...arp, ...new Uint8Array(200)]) }, true],
      ['a priority-tagged request', { bytes: arp, vlan: 0xe000 }, true],
      ['a request of VLAN 20', { bytes: arp, vlan: 20 }, false],
      ['a unicast request to another host', { bytes: arp, type: 3 }, false],
      ['our own frame', { bytes: arp, type: 4 }, false],
      ['RARP', { bytes: changed(arp, 20, '0003') }, false],
      ['operation 0', { bytes: changed(arp, 20, '0000') }, false],
      ['hardware type 6', { bytes: changed(arp, 14, '0006') }, false],
      ['protocol IPv6', { bytes: changed(arp, 16, '86dd') }, false],
      ['hardware length 8', { bytes: changed(arp, 18, '0804') }, false],
      ['protocol length 16', { bytes: changed(arp, 18, '0610') }, false],
      ['IPv4', { bytes: changed(arp, 12, '0800') }, false],
      ['27 octets after the header', { bytes: arp.subarray(0, 41) }, false],
      ['nothing', { bytes: new Uint8Array(0) }, false],
    ],
  ],
  [
    'neighbor discovery',
    neighborDiscoveryFilter,
    [
      ['a solicitation', { bytes: solicitation, type: 2 }, true],
      ['a unicast solicitation', { bytes: solicitation, type: 0 }, true],
      ['an advertisement', { bytes: changed(solicitation, 54, '88') }, true],
      ['without options', { bytes: solicitation.subarray(0, 78) }, true],
      ['hop limit 64', { bytes: changed(solicitation, 21, '40') }, false],
      ['hop limit 254', { bytes: changed(solicitation, 21, 'fe') }, false],
      ['an echo request', { bytes: changed(solicitation, 54, '80') }, false],
      ['a router advertisement', { bytes: changed(solicitation, 54, '86') }, false],
      ['a redirect', { bytes: changed(solicitation, 54, '89') }, false],
      ['UDP', { bytes: changed(solicitation, 20, '11') }, false],
      ['a fragment', { bytes: changed(solicitation, 20, '2c') }, false],
      ['one octet short', { bytes: solicitation.subarray(0, 77) }, false],
      ['VLAN 20', { bytes: solicitation, vlan: 20 }, false],
      ['another host', { bytes: solicitation, type: 3 }, false],
    ],
  ],
  [
    'router discovery',
    routerDiscoveryFilter,
    [
      ['an advertisement', { bytes: changed(solicitation, 54, '86'), type: 2 }, true],
      ['a solicitation', { bytes: changed(solicitation, 54, '85'), type: 2 }, true],
      ['hop limit 64', { bytes: changed(changed(solicitation, 54, '86'), 21, '40') }, false],
      ['a neighbor solicitation', { bytes: solicitation }, false],
      ['one octet short', { bytes: changed(solicitation, 54, '85').subarray(0, 61) }, false],
      ['VLAN 20', { bytes: changed(solicitation, 54, '86'), vlan: 20 }, false],
      ['another host', { bytes: changed(solicitation, 54, '86'), type: 3 }, false],
    ],
  ],
]

for (const [name, program, table] of cases) {
  describe(`the ${name} filter`, () => {
    test.each(table)('%s', (_what, packet, passes) => {
      expect(interpret(program, packet)).toBe(passes ? maxFrame : 0)
    })
  })
}

const v4 = (ttl: number): Uint8Array => Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0, 0, ttl, 17)
const v6 = (hops: number): Uint8Array => Uint8Array.of(0x60, 0, 0, 0, 0, 0, 17, hops)

describe('the TTL filter', () => {
  test.each([
    [255, v4(255), true],
    [255, v4(254), false],
    [254, v4(254), true],
    [255, v6(255), true],
    [255, v6(254), false],
    [1, v6(1), true],
    [255, Uint8Array.of(0x55, 0, 0, 0, 0, 0, 0, 255, 255), false],
  ])('at least %d: %j', (minimum, network, passes) => {
    const verdict = interpret(udpTtlFilter(minimum), { bytes: new Uint8Array(8), network })
    expect(verdict > 0).toBe(passes)
  })
})

describe('the source filter', () => {
  const v4From = (ttl: number, source: string): Uint8Array =>
    Uint8Array.from([...v4(ttl), ...octets('0000'), ...octets(source)])
  const v6From = (hops: number, source: string): Uint8Array =>
    Uint8Array.from([...v6(hops), ...octets(source)])
  const four = udpSourceFilter([
    { address: '192.0.2.7', minimumTtl: 250 },
    { address: '198.51.100.1', minimumTtl: 1 },
  ])
  const six = udpSourceFilter([{ address: '2001:db8::7', minimumTtl: 254 }])
  const host = '20010db8000000000000000000000007'

  test.each([
    ['of the first with its TTL', four, v4From(250, 'c0000207'), true],
    ['of the first with less', four, v4From(249, 'c0000207'), false],
    ['of the second', four, v4From(1, 'c6336401'), true],
    ['of the second with TTL 0', four, v4From(0, 'c6336401'), false],
    ['of a stranger', four, v4From(255, 'c0000208'), false],
    ['over IPv6', six, v6From(254, host), true],
    ['over IPv6 with less', six, v6From(253, host), false],
    ['of an IPv6 stranger', six, v6From(255, host.replace('0007', '0008')), false],
    ['of one that differs in the first word', six, v6From(255, host.replace('2001', '2002')), false],
    ['of anybody, without sources', udpSourceFilter([]), v4From(255, 'c0000207'), false],
    ['on a socket that only sends', dropAllFilter, v4From(255, 'c0000207'), false],
  ])('%s', (_what, program, network, passes) => {
    expect(interpret(program, { bytes: new Uint8Array(8), network }) > 0).toBe(passes)
  })
})
