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
  expect(new CollectionPolicy().due({ ...quiet, used: 1.4 * MIB })).toBe(false)
})

test('a heap that is too large to be collected in one go is not', () => {
  expect(new CollectionPolicy(59 * MIB).due(quiet)).toBe(false)
})

test.each([
  ['soon after the last', { at: 3_000, used: 100 * MIB }, false],
  ['much garbage since the last', { at: 4_000, used: 41 * MIB }, true],
  ['some garbage since the last', { at: 4_000, used: 39 * MIB }, false],
  ['much garbage, and much to do', { at: 4_000, used: 100 * MIB, busy: 0.2 }, false],
  ['some garbage, a thousand times as long after as the last took', { at: 200_000, used: 39 * MIB }, true],
  ['next to none by then', { at: 200_000, used: 33 * MIB }, false],
])('%s', (_when, sample, due) => {
  const policy = new CollectionPolicy()
  policy.collected(0, 30 * MIB, 200)
  expect(policy.due({ ...quiet, ...sample })).toBe(due)
})
