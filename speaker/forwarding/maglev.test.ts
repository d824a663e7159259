import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maglevSize, maglevTable } from './maglev.ts'

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${at & 255} . 8080`)

/** Slots of each name. */
function shares(table: readonly string[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const name of table) found.set(name, (found.get(name) ?? 0) + 1)
  return found
}

test.each([
  [1, 251],
  [12, 251],
  [13, 1021],
  [51, 1021],
  [52, 4093],
  [205, 16_381],
  [820, 65_521],
  [3276, 65_521],
  [5000, 65_521],
  [65_521, 65_521],
  [65_522, undefined],
])('%i names, %s slots', (count, size) => {
  expect(maglevSize(count)).toBe(size)
})

test('the table is the same everywhere and for ever: clients would move otherwise', () => {
  const some = ['10.0.0.1 . 80', '10.0.0.2 . 80', 'fd00::1 . 8080']
  const text = maglevTable(some, 251)
    .map((name) => some.indexOf(name))
    .join('')
  expect(text.slice(0, 64)).toBe('2212101010211110222112222220111010201111222211220200010100000101')
  expect(text.slice(-64)).toBe('1110102011102022112222201110102021112222211222101011101020111222')
})

test('the order of the names does not matter', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.ipV4(), { maxLength: 12 }), (some) => {
      expect(maglevTable(some.toReversed(), 251)).toEqual(maglevTable(some, 251))
    }),
    { numRuns: 50 },
  )
})

describe('shares', () => {
  test.each([
    [2, 251],
    [12, 251],
    [51, 1021],
    [200, 4093],
    [800, 16_381],
  ])('%i names have %i slots between them as evenly as can be', (count, size) => {
    const found = [...shares(maglevTable(names(count), size)).values()]
    expect(found).toHaveLength(count)
    const mean = size / count
    // Everybody takes a slot in turn: no two differ by more than one.
    expect(Math.max(...found) - Math.min(...found)).toBeLessThanOrEqual(1)
    expect(Math.max(...found) / mean).toBeLessThan(1.05)
    expect(Math.min(...found) / mean).toBeGreaterThan(0.95)
  })

  test('one, and none', () => {
    expect(shares(maglevTable(['a'], 251))).toEqual(new Map([['a', 251]]))
    expect(maglevTable([], 251)).toEqual([])
  })
})

describe('when one goes', () => {
  test.each([
    [3, 251],
    [12, 251],
    [50, 1021],
    [200, 4093],
  ])('of %i names in %i slots, few slots change besides its own', (count, size) => {
    const all = names(count)
    const before = maglevTable(all, size)
    let moved = 0
    for (const gone of all.slice(0, 20)) {
      const after = maglevTable(
        all.filter((name) => name !== gone),
        size,
      )
      moved += before.filter((name, slot) => name !== gone && name !== after[slot]).length
    }
    // Of the slots that could stay where they are.
    expect(moved / (Math.min(count, 20) * size)).toBeLessThan(0.12)
  })
})
