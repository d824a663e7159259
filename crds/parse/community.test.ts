import { expect, test } from 'vitest'
import type { Community } from '../config.ts'
import { compareCommunities, formatCommunity, parseCommunity } from './community.ts'

const community = (text: string) => parseCommunity(text) as Community

test.each([
  ['12345:12345', '12345:12345'],
  ['large:12345:12345:12345', '12345:12345:12345'],
  ['0:0', '0:0'],
  ['65535:65281', '65535:65281'],
])('F: %s is printed as %s', (text, printed) => {
  expect(formatCommunity(community(text))).toBe(printed)
})

test.each([
  ['12345', 'invalid community format: 12345'],
  ['1:2:3', 'invalid community format: 1:2:3'],
  ['', 'invalid community format: '],
  ['larg:12345:12345:12345', 'invalid community value: invalid marker for large community'],
  ['large:12345:wrong:12345', 'invalid community value: invalid section "wrong"'],
  ['65536:1', 'invalid community value: invalid section "65536"'],
  ['1:', 'invalid community value: invalid section ""'],
  ['large:1:2:4294967296', 'invalid community value: invalid section "4294967296"'],
])('F: %s is refused', (text, message) => {
  expect(parseCommunity(text)).toContain(message)
})

test.each([
  ['0:1234', '0:2345', true],
  ['large:1234:0:0', 'large:1234:0:1', true],
  ['large:1235:0:0', 'large:1234:1:0', false],
  ['0:1234', 'large:123:456:789', false],
])('F: %s before %s: %s', (a, b, before) => {
  expect(compareCommunities(community(a), community(b)) < 0).toBe(before)
})
