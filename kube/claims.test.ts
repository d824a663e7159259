import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Claims } from './claims.ts'

const claimant = (owner: string, created = '2026') => ({ owner, created })

test('the oldest holds, the next one moves up, and those whom it concerns are named', () => {
  const claims = new Claims()
  expect(claims.set(claimant('b', '2025'), new Set(['x', 'y']))).toEqual(new Set())
  expect(claims.set(claimant('c', '2026'), new Set(['x']))).toEqual(new Set())
  expect(claims.set(claimant('a', '2024'), new Set(['x']))).toEqual(new Set(['b']))
  expect(claims.holder('x')).toBe('a')
  expect(claims.holder('y')).toBe('b')
  expect(claims.waiting('x').sort()).toEqual(['b', 'c'])
  expect(claims.set(claimant('a', '2024'), new Set())).toEqual(new Set(['b']))
  expect([claims.waiting('x'), claims.waiting('y')]).toEqual([['c'], []])
  expect(claims.set(claimant('b', '2025'), new Set(['y']))).toEqual(new Set(['c']))
  expect(claims.holder('x')).toBe('c')
  claims.set(claimant('c', '2026'), new Set())
  expect(claims.holder('x')).toBeUndefined()
})

test('an owner that is made anew loses its age', () => {
  const claims = new Claims()
  claims.set(claimant('a', '2024'), new Set(['x']))
  claims.set(claimant('b', '2025'), new Set(['x']))
  expect(claims.set(claimant('a', '2026'), new Set(['x']))).toEqual(new Set(['b']))
  expect(claims.holder('x')).toBe('b')
})

test('whatever happened before, the holder is the oldest of those who claim now', () => {
  const step = fc.record({
    owner: fc.constantFrom('a', 'b', 'c', 'd'),
    created: fc.constantFrom('2024', '2025'),
    claims: fc.subarray(['x', 'y', 'z']),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const claims = new Claims()
      const now = new Map<string, { created: string; claims: string[] }>()
      for (const { owner, created, claims: wanted } of steps) {
        const before = new Map(['x', 'y', 'z'].map((claim) => [claim, claims.holder(claim)]))
        const affected = claims.set({ owner, created }, new Set(wanted))
        now.set(owner, { created, claims: wanted })
        for (const [claim, held] of before) {
          const holder = claims.holder(claim)
          if (holder === held) continue
          for (const one of [holder, held])
            if (one !== undefined && one !== owner) expect(affected).toContain(one)
        }
      }
      for (const claim of ['x', 'y', 'z']) {
        const oldest = [...now]
          .filter(([, one]) => one.claims.includes(claim))
          .sort(([a, one], [b, other]) => (one.created + a < other.created + b ? -1 : 1))
        expect(claims.holder(claim)).toBe(oldest[0]?.[0])
      }
    }),
  )
})
