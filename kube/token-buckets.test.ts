import { expect, it } from 'vitest'
import { TokenBuckets } from './token-buckets.ts'

it('allows a burst, then one per refill, per name', () => {
  const buckets = new TokenBuckets({ burst: 2, refillMs: 100, limit: 10 })
  const take = (at: number) => buckets.take('a', at)
  expect([take(0), take(0), take(0), take(99), take(100), take(150), take(200)]).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ])
  expect(buckets.take('b', 200)).toBe(true)
  expect([take(10_000), take(10_000), take(10_000)]).toEqual([true, true, false])
})

it('forgets the least recently used beyond its limit', () => {
  const buckets = new TokenBuckets({ burst: 1, refillMs: 1e9, limit: 2 })
  expect(['a', 'b', 'a', 'c', 'a', 'b'].map((name) => buckets.take(name, 0))).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
  ])
})
