import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesAny, type LabelSelector } from '../selector.ts'
import { nodeOverlap } from './overlap.ts'

const key = fc.constantFrom('a', 'b')
const value = fc.constantFrom('1', '2')
const term = fc.oneof(
  fc.record({ key, operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
  fc.record({
    key,
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.uniqueArray(value, { minLength: 1 }),
  }),
)
const selector: fc.Arbitrary<LabelSelector> = fc.record(
  { matchLabels: fc.dictionary(key, value), matchExpressions: fc.array(term, { maxLength: 2 }) },
  { requiredKeys: [] },
)
const selectors = fc.array(selector, { maxLength: 2 })

/** Every set of labels that these selectors can tell apart. */
const worlds = [undefined, '1', '2', '3'].flatMap((a) =>
  [undefined, '1', '2', '3'].map((b) => ({
    ...(a === undefined ? {} : { a }),
    ...(b === undefined ? {} : { b }),
  })),
)

test('"no" is never wrong', () => {
  fc.assert(
    fc.property(selectors, selectors, (one, other) => {
      const both = worlds.some((labels) => matchesAny(one, labels) && matchesAny(other, labels))
      expect(nodeOverlap(one, other)).toBe(nodeOverlap(other, one))
      if (both) expect(nodeOverlap(one, other)).not.toBe('no')
    }),
  )
})

const hostname = (...values: string[]): LabelSelector => ({
  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }],
})

test('tells nodes apart by their labels', () => {
  expect(nodeOverlap([hostname('a')], [hostname('b')])).toBe('no')
  expect(nodeOverlap([hostname('a', 'b')], [hostname('b', 'c')])).toBe('maybe')
  expect(nodeOverlap([hostname('a')], [hostname('a')])).toBe('yes')
  expect(nodeOverlap([], [hostname('a')])).toBe('yes')
})
