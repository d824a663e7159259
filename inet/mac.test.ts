import { expect, test } from 'vitest'
import { formatMac, parseMac } from './mac.ts'

test('reads either case, prints lower case', () => {
  expect(formatMac(parseMac('02:00:00:00:00:0A'))).toBe('02:00:00:00:00:0a')
})

test.each(['', '02:00:00:00:00', '02-00-00-00-00-0a', '02:00:00:00:00:0g', '2:0:0:0:0:a'])(
  'refuses %j',
  (text) => {
    expect(() => parseMac(text)).toThrow(expect.objectContaining({ code: 'FL_INET_MAC' }))
  },
)
