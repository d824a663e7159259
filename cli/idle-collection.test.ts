import { expect, test } from 'vitest'
import { CollectionPolicy } from './idle-collection.ts'

const MIB = 2 ** 20
const quiet = { at: 0, used: 60 * MIB, busy: 0.01 }

test('the first quiet moment is one', () => {
  const policy = new CollectionPolicy()
  expect(policy.due({ ...quiet, busy: 0.5 })).toBe(false)
  expect(policy.due(quiet)).toBe(true)
})

test('a heap with next to nothing in it is not worth one', () => {
  expect(new CollectionPolicy().due({ ...quiet, used: 3 * MIB })).toBe(false)
})

test.each([
  ['soon after the last', { at: 9_000, used: 100 * MIB }, false],
  ['much garbage since the last', { at: 11_000, used: 100 * MIB }, true],
  ['little garbage since the last', { at: 11_000, used: 48 * MIB }, false],
  ['much garbage, and much to do', { at: 11_000, used: 100 * MIB, busy: 0.2 }, false],
])('%s', (_when, sample, due) => {
  const policy = new CollectionPolicy()
  policy.collected(0, 30 * MIB)
  expect(policy.due({ ...quiet, ...sample })).toBe(due)
})
