import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Claim } from './request.ts'
import { SharedPositions } from './shared-positions.ts'

const claim = fc.record({
  sharingKey: fc.constantFrom('', 'k', 'l'),
  backendKey: fc.constantFrom('', 'b'),
  ports: fc.uniqueArray(fc.constantFrom('TCP/1', 'TCP/2', 'TCP/3'), { minLength: 1, maxLength: 2 }),
})
const RUNS = 200

test(`finds what a look at every position finds (${RUNS} runs)`, () => {
  const step = fc.record({ position: fc.nat(30), claim, leave: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), claim, (steps, wanted) => {
      const shared = new SharedPositions()
      const holders = new Map<number, Claim[]>()
      for (const one of steps) {
        const present = holders.get(one.position) ?? []
        if (one.leave) {
          const [gone, ...rest] = present
          if (gone === undefined) continue
          shared.delete(gone, BigInt(one.position), rest.length === 0)
          holders.set(one.position, rest)
        } else if (present.every((other) => fits(one.claim, other))) {
          shared.add(one.claim, BigInt(one.position))
          holders.set(one.position, [...present, one.claim])
        }
      }
      const open = [...holders]
        .filter(([, list]) => list.length > 0 && list.every((other) => fits(wanted, other)))
        .map(([position]) => position)
      const expected = open.length === 0 ? undefined : BigInt(Math.min(...open))
      expect(shared.lowest(wanted)).toBe(expected)
    }),
    { numRuns: RUNS },
  )
})

const fits = (a: Claim, b: Claim): boolean =>
  a.sharingKey !== '' &&
  a.sharingKey === b.sharingKey &&
  a.backendKey === b.backendKey &&
  !a.ports.some((port) => b.ports.includes(port))
