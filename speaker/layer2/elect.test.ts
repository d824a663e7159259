import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { elect, rank, type Candidate } from './elect.ts'

const one = (node: string, change: Partial<Candidate> = {}): Candidate => ({
  node,
  preference: 0,
  eligible: true,
  reason: '',
  stale: false,
  ...change,
})

const nodes = (...names: string[]): Candidate[] => names.map((name) => one(name))
const order = (address: string, candidates: readonly Candidate[], holder?: string): string[] =>
  rank(address, candidates, holder).map((candidate) => candidate.node)

describe('the order of MetalLB', () => {
  // D1, D2, D8: nobody preferred, sha256(node + "#" + address) decides
  test.each([
    ['10.0.0.1', 'bac'],
    ['10.0.0.2', 'bca'],
    ['192.168.10.0', 'bac'],
    ['192.168.10.1', 'cba'],
    ['192.168.10.2', 'bac'],
    ['1000::1', 'abc'],
    ['fc00:f853:ccd:e799::', 'bca'],
  ])('%s: %s', (address, expected) => {
    expect(order(address, nodes('node-a', 'node-b', 'node-c'))).toEqual(
      [...expected].map((letter) => `node-${letter}`),
    )
  })

  // D4
  test.each([
    ['10.20.30.1', 'iris2'],
    ['10.0.0.1', 'iris1'],
  ])('two nodes, %s: %s', (address, winner) => {
    expect(elect(address, nodes('iris1', 'iris2'))).toBe(winner)
  })

  test('D5: a preferred node first, then by hash', () => {
    const candidates = [one('worker-a'), one('edge-b'), one('edge-a', { preference: 100 }), one('worker-b')]
    expect(order('10.20.30.1', candidates)).toEqual(['edge-a', 'edge-b', 'worker-a', 'worker-b'])
  })

  test('D7: equal preference, by hash', () => {
    const candidates = [one('node-a', { preference: 100 }), one('node-b', { preference: 100 })]
    expect(elect('10.20.30.1', candidates)).toBe('node-b')
  })

  test('D10: the same weight for everybody changes nothing', () => {
    const preferred = nodes('node-a', 'node-b', 'node-c').map((each) => ({ ...each, preference: 10 }))
    expect(order('10.0.0.1', preferred)).toEqual(order('10.0.0.1', nodes('node-a', 'node-b', 'node-c')))
  })

  test('D13: a preferred node leaves, and returns', () => {
    const best = one('node-a', { preference: 100 })
    const next = one('node-c', { preference: 50 })
    const others = nodes('node-b')
    expect(elect('10.0.0.1', [best, next, ...others], 'node-a')).toBe('node-a')
    expect(elect('10.0.0.1', [next, ...others], 'node-a')).toBe('node-c')
    // preference goes before the present holder: the operator asked for it
    expect(elect('10.0.0.1', [best, next, ...others], 'node-c')).toBe('node-a')
  })
})

describe('what MetalLB does not do', () => {
  test('a returning node does not take an address back from an equal holder', () => {
    expect(elect('10.0.0.1', nodes('node-a', 'node-b', 'node-c'), 'node-c')).toBe('node-c')
  })

  test('a stale node comes after every fresh one, whatever its preference', () => {
    const candidates = [one('node-a', { stale: true, preference: 100 }), one('node-b')]
    expect(elect('10.0.0.1', candidates, 'node-a')).toBe('node-b')
  })

  test('when all are stale nothing moves', () => {
    const candidates = nodes('node-a', 'node-b', 'node-c').map((each) => ({ ...each, stale: true }))
    expect(elect('10.0.0.1', candidates, 'node-c')).toBe('node-c')
  })
})

describe('properties', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const candidate: fc.Arbitrary<Candidate> = fc.record({
    node: name,
    preference: fc.integer({ min: 0, max: 2 }),
    eligible: fc.boolean(),
    reason: fc.constant(''),
    stale: fc.boolean(),
  })
  const candidates = fc.uniqueArray(candidate, { selector: (each) => each.node, maxLength: 5 })
  const shuffled = candidates.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  )
  const address = fc.ipV4()
  const holder = fc.option(name, { nil: undefined })

  test('the order in which candidates are listed does not matter', () => {
    fc.assert(
      fc.property(shuffled, address, holder, ([list, other], on, held) => {
        expect(elect(on, other, held)).toBe(elect(on, list, held))
      }),
    )
  })

  test('the result is an eligible candidate, and there is one exactly when somebody is eligible', () => {
    fc.assert(
      fc.property(candidates, address, holder, (list, on, held) => {
        const eligible = list.filter((each) => each.eligible).map((each) => each.node)
        const winner = elect(on, list, held)
        expect(winner === undefined).toBe(eligible.length === 0)
        if (winner !== undefined) expect(eligible).toContain(winner)
      }),
    )
  })

  test('electing again with the winner as holder changes nothing', () => {
    fc.assert(
      fc.property(candidates, address, holder, (list, on, held) => {
        const winner = elect(on, list, held)
        expect(elect(on, list, winner)).toBe(winner)
      }),
    )
  })

  test('a candidate that neither holds the address nor wins can go without any effect', () => {
    fc.assert(
      fc.property(candidates, address, holder, (list, on, held) => {
        const winner = elect(on, list, held)
        for (const gone of list.filter((each) => each.node !== winner && each.node !== held)) {
          expect(
            elect(
              on,
              list.filter((each) => each !== gone),
              held,
            ),
          ).toBe(winner)
        }
      }),
    )
  })
})
