import { expect, test } from 'vitest'
import { age } from './ages.ts'

test.each([
  [0, '0s'],
  [45_400, '45s'],
  [60_000, '1m'],
  [95_000, '1m35s'],
  [3 * 3_600_000 + 300_000, '3h5m'],
  [12 * 3_600_000 + 300_000, '12h'],
  [9 * 86_400_000, '9d'],
])('%i ms are %s', (ms, text) => {
  expect(age(ms)).toBe(text)
})
