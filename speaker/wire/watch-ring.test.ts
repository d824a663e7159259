import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allWatchAll, watched, watchedNeighbors } from './watch-ring.ts'

const named = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`)

test('up to 64 nodes watch each other, all of them', () => {
  const nodes = named(allWatchAll)
  for (const node of nodes) {
    expect(watched(node, nodes)).toEqual(new Set(nodes.filter((other) => other !== node)))
  }
})

test('a node that is not in the list counts', () => {
  expect(watched('self', named(allWatchAll)).size).toBe(2 * watchedNeighbors)
  expect(watched('self', named(allWatchAll - 1)).size).toBe(allWatchAll - 1)
})

test('beyond that each watches eight to either side, and it is mutual', () => {
  fc.assert(
    fc.property(fc.integer({ min: 65, max: 90 }), (count) => {
      const nodes = named(count)
      const sets = new Map(nodes.map((node) => [node, watched(node, [...nodes].reverse())]))
      for (const [node, others] of sets) {
        expect(others.size).toBe(2 * watchedNeighbors)
        expect(others.has(node)).toBe(false)
        for (const other of others) expect(sets.get(other)?.has(node)).toBe(true)
      }
    }),
    { numRuns: 5 },
  )
})

test('one node more moves few', () => {
  const before = named(100)
  const moved = before.filter(
    (node) => [...watched(node, [...before, 'new'])].join() !== [...watched(node, before)].join(),
  )
  expect(moved.length).toBeLessThanOrEqual(4 * watchedNeighbors)
})
