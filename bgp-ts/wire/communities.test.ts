import { expect, test } from 'vitest'
import type { Community } from '../route.ts'
import { canonicalCommunities, formatCommunity, linkBandwidth } from './communities.ts'

const extended = (hex: string): Community => ({
  kind: 'extended',
  value: [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8), 16)],
})

test.each<[string, Community]>([
  ['65535:666', { kind: 'standard', value: [65535, 666] }],
  ['64500:1:2', { kind: 'large', value: [64500, 1, 2] }],
  ['rt:64500:100', extended('0002fbf400000064')],
  ['soo:64500:4294967295', extended('0003fbf4ffffffff')],
  ['rt:192.0.2.1:5', extended('0102c00002010005')],
  ['rt:70000:5', extended('0202000111700005')],
  ['lb:64500:125000000', extended('4004fbf44cee6b28')],
  // A small AS number in four octets reads differently from the same in two.
  ['0x02020000fbf40005', extended('02020000fbf40005')],
  ['0x0004fbf44cee6b28', extended('0004fbf44cee6b28')],
  ['0x4004fbf480000000', extended('4004fbf480000000')],
  ['0x4004fbf47fc00000', extended('4004fbf47fc00000')],
  ['0x030b000000000001', extended('030b000000000001')],
])('%s', (text, community) => {
  expect(formatCommunity(community)).toBe(text)
})

test('link bandwidth: IEEE 754 octets per second, 23456 for an AS number of four octets', () => {
  expect(linkBandwidth(64500, 125e6)).toEqual(extended('4004fbf44cee6b28'))
  expect(linkBandwidth(4_200_000_000, 1.25e9)).toEqual(extended('40045ba04e9502f9'))
  expect(linkBandwidth(1, 0)).toEqual(extended('4004000100000000'))
})

test('ascending and each once: standard, extended, large', () => {
  const mixed: Community[] = [
    { kind: 'large', value: [1, 1, 1] },
    extended('0002fbf400000065'),
    { kind: 'standard', value: [2, 1] },
    extended('0002fbf400000064'),
    { kind: 'standard', value: [1, 2] },
    extended('0002fbf400000065'),
  ]
  expect(canonicalCommunities(mixed).map(formatCommunity)).toEqual([
    '1:2',
    '2:1',
    'rt:64500:100',
    'rt:64500:101',
    '1:1:1',
  ])
})
