import fc from 'fast-check'
import { isIPv4, isIPv6 } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  addressFromBytes,
  addressToBytes,
  canonicalText,
  compareAddresses,
  formatAddress,
  maxValue,
  parseAddress,
  sameAddress,
  tryParseAddress,
  type Address,
} from './address.ts'

const anyAddress: fc.Arbitrary<Address> = fc.oneof(
  fc.bigInt(0n, maxValue(4)).map((value): Address => ({ family: 4, value })),
  fc.bigInt(0n, maxValue(6)).map((value): Address => ({ family: 6, value })),
)

describe('text form', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s reads and prints as %s', (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical)
    expect([canonicalText(text, 4), canonicalText(text, 6)].filter(Boolean)).toEqual([canonical])
  })

  test.each([
    ['10.0.0.010', 'octal to some parsers'],
    ['127.1', 'short form'],
    ['1.2.3.256', 'octet too large'],
    ['1.2.3', 'three octets'],
    ['1.2.3.4.5', 'five octets'],
    ['1.2.3.', 'an empty octet at the end'],
    ['.1.2.3', 'an empty octet at the start'],
    ['1..2.3', 'an empty octet inside'],
    ['1.2.3.00', 'a zero too many'],
    ['1.2.3.+4', 'a sign'],
    ['1.2.3.4/', 'something behind it'],
    [' 1.2.3.4', 'surrounding space'],
    ['', 'nothing'],
    ['fe80::1%eth0', 'zone'],
    ['1:2:3:4:5:6:7', 'seven groups'],
    ['1:2:3:4:5:6:7:8:9', 'nine groups'],
    ['1:2:3:4:5:6:7::8', 'a "::" that stands for nothing'],
    ['1::2::3', 'two "::"'],
    ['12345::', 'five digits'],
    ['::1.2.3.4:1', 'dotted part not last'],
  ])('refuses %j (%s)', (text) => {
    expect(tryParseAddress(text)).toBeUndefined()
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'FL_INET_ADDRESS', text }))
  })

  test('round trips, and Node agrees that it is an address', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const text = formatAddress(address)
        expect(address.family === 4 ? isIPv4(text) : isIPv6(text)).toBe(true)
        expect(sameAddress(parseAddress(text), address)).toBe(true)
      }),
    )
  })

  test('accepts no text that Node refuses', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{0,20}$/), (text) => {
        const parsed = tryParseAddress(text)
        if (parsed !== undefined) expect(isIPv4(text) || isIPv6(text)).toBe(true)
        else expect(isIPv6(text)).toBe(false)
      }),
    )
  })
})

describe('octets', () => {
  test('network order', () => {
    expect([...addressToBytes(parseAddress('192.0.2.1'))]).toEqual([192, 0, 2, 1])
    expect(formatAddress(addressFromBytes(Uint8Array.of(10, 0, 0, 7)))).toBe('10.0.0.7')
  })

  test('round trip', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(addressFromBytes(addressToBytes(address))).toEqual(address)
      }),
    )
  })

  test('refuses other lengths', () => {
    expect(() => addressFromBytes(new Uint8Array(5))).toThrow('not 4 or 16 octets')
  })
})

test('orders families before values', () => {
  const sorted = ['::1', '10.0.0.2', '10.0.0.1', '::'].map(parseAddress).sort(compareAddresses)
  expect(sorted.map(formatAddress)).toEqual(['10.0.0.1', '10.0.0.2', '::', '::1'])
})
