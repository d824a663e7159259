import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packet } from './testing.ts'
import { bfdStates, decodeControl, encodeControl, type ControlPacket } from './wire.ts'

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** The words of RFC 5880 4.1 counted out by hand: packet and octets, both ways. */
const golden: [string, ControlPacket, string][] = [
  [
    'a first packet with FRR’s defaults',
    packet(),
    '20 40 03 18  0a0b0c0d  00000000  000f4240  000493e0  00000000',
  ],
  [
    'Init',
    packet({ state: 'Init', yourDiscriminator: 1 }),
    '20 80 03 18  0a0b0c0d  00000001  000f4240  000493e0  00000000',
  ],
  [
    'Up and polling at 300 ms',
    packet({ state: 'Up', poll: true, yourDiscriminator: 0xffffffff, desiredMinTx: 300_000 }),
    '20 e0 03 18  0a0b0c0d  ffffffff  000493e0  000493e0  00000000',
  ],
  [
    'Final, Demand, independent, multiplier 255',
    packet({ state: 'Up', final: true, demand: true, independent: true, multiplier: 255 }),
    '20 da ff 18  0a0b0c0d  00000000  000f4240  000493e0  00000000',
  ],
  [
    'Down, detection time expired, with an echo interval',
    packet({ diagnostic: 1, requiredMinRx: 0, requiredMinEchoRx: 50_000 }),
    '21 40 03 18  0a0b0c0d  00000000  000f4240  00000000  0000c350',
  ],
  [
    'AdminDown, diagnostic 31',
    packet({ state: 'AdminDown', diagnostic: 31 }),
    '3f 00 03 18  0a0b0c0d  00000000  000f4240  000493e0  00000000',
  ],
]

describe('golden octets', () => {
  test.each(golden)('%s', (_name, value, hex) => {
    expect(encodeControl(value).toString('hex')).toBe(hex.replaceAll(' ', ''))
    expect(decodeControl(octets(hex))).toEqual({ packet: value, authenticated: false })
  })
})

const good = '20 40 03 18  0a0b0c0d  00000000  000f4240  000493e0  00000000'
const changed = (at: number, hex: string): Buffer => {
  const copy = octets(good)
  copy.set(octets(hex), at)
  return copy
}

describe('dropped (the numbers are those of the list in README.md)', () => {
  test.each([
    ['2: version 0', changed(0, '00'), 'version'],
    ['2: version 2', changed(0, '40'), 'version'],
    ['3: multiplier 0', changed(2, '00'), 'multiplier'],
    ['4: length field 23', changed(3, '17'), 'length'],
    ['4: length field 25 in 24 octets', changed(3, '19'), 'length'],
    ['4: length field 24 with authentication', changed(1, '44'), 'length'],
    ['4: 23 octets', octets(good).subarray(0, 23), 'truncated'],
    ['4: nothing', Buffer.alloc(0), 'truncated'],
    ['5: Multipoint', changed(1, '41'), 'multipoint'],
    ['6: My Discriminator 0', changed(4, '00000000'), 'myDiscriminator'],
    ['15: Poll and Final', changed(1, '70'), 'pollAndFinal'],
    ['the first reason in the order of the RFC', Buffer.alloc(24), 'version'],
  ])('%s', (_name, payload, drop) => {
    expect(decodeControl(payload)).toEqual({ drop })
  })
})

test('what follows the packet is passed over, and authentication is told', () => {
  expect(decodeControl(Buffer.concat([octets(good), Buffer.alloc(40, 0xee)]))).toEqual({
    packet: packet(),
    authenticated: false,
  })
  const authenticated = Buffer.concat([changed(1, '44'), octets('01 09 01 6d657461 6c6c')])
  authenticated[3] = authenticated.length
  expect(decodeControl(authenticated)).toEqual({ packet: packet(), authenticated: true })
})

const u32 = fc.integer({ min: 0, max: 0xffffffff })

const packets: fc.Arbitrary<ControlPacket> = fc
  .record({
    diagnostic: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom(...bfdStates),
    question: fc.constantFrom<Pick<ControlPacket, 'poll' | 'final'>>(
      { poll: false, final: false },
      { poll: true, final: false },
      { poll: false, final: true },
    ),
    independent: fc.boolean(),
    demand: fc.boolean(),
    multiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
    yourDiscriminator: u32,
    desiredMinTx: u32,
    requiredMinRx: u32,
    requiredMinEchoRx: u32,
  })
  .map(({ question, ...rest }) => ({ ...rest, ...question }))

describe('properties', () => {
  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(packets, (value) => {
        expect(decodeControl(encodeControl(value))).toEqual({ packet: value, authenticated: false })
      }),
    )
  })

  test('cut at any octet it is dropped', () => {
    fc.assert(
      fc.property(packets, fc.nat(23), (value, length) => {
        expect(decodeControl(encodeControl(value).subarray(0, length))).toEqual({ drop: 'truncated' })
      }),
    )
  })

  test('whatever comes is a packet or has a reason; a packet is encoded to the same octets', () => {
    const plausible = fc
      .tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean())
      .map(([bytes, begin]) => (begin ? Uint8Array.from([0x20, 0x40, 3, 24, ...bytes]) : bytes))
    fc.assert(
      fc.property(plausible, (bytes) => {
        const decoded = decodeControl(bytes)
        if ('drop' in decoded || decoded.authenticated) return
        const again = encodeControl(decoded.packet)
        expect(again.subarray(0, 3)).toEqual(Buffer.from(bytes.subarray(0, 3)))
        expect(again.subarray(4)).toEqual(Buffer.from(bytes.subarray(4, 24)))
      }),
    )
  })
})
