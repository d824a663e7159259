import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

test.each([
  ['90s', 90_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
  ['.5s', 500],
  ['0', 0],
  ['0s', 0],
  ['-3s', -3000],
  ['1500us', 2],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '90', 's', '1d', '1 s', '1s1', '--1s', '1..5s', '9'.repeat(400) + 'h'])(
  '%j is none',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test.each([
  [0, '0s'],
  [1500, '1.5s'],
  [90_000, '1m30s'],
  [3_600_000, '1h0m0s'],
  [20, '20ms'],
])('%d ms is printed as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
