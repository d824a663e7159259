import { formatPrefix } from '#inet/prefix.ts'
import { describe, expect, test } from 'vitest'
import { apiAddress, apiPrefix } from './api-address.ts'

describe('an address of the API', () => {
  test.each([
    ['10.0.0.1', 4, '10.0.0.1'],
    ['010.000.0.01', 4, '10.0.0.1'],
    ['FD00:0::1', 6, 'fd00::1'],
    ['fd00::010', 6, 'fd00::10'],
    ['10.0.0.1', 6, undefined],
    ['fd00::1', 4, undefined],
    ['010.0.0', 4, undefined],
    ['', 4, undefined],
  ] as const)('%s of IPv%s is %s', (text, family, canonical) => {
    expect(apiAddress(text, family)).toBe(canonical)
  })

  test.each([
    [' 010.000.0.0/08 ', '10.0.0.0/8'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['fd00::/64', 'fd00::/64'],
  ])('the range "%s" is %s', (text, canonical) => {
    const prefix = apiPrefix(text)
    expect(prefix && formatPrefix(prefix)).toBe(canonical)
  })
})
