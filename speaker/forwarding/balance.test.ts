import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { countClass, countOfClass, formatCount, shardOf, slotsIn, tryParseCount } from './balance.ts'
import { jhash, slotOfHash } from './jhash.ts'

test.each([
  ['3', 3, { slots: 3, balance: 'random', shard: 0 }],
  ['65535', 0xffff, { slots: 65_535, balance: 'random', shard: 0 }],
  ['2@round-robin-0', 0x100_0002, { slots: 2, balance: 'round-robin', shard: 0 }],
  ['3@round-robin-15', 0x10f_0003, { slots: 3, balance: 'round-robin', shard: 15 }],
  ['251@source-hash', 0x200_00fb, { slots: 251, balance: 'source-hash', shard: 0 }],
] as const)('%s', (text, number, count) => {
  expect(tryParseCount(text)).toEqual(count)
  expect(formatCount(count.slots, count.balance, count.shard)).toBe(text)
  expect(countClass(text)).toBe(number)
  expect(countOfClass(number)).toBe(text)
  expect(slotsIn(text)).toBe(count.slots)
})

test.each([
  '',
  '0',
  '65536',
  '-1',
  '1.5',
  '03',
  '3@',
  '3@random',
  '3@round-robin-16',
  '3@round-robin-',
  '3@source-hash-1',
])('"%s" is no count', (text) => {
  expect(tryParseCount(text)).toBeUndefined()
  if (text !== '03') expect(countClass(text)).toBeUndefined()
})

test('numbers that stand for no count', () => {
  for (const number of [0, 0x100_0000, 0x110_0001, 0x201_0001, 0xfa1e_0001, 0x8000_2001]) {
    expect(countOfClass(number), number.toString(16)).toBeUndefined()
  }
})

test('frontends share the counters evenly', () => {
  const used = new Map<number, number>()
  for (let index = 0; index < 1600; index++) {
    const shard = shardOf(`10.96.${index >> 8}.${index & 255} . tcp . 80`)
    used.set(shard, (used.get(shard) ?? 0) + 1)
  }
  expect(used.size).toBe(16)
  expect(Math.max(...used.values())).toBeLessThan(160)
})

// Checked against the kernel in balance.kernel.test.ts; these are for the day when that one cannot run.
test.each([
  [[192, 168, 0, 9], 0xfa1e, 'ea95b54a'],
  [[10, 0, 0, 1], 0, '2fa5f781'],
  [Array.from({ length: 16 }, (_, at) => at), 0xfa1e, 'a781eea4'],
])('jhash of %j', (bytes, seed, hash) => {
  expect(jhash(Uint8Array.from(bytes), seed).toString(16)).toBe(hash)
})

test('every hash chooses a slot that is there', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 65_535 }),
      (bytes, slots) => {
        const hash = jhash(bytes, 1)
        expect(hash).toBeGreaterThanOrEqual(0)
        expect(slotOfHash(hash, slots)).toBeLessThan(slots)
      },
    ),
  )
  expect([slotOfHash(0, 251), slotOfHash(0xffff_ffff, 251)]).toEqual([0, 250])
})
