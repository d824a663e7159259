import { expect, test } from 'vitest'
import { AnswerLatency } from './answer-latency.ts'
import { latencyBounds } from './protocol.ts'

const counted = (...microseconds: number[]) => {
  const latency = new AnswerLatency()
  for (const one of microseconds) latency.answered(4, one)
  return latency.take()
}

test.each([
  [0, 0],
  [10, 0],
  [10.001, 1],
  [25, 1],
  [99, 3],
  [1000, 6],
  [100_000, 12],
  [100_001, 13],
  [9_999_999, 13],
])('%d µs is in bucket %d', (microseconds, bucket) => {
  const buckets = Array.from({ length: latencyBounds.length + 1 }, (_, index) => Number(index === bucket))
  expect(counted(microseconds)).toEqual([{ family: 4, buckets, sum: microseconds }])
})

test.each([-1, -3_600_000_000, 3_600_000_000, 10_000_000, Number.NaN, Infinity])(
  'a clock that was set gives no latency: %d',
  (microseconds) => expect(counted(microseconds)).toBeUndefined(),
)

test('totals of each family, and only of those that moved', () => {
  const latency = new AnswerLatency()
  latency.answered(4, 20)
  latency.answered(6, 30)
  expect(latency.take()).toMatchObject([
    { family: 4, sum: 20 },
    { family: 6, sum: 30 },
  ])
  expect(latency.take()).toBeUndefined()
  latency.answered(6, 12)
  const [told] = latency.take() ?? []
  expect(told).toMatchObject({ family: 6, sum: 42 })
  expect(told.buckets.reduce((sum, one) => sum + one, 0)).toBe(2)
  // What was told is not what is counted in.
  latency.answered(6, 1)
  expect(told.sum).toBe(42)
})
