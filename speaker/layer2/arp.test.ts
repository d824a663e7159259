import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  arpOperation,
  buildArp,
  buildGratuitousReply,
  buildGratuitousRequest,
  buildProbe,
  buildReply,
  parseArp,
  type ArpPacket,
} from './arp.ts'
import { isGroupMac, macNumber, macText } from './ethernet.ts'

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')
const octets = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')
const padding = '00'.repeat(18)

const node = macNumber('02:00:00:00:00:0a')
const client = macNumber('02:00:00:00:00:c7')
const vip = 0xc0000232

// One row is one frame in both directions.
const rows: [string, Uint8Array, string, Partial<ArpPacket>][] = [
  [
    'reply',
    buildReply(
      {
        destination: 0xffffffffffff,
        source: client,
        operation: 1,
        senderMac: client,
        senderAddress: 0xc0000207,
        targetMac: 0,
        targetAddress: vip,
      },
      node,
    ),
    '0200000000c7 02000000000a 0806 0001 0800 06 04 0002 02000000000a c0000232 0200000000c7 c0000207',
    { operation: arpOperation.reply, senderAddress: vip, targetMac: client, destination: client },
  ],
  [
    'gratuitous request: no target hardware address',
    buildGratuitousRequest(vip, node),
    'ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a c0000232 000000000000 c0000232',
    { operation: arpOperation.request, senderAddress: vip, targetAddress: vip, targetMac: 0 },
  ],
  [
    'gratuitous reply: target hardware address = sender',
    buildGratuitousReply(vip, node),
    'ffffffffffff 02000000000a 0806 0001 0800 06 04 0002 02000000000a c0000232 02000000000a c0000232',
    { operation: arpOperation.reply, senderAddress: vip, targetAddress: vip, targetMac: node },
  ],
  [
    'probe: no sender address',
    buildProbe(vip, node),
    'ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a 00000000 000000000000 c0000232',
    { operation: arpOperation.request, senderAddress: 0, targetAddress: vip, targetMac: 0 },
  ],
]

describe('frames', () => {
  test.each(rows)('%s', (_name, frame, expected, fields) => {
    expect(frame).toHaveLength(60)
    expect(hex(frame)).toBe(hex(octets(expected)) + padding)
    expect(parseArp(octets(expected))).toMatchObject(fields)
  })

  const mac = fc.nat({ max: 0xffffffffffff })
  const address = fc.nat({ max: 0xffffffff })
  const packet: fc.Arbitrary<ArpPacket> = fc.record({
    destination: mac,
    source: mac,
    operation: fc.nat({ max: 0xffff }),
    senderMac: mac,
    senderAddress: address,
    targetMac: mac,
    targetAddress: address,
  })

  test('what is built is read back', () => {
    fc.assert(
      fc.property(packet, (each) => {
        expect(parseArp(buildArp(each))).toEqual(each)
      }),
    )
  })

  test('what follows the packet does not matter', () => {
    fc.assert(
      fc.property(packet, fc.uint8Array({ maxLength: 300 }), (each, trailer) => {
        const frame = Buffer.concat([buildArp(each).subarray(0, 42), trailer])
        expect(parseArp(frame)).toEqual(each)
      }),
    )
  })

  test('cut anywhere it is refused, not misread', () => {
    const frame = buildProbe(vip, node)
    for (let length = 0; length < 42; length++) {
      expect(parseArp(frame.subarray(0, length))).toEqual({ drop: 'truncated' })
    }
  })

  test('any octets give a packet or a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (frame) => {
        const parsed = parseArp(frame)
        expect('drop' in parsed || 'operation' in parsed).toBe(true)
      }),
    )
  })
})

describe('hardware addresses as numbers', () => {
  test('text both ways', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffffffffffff }), (mac) => {
        expect(macNumber(macText(mac))).toBe(mac)
      }),
    )
    expect(macNumber('not a mac')).toBeNaN()
    expect(macText(0)).toBe('00:00:00:00:00:00')
  })

  test.each([
    ['ff:ff:ff:ff:ff:ff', true],
    ['01:00:5e:00:00:01', true],
    ['33:33:ff:00:00:50', true],
    ['02:00:00:00:00:0a', false],
    ['fe:00:00:00:00:00', false],
  ])('%s is a group: %s', (mac, group) => {
    expect(isGroupMac(macNumber(mac))).toBe(group)
  })
})
