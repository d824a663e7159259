import { expect, it } from 'vitest'
import { keyOf, parseKey } from './api.ts'

it('makes keys and reads them back', () => {
  expect(keyOf({ namespace: 'shop', name: 'web' })).toBe('shop/web')
  expect(keyOf({ name: 'n1' })).toBe('n1')
  for (const key of [{ namespace: 'shop', name: 'web' }, { name: 'n1' }])
    expect(parseKey(keyOf(key))).toEqual(key)
})
