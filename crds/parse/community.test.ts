import { expect, test } from 'vitest'
import type { Community } from '../config.ts'
import { communityKey, compareCommunities, parseCommunity } from './community.ts'

const community = (text: string) => parseCommunity(text) as Community

test.each([
  ['12345:12345', 'standard 12345:12345'],
  ['large:12345:12345:12345', 'large 12345:12345:12345'],
  ['0:0', 'standard 0:0'],
  ['65535:65281', 'standard 65535:65281'],
])('F: %s is %s', (text, key) => {
  expect(communityKey(community(text))).toBe(key)
})

test.each<[string, number, number]>([
  ['rt:64500:100', 0x0002fbf4, 100],
  ['rt:64500:4294967295', 0x0002fbf4, 0xffffffff],
  ['soo:64500:1', 0x0003fbf4, 1],
  ['rt:4200000000:5', 0x0202fa56, 0xea000005],
  ['soo:192.0.2.1:5', 0x0103c000, 0x02010005],
  ['0x0002fbf400000064', 0x0002fbf4, 100],
  ['0xFFFFFFFFFFFFFFFF', 0xffffffff, 0xffffffff],
])('%s is an extended community', (text, high, low) => {
  expect(community(text)).toEqual({ kind: 'extended', value: [high, low] })
})

test.each<[string, number]>([
  ['no-export', 65281],
  ['NO_EXPORT', 65281],
  ['NO_ADVERTISE', 65282],
  ['NO_EXPORT_SUBCONFED', 65283],
  ['NOPEER', 65284],
  ['BLACKHOLE', 666],
  ['GRACEFUL_SHUTDOWN', 0],
])('%s is 65535:%d', (text, low) => {
  expect(community(text)).toEqual({ kind: 'standard', value: [65535, low] })
})

test.each([
  ['12345', 'invalid community format: 12345'],
  ['1:2:3', 'invalid community format: 1:2:3'],
  ['', 'invalid community format: '],
  ['larg:12345:12345:12345', 'invalid community value: invalid marker for large community'],
  ['large:12345:wrong:12345', 'invalid community value: invalid section "wrong"'],
  ['65536:1', 'invalid community value: invalid section "65536"'],
  ['1:', 'invalid community value: invalid section ""'],
  ['rt:70000:65536', 'invalid community value: invalid section "65536"'],
  ['rt:192.0.2.256:1', 'invalid community value: invalid section "192.0.2.256"'],
  ['rt:2001.db8:1', 'invalid community value: invalid section "2001.db8"'],
  ['rt:1', 'invalid community value: invalid section "rt"'],
  ['target:1:2', 'invalid community format: target:1:2'],
  ['constructor:1:2', 'invalid community format: constructor:1:2'],
  ['0x0002fbf40000006', 'invalid community format: 0x0002fbf40000006'],
  ['large:1:2:4294967296', 'invalid community value: invalid section "4294967296"'],
])('F: %s is refused', (text, message) => {
  expect(parseCommunity(text)).toContain(message)
})

test.each([
  ['0:1234', '0:2345', true],
  ['large:1234:0:0', 'large:1234:0:1', true],
  ['large:1235:0:0', 'large:1234:1:0', false],
  ['0:1234', 'large:123:456:789', false],
  ['large:4294967295:0:0', 'rt:1:1', true],
  ['rt:1:2', 'rt:1:1', false],
])('F: %s before %s: %s', (a, b, before) => {
  expect(compareCommunities(community(a), community(b)) < 0).toBe(before)
})
