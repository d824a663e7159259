import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress, type Address } from '#inet/address.ts'
import { rangeContains } from '#inet/range.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from './allocator.ts'
import type { AllocationRequest } from './request.ts'
import { allocation, pool, request } from './test-pools.ts'

const configurations: Pool[][] = [
  [pool('a', ['10.0.0.0/30', 'fd00::/126'])],
  [pool('a', ['10.0.0.0/31', 'fd00::/126']), pool('b', ['10.0.0.2/31'])],
  [
    pool('a', ['10.0.0.0/30', 'fd00::/126'], {
      excludes: pool('', ['10.0.0.1-10.0.0.2', 'fd00::/128']).ranges,
    }),
  ],
  [
    pool('b', ['10.0.0.2/31', 'fd00::/127'], allocation({ namespaces: ['n1'] })),
    pool('c', ['10.0.0.254-10.0.1.1'], { avoidBuggyIPs: true }),
  ],
  [
    pool('c', ['10.0.0.0-10.0.1.1'], { avoidBuggyIPs: true }),
    pool('d', ['fd00::2/127'], { autoAssign: false }),
  ],
  [],
]
const addresses = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.254', '10.0.1.1', 'fd00::', 'fd00::2']

const key = fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6')
const wanted: fc.Arbitrary<AllocationRequest> = fc
  .record({
    families: fc.constantFrom([4] as const, [6] as const, [4, 6] as const),
    preferDual: fc.boolean(),
    namespace: fc.constantFrom('n1', 'n2'),
    sharingKey: fc.constantFrom('', '', 'k1', 'k2'),
    backendKey: fc.constantFrom('', 'x'),
    ports: fc.constantFrom(['TCP/80'], ['TCP/443'], ['UDP/53']),
    pool: fc.constantFrom('', '', '', 'a', 'b'),
    explicit: fc.option(fc.constantFrom(...addresses), { freq: 4 }),
  })
  .map(({ explicit, ...rest }) => request({ ...rest, addresses: explicit === null ? [] : [explicit] }))

type Step =
  | { do: 'allocate' | 'assign'; key: string; request: AllocationRequest; address: string }
  | { do: 'release'; key: string }
  | { do: 'setPools'; index: number }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('allocate' as const, 'assign' as const),
      key,
      request: wanted,
      address: fc.constantFrom(...addresses),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('setPools' as const), index: fc.nat(configurations.length - 1) }),
  },
)

class World {
  readonly allocator = new Allocator()
  readonly requests = new Map<string, AllocationRequest>()
  pools: Pool[] = []

  apply(one: Step): void {
    if (one.do === 'setPools') {
      this.pools = configurations[one.index]
      // As the controller does: whoever may be affected is looked at again at once.
      for (const affected of this.allocator.setPools(this.pools)) {
        const present = this.allocator.assignment(affected)?.addresses ?? []
        const outcome = this.allocator.assign(
          affected,
          this.requests.get(affected) as AllocationRequest,
          present,
        )
        if (!outcome.ok) this.allocator.release(affected)
      }
      return
    }
    if (one.do === 'release') return void this.allocator.release(one.key)
    const outcome =
      one.do === 'allocate'
        ? this.allocator.allocate(one.key, one.request)
        : this.allocator.assign(one.key, one.request, [parseAddress(one.address)])
    if (outcome.ok) this.requests.set(one.key, one.request)
  }

  /** Each address with those who have it. */
  holders(): Map<string, string[]> {
    const holders = new Map<string, string[]>()
    for (const [name] of this.requests) {
      for (const address of this.allocator.assignment(name)?.addresses ?? []) {
        const text = formatAddress(address)
        holders.set(text, [...(holders.get(text) ?? []), name])
      }
    }
    return holders
  }
}

const usable = (one: Pool, address: Address) =>
  one.ranges.some((range) => rangeContains(range, address)) &&
  one.excludes?.some((range) => rangeContains(range, address)) !== true &&
  !(one.avoidBuggyIPs && address.family === 4 && [0n, 255n].includes(address.value & 255n))

function expectSound(world: World): void {
  for (const [, names] of world.holders()) {
    const claims = names.map((name) => world.allocator.assignment(name)?.claim as AllocationRequest['claim'])
    if (names.length > 1) {
      expect(new Set(claims.map((claim) => `${claim.sharingKey} ${claim.backendKey}`)).size).toBe(1)
      expect(claims[0].sharingKey).not.toBe('')
      expect(new Set(claims.flatMap((claim) => claim.ports)).size).toBe(
        claims.flatMap((claim) => claim.ports).length,
      )
    }
  }
  for (const one of world.pools) {
    const used = [...world.holders().keys()].map(parseAddress).filter((address) => usable(one, address))
    // What is free is exactly what nobody has.
    expect(world.allocator.counts(one.name)?.assigned).toEqual({
      v4: BigInt(used.filter(({ family }) => family === 4).length),
      v6: BigInt(used.filter(({ family }) => family === 6).length),
    })
  }
  for (const [name] of world.requests) {
    const assignment = world.allocator.assignment(name)
    if (assignment === undefined) continue
    for (const [index, address] of assignment.addresses.entries()) {
      const home = world.pools.find((one) => one.name === assignment.pools[index]) as Pool
      expect(usable(home, address)).toBe(true)
    }
  }
}

const RUNS = 150

test(`no address twice, none outside the pools or excluded, free is what nobody has (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World()
      world.apply({ do: 'setPools', index: 0 })
      for (const one of steps) {
        world.apply(one)
        expectSound(world)
      }
    }),
    { numRuns: RUNS },
  )
})

test(`a restart changes nothing, and both continue alike (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.array(step, { maxLength: 20 }), (before, after) => {
      const world = new World()
      for (const one of before) world.apply(one)
      const again = new World()
      again.pools = world.pools
      again.allocator.setPools(world.pools)
      for (const [name, wish] of world.requests) {
        const present = world.allocator.assignment(name)
        if (present === undefined) continue
        expect(again.allocator.assign(name, wish, present.addresses)).toMatchObject({
          ok: true,
          assignment: present,
        })
        again.requests.set(name, wish)
      }
      for (const one of after) {
        world.apply(one)
        again.apply(one)
        for (const name of world.requests.keys())
          expect(again.allocator.assignment(name)).toEqual(world.allocator.assignment(name))
      }
    }),
    { numRuns: RUNS },
  )
})

test(`what it refuses as full has no free address (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), wanted, (steps, wish) => {
      const world = new World()
      world.apply({ do: 'setPools', index: 1 })
      for (const one of steps) world.apply(one)
      const outcome = world.allocator.allocate('new', wish)
      if (outcome.ok || outcome.refusal.reason !== 'PoolExhausted' || wish.families.length > 1) return
      const [family] = wish.families
      for (const { pool: name, refused } of outcome.considered) {
        const counts = world.allocator.counts(name)
        const side = family === 4 ? 'v4' : 'v6'
        if (refused === 'has no free address') expect(counts?.assigned[side]).toBe(counts?.capacity[side])
      }
    }),
    { numRuns: RUNS },
  )
})
