import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { IntervalSet } from './intervals.ts'

const merged = (values: Iterable<bigint>): [bigint, bigint][] => {
  const intervals: [bigint, bigint][] = []
  for (const value of [...values].sort((a, b) => (a < b ? -1 : 1))) {
    const last = intervals.at(-1)
    if (last?.[1] === value - 1n) last[1] = value
    else intervals.push([value, value])
  }
  return intervals
}

const operation = fc.record({ add: fc.boolean(), value: fc.bigInt(0n, 40n) })

test('behaves as a set of numbers', () => {
  fc.assert(
    fc.property(fc.bigInt(-1n, 40n), fc.array(operation, { maxLength: 200 }), (last, operations) => {
      const set = new IntervalSet({ first: 0n, last })
      const model = new Set(Array.from({ length: Number(last) + 1 }, (_, index) => BigInt(index)))
      for (const { add, value } of operations) {
        expect(set.has(value)).toBe(model.has(value))
        if (add) expect(set.add(value)).toBe(!model.has(value))
        else expect(set.delete(value)).toBe(model.has(value))
        if (add) model.add(value)
        else model.delete(value)
        const intervals = merged(model)
        expect([...set.intervals()].map(({ first, last }) => [first, last])).toEqual(intervals)
        expect(set.size).toBe(BigInt(model.size))
        expect(set.lowest).toBe(intervals[0]?.[0])
        expect(set.endOfRun(value)).toBe(intervals.find(([a, b]) => a <= value && value <= b)?.[1])
        const next = intervals.find(([, b]) => b >= value)
        expect(set.atOrAfter(value)).toBe(next && (next[0] > value ? next[0] : value))
      }
    }),
  )
})

test('many intervals split into chunks and come together again', () => {
  const set = new IntervalSet({ first: 0n, last: 4000n })
  for (let value = 1n; value < 4000n; value += 2n) set.delete(value)
  expect([...set.intervals()]).toHaveLength(2001)
  for (let value = 1n; value < 4000n; value += 2n) {
    expect(set.has(value)).toBe(false)
    expect(set.atOrAfter(value)).toBe(value + 1n)
  }
  expect(set.atOrAfter(4001n)).toBeUndefined()
  for (let value = 3999n; value > 0n; value -= 2n) expect(set.add(value)).toBe(true)
  expect([...set.intervals()]).toEqual([{ first: 0n, last: 4000n }])
})
