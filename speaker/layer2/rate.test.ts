import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { TokenBucket } from './rate.ts'

test('the burst first, then the rate', () => {
  const bucket = new TokenBucket(100, 10)
  expect(bucket.take(10, 0)).toBe(true)
  expect(bucket.take(1, 0)).toBe(false)
  expect(bucket.readyIn(1, 0)).toBeCloseTo(10)
  expect(bucket.take(1, 10)).toBe(true)
  expect(bucket.readyIn(10, 10)).toBeCloseTo(100)
  expect(bucket.take(10, 1_000_000)).toBe(true)
  expect(bucket.take(1, 1_000_000)).toBe(false)
})

test('waiting as long as it says is always enough', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 10 }), fc.double({ min: 0, max: 50, noNaN: true }))),
      (takes) => {
        const bucket = new TokenBucket(450, 50)
        let now = 1e12
        for (const [count, pause] of takes) {
          now += pause
          now += bucket.readyIn(count, now)
          expect(bucket.take(count, now)).toBe(true)
        }
      },
    ),
  )
})
