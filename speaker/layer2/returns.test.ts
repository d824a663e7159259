import { expect, test } from 'vitest'
import { Returns } from './returns.ts'

test('told at the first sign, then less and less often', () => {
  const returns = new Returns()
  const told: number[] = []
  for (let now = 0; now < 60_000; now += 100) if (returns.heard('node-b', now)) told.push(now)
  expect(told).toEqual([0, 3000, 9000, 21_000, 45_000])
})

test('at once again when there is more to tell; other nodes do not matter', () => {
  const returns = new Returns()
  expect(returns.heard('node-b', 0)).toBe(true)
  expect(returns.heard('node-c', 1)).toBe(true)
  expect(returns.heard('node-b', 2)).toBe(false)
  returns.forget('node-b')
  expect(returns.heard('node-b', 3)).toBe(true)
})
