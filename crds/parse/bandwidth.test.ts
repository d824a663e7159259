import { expect, test } from 'vitest'
import { parseBandwidth } from './bandwidth.ts'

test.each<[string, number]>([
  ['1G', 125e6],
  ['2.5G', 312.5e6],
  ['100M', 12.5e6],
  ['64k', 8000],
  ['64K', 8000],
  ['1T', 125e9],
  ['8', 1],
])('%s is %d octets a second', (text, octets) => {
  expect(parseBandwidth(text)).toBe(octets)
})

test.each(['', '0', '0G', 'G', '-1G', '1 G', '1Gb', '1g', '1e9', '.5G', '1.', '1'.repeat(16), 'Infinity'])(
  '"%s" is none',
  (text) => {
    expect(parseBandwidth(text)).toBeUndefined()
  },
)
