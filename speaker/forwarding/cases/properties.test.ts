import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from '../fake-dataplane.ts'
import { testConfig, testNode } from '../fixtures.ts'
import { Forwarder } from '../forwarder.ts'
import { history, lastOf, tell, type Change } from './changes.ts'
import { normalForm } from './normal-form.ts'

/** Some two seconds; `FAIRLEAD_PROPERTY_RUNS=2000` looks longer. */
const RUNS = Number(process.env.FAIRLEAD_PROPERTY_RUNS ?? 40)

const LIMIT = 10_000 + RUNS * 200

interface World {
  readonly forwarder: Forwarder
  readonly plane: FakeDataplane
  readonly clock: TestClock
}

async function started(plane: FakeDataplane, changes: readonly Change[]): Promise<World> {
  const clock = new TestClock()
  const forwarder = new Forwarder({ dataplane: plane, clock, config: testConfig, log: silentLogger })
  forwarder.start()
  forwarder.setNode(testNode)
  for (const change of changes) tell(forwarder, change)
  forwarder.allListed()
  await clock.advance(0)
  expectFine(forwarder)
  return { forwarder, plane, clock }
}

/** The data plane in memory refuses what refers to something that is not there. */
function expectFine(forwarder: Forwarder): void {
  expect(forwarder.view().lastError).toBeUndefined()
  expect(forwarder.view().synced).toBe(true)
}

describe('any sequence of changes', () => {
  test(
    'ends in the same elements as one load of the last state, whole at every step',
    async () => {
      await fc.assert(
        fc.asyncProperty(history(8), async (steps) => {
          const { forwarder, plane, clock } = await started(new FakeDataplane(), [])
          for (const step of steps) {
            for (const change of step) tell(forwarder, change)
            await clock.advance(0)
            expectFine(forwarder)
          }
          const fresh = await started(new FakeDataplane(), lastOf(steps.flat()))
          expect(normalForm(await plane.adopt())).toEqual(normalForm(await fresh.plane.adopt()))
        }),
        { numRuns: RUNS },
      )
    },
    LIMIT,
  )

  test(
    'leaves a restart nothing to do',
    async () => {
      await fc.assert(
        fc.asyncProperty(history(5), async (steps) => {
          const first = await started(new FakeDataplane(), [])
          for (const step of steps) {
            for (const change of step) tell(first.forwarder, change)
            await first.clock.advance(0)
          }
          await first.forwarder.stop()
          const { transactions } = first.plane
          const before = transactions.length
          await started(first.plane, lastOf(steps.flat()))
          expect(transactions.slice(before)).toEqual([])
        }),
        { numRuns: RUNS },
      )
    },
    LIMIT,
  )
})
