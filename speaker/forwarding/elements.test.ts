import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import { assignSlots } from './elements.ts'
import { testConfig, testNode } from './fixtures.ts'
import { nodeElements } from './node-elements.ts'

describe('assignSlots', () => {
  test.each([
    [[], ['a', 'b'], ['a', 'b']],
    [
      ['a', 'b', 'c'],
      ['a', 'c'],
      ['a', 'c'],
    ],
    [
      ['a', 'b', 'c'],
      ['b', 'c'],
      ['c', 'b'],
    ],
    [
      ['a', 'b'],
      ['c', 'b'],
      ['c', 'b'],
    ],
    [
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
    [
      ['a', 'a', ''],
      ['b', 'a'],
      ['a', 'b'],
    ],
    [['a'], [], []],
  ])('%j and %j make %j', (previous, next, expected) => {
    expect(assignSlots(previous, next)).toEqual(expected)
  })

  test('everybody has one slot, and one change moves at most one other', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefghij'), { maxLength: 10 })
    fc.assert(
      fc.property(names, names, (previous, next) => {
        const slots = assignSlots(previous, next)
        expect([...slots].sort()).toEqual([...next].sort())
        const gone = previous.filter((name) => !next.includes(name)).length
        const moved = next.filter(
          (name) => previous.includes(name) && slots.indexOf(name) !== previous.indexOf(name),
        )
        expect(moved.length).toBeLessThanOrEqual(gone)
      }),
    )
  })
})

test('ranges that lie in others are left out', () => {
  const cidrs = ['10.0.0.0/8', '10.1.0.0/16', '10.0.0.0/8'].map((text) => parsePrefix(text))
  const keys = nodeElements(testNode, { ...testConfig, detector: { by: 'cluster-cidrs', cidrs } })
    .filter(({ family, collection }) => family === 4 && collection === 'pod-sources')
    .map(({ key }) => key)
  expect(keys).toEqual(['10.0.0.0/8'])
})
