import { assert, constantFrom, integer, oneof, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deployment } from './objects.ts'
import { rolloutBounds, rolloutStep, type Generation } from './rollout.ts'

const spec = (replicas: number, strategy: Deployment['spec']['strategy'] = {}): Deployment['spec'] => ({
  replicas,
  strategy,
  selector: {},
  template: { spec: { containers: [] } },
})

const generation = (name: string, wanted: number, available = wanted): Generation => ({
  name,
  current: name === 'new',
  wanted,
  available,
  existing: wanted,
})

const step = (of: Deployment['spec'], ...generations: Generation[]) =>
  Object.fromEntries(rolloutStep(of, generations))

describe('rolloutBounds', () => {
  it('rounds percentages up for surge and down for unavailable', () => {
    expect(rolloutBounds(spec(3), 3)).toEqual({ surge: 1, unavailable: 0 })
    expect(rolloutBounds(spec(10), 10)).toEqual({ surge: 3, unavailable: 2 })
  })

  it('lets one be missing when nothing else would move', () => {
    const rollingUpdate = { maxSurge: 0, maxUnavailable: '10%' }
    expect(rolloutBounds(spec(3, { rollingUpdate }), 3)).toEqual({ surge: 0, unavailable: 1 })
  })
})

describe('rolloutStep', () => {
  it('starts a new Deployment with all its pods', () => {
    expect(step(spec(3), generation('new', 0))).toEqual({ new: 3 })
  })

  it('adds the surge first and takes an old pod for each new one that is ready', () => {
    expect(step(spec(3), generation('old', 3), generation('new', 0))).toEqual({ old: 3, new: 1 })
    expect(step(spec(3), generation('old', 3), generation('new', 1, 0))).toEqual({ old: 3, new: 1 })
    expect(step(spec(3), generation('old', 3), generation('new', 1, 1))).toEqual({ old: 2, new: 1 })
    expect(step(spec(3), generation('old', 2), generation('new', 1, 1))).toEqual({ old: 2, new: 2 })
    expect(step(spec(3), generation('old', 0), generation('new', 3))).toEqual({ old: 0, new: 3 })
  })

  it('scales up and down', () => {
    expect(step(spec(5), generation('new', 3))).toEqual({ new: 5 })
    expect(step(spec(1), generation('new', 3))).toEqual({ new: 1 })
  })

  it('takes old pods that are not ready before those that are', () => {
    const of = spec(4, { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } })
    const old = [generation('a', 2), generation('b', 2, 1)]
    expect(step(of, ...old, generation('new', 0))).toEqual({ a: 2, b: 1, new: 1 })
  })

  it('replaces everything at once with strategy Recreate', () => {
    const recreate = spec(3, { type: 'Recreate' })
    expect(step(recreate, generation('old', 3), generation('new', 0))).toEqual({ old: 0, new: 0 })
    const gone = { ...generation('old', 0), existing: 0 }
    expect(step(recreate, gone, generation('new', 0))).toEqual({ old: 0, new: 3 })
  })

  it('ends, and never has fewer ready or more pods than its bounds allow', () => {
    const bound = oneof(integer({ min: 0, max: 5 }), constantFrom('0%', '25%', '50%', '100%'))
    assert(
      property(integer({ min: 1, max: 12 }), bound, bound, (replicas, maxSurge, maxUnavailable) => {
        const of = spec(replicas, { rollingUpdate: { maxSurge, maxUnavailable } })
        const { surge, unavailable } = rolloutBounds(of, replicas)
        let generations = [generation('old', replicas), generation('new', 0)]
        for (let round = 0; round < 100; round++) {
          const next = rolloutStep(of, generations)
          // Pods become ready one round after they were asked for.
          generations = generations.map((one) => {
            const wanted = next.get(one.name) ?? 0
            return { ...one, wanted, existing: wanted, available: Math.min(one.wanted, wanted) }
          })
          const total = generations.reduce((sum, one) => sum + one.wanted, 0)
          const ready = generations.reduce((sum, one) => sum + one.available, 0)
          expect(total).toBeLessThanOrEqual(replicas + surge)
          expect(ready).toBeGreaterThanOrEqual(replicas - unavailable)
        }
        expect(generations.map((one) => one.wanted)).toEqual([0, replicas])
      }),
      { numRuns: 50 },
    )
  })
})
