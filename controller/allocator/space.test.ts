import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeRanges, type AddressRange } from '#inet/range.ts'
import { AddressSpace, isBuggy } from './space.ts'

const range = (most: number) =>
  fc
    .tuple(fc.nat(1500), fc.nat(most))
    .map(([first, more]): AddressRange => ({ family: 4, first: BigInt(first), last: BigInt(first + more) }))

const RUNS = 200

test(`positions and addresses are each other's inverse, in the order of the ranges (${RUNS} runs)`, () => {
  const ranges = fc.array(range(400), { maxLength: 4 }).map((list) => mergeRanges(list).reverse())
  fc.assert(
    fc.property(ranges, fc.array(range(80), { maxLength: 5 }), fc.boolean(), (list, holes, avoidBuggyIPs) => {
      const space = new AddressSpace({ ranges: list, excludes: mergeRanges(holes), avoidBuggyIPs }, 4)
      const expected: bigint[] = []
      for (const { first, last } of list) {
        for (let value = first; value <= last; value++) {
          const excluded = holes.some((hole) => value >= hole.first && value <= hole.last)
          if (!excluded && !(avoidBuggyIPs && isBuggy(value))) expected.push(value)
        }
      }
      expect(space.size).toBe(BigInt(expected.length))
      for (const [position, value] of expected.entries()) {
        if (space.valueAt(BigInt(position)) !== value) expect.fail(`${value} is not at ${position}`)
        if (space.positionOf(value) !== BigInt(position)) expect.fail(`${value} has not position ${position}`)
      }
      const known = new Set(expected)
      for (let value = 0n; value < 2000n; value++)
        if (!known.has(value) && space.positionOf(value) !== undefined) expect.fail(`${value} has a position`)
    }),
    { numRuns: RUNS },
  )
})
