import { beforeEach, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { node } from '../test-world.ts'
import { Drain } from './drain.ts'
import { drainReason } from './reason.ts'

let clock: TestClock
let said: string[]

beforeEach(() => {
  clock = new TestClock()
  said = []
})

function drain(waitMs = 5000, onCordon = false): Drain {
  const one = new Drain({
    clock,
    onCordon,
    waitMs,
    gracefulShutdown: (on) => said.push(on ? 'mark routes' : 'unmark routes'),
    onPhase: () => one.update(labelled),
    onChange: ({ phase, reason }) => said.push(`${phase} ${reason}`.trim()),
  })
  return one
}

const plain = node('a')
const labelled = node('a', { labels: { 'fairlead.io/drain': '' } })

test('why a node drains', () => {
  const cordoned = node('a', { unschedulable: true })
  const dying = node('a', { unschedulable: true, taints: ['node.kubernetes.io/out-of-service'] })
  expect([plain, labelled, cordoned, dying].map((one) => drainReason(one, false))).toEqual([
    '',
    'Labelled',
    '',
    '',
  ])
  expect([plain, labelled, cordoned, dying].map((one) => drainReason(one, true))).toEqual([
    '',
    'Labelled',
    'Cordoned',
    'ShuttingDown',
  ])
})

test('routes are marked first and withdrawn later', async () => {
  const one = drain()
  one.update(plain)
  expect([one.keepsRoutes, said]).toEqual([false, []])
  one.update(labelled)
  expect(one.keepsRoutes).toBe(true)
  await clock.advance(4999)
  one.update(labelled)
  expect(one.keepsRoutes).toBe(true)
  await clock.advance(1)
  expect(one.keepsRoutes).toBe(false)
  expect(said).toEqual(['mark routes', 'shutting Labelled', 'withdrawn Labelled'])
  one.update(plain)
  expect(said.slice(3)).toEqual(['unmark routes', 'none'])
  expect(clock.pending).toBe(0)
})

test('taken back before the end, the routes stay', async () => {
  const one = drain()
  one.update(plain)
  one.update(labelled)
  one.update(plain)
  await clock.advance(10_000)
  expect(said).toEqual(['mark routes', 'shutting Labelled', 'unmark routes', 'none'])
})

test('a speaker that starts on a node that drains tells no routes at all', () => {
  const one = drain()
  one.update(labelled)
  expect([one.keepsRoutes, said]).toEqual([false, ['withdrawn Labelled']])
})

test('without a wait routes go at once', () => {
  const one = drain(0)
  one.update(plain)
  one.update(labelled)
  expect([one.keepsRoutes, one.state.phase]).toEqual([false, 'withdrawn'])
})

test('another reason changes nothing that has begun', async () => {
  const one = drain(5000, true)
  one.update(plain)
  one.update(node('a', { unschedulable: true }))
  await clock.advance(3000)
  one.update(labelled)
  expect(one.state).toMatchObject({ phase: 'shutting', reason: 'Labelled' })
  await clock.advance(2000)
  expect(one.state.phase).toBe('withdrawn')
  one.stop()
})
