import { beforeEach, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { ProblemReport } from './problem-report.ts'
import { AddressProblems, SETTLE_MS } from './problems.ts'

let clock: TestClock
let broken: Set<string>
let told: string[][]
let report: ProblemReport

beforeEach(() => {
  clock = new TestClock()
  broken = new Set()
  told = []
  const problems = new AddressProblems((address) => ({
    plan: { reason: broken.has(address) ? 'noMatchingAdvertisement' : '', advertisements: [] },
    holder: broken.has(address)
      ? undefined
      : { address, holder: 'a', held: true, since: 0, interfaces: [], reason: '' },
    routed: false,
    routeNotServed: false,
    routeRefusals: () => [],
    contestedBy: undefined,
    interfaces: [],
    spokesman: true,
  }))
  report = new ProblemReport(clock, problems, () => {
    told.push(problems.list(clock.now()).map(({ address }) => address))
  })
})

/** A problem begins, or ends. */
function turn(address: string, breaks: boolean): void {
  if (breaks) broken.add(address)
  else broken.delete(address)
  report.look([address])
}

test('a problem is told when it lasts, and one that is over before is not', async () => {
  turn('1', true)
  await clock.advance(SETTLE_MS / 2)
  turn('2', true)
  turn('3', true)
  expect(told).toEqual([])
  await clock.advance(SETTLE_MS / 4)
  turn('3', false)
  await clock.advance(SETTLE_MS * 2)
  expect(told.at(-1)).toEqual(['1', '2'])
  expect(clock.pending).toBe(0)
})

test('its end is told, too; nothing new is no reason to tell', async () => {
  turn('1', true)
  await clock.advance(SETTLE_MS)
  const before = told.length
  turn('1', true)
  await clock.advance(SETTLE_MS)
  expect(told.length).toBe(before)
  turn('1', false)
  await clock.advance(SETTLE_MS)
  expect(told.at(-1)).toEqual([])
})

test('after the end nothing is told', async () => {
  turn('1', true)
  report.stop()
  turn('2', true)
  await clock.advance(SETTLE_MS * 3)
  expect([told, clock.pending]).toEqual([[], 0])
})
