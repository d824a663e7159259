import { beforeEach, expect, test } from 'vitest'
import { TestClock } from '#kube/test-clock.ts'
import { API_LIMIT_MS, plannedStop, ROUTES_LIMIT_MS, type PlannedStop } from './planned-stop.ts'

let clock: TestClock
let steps: string[]

beforeEach(() => {
  clock = new TestClock()
  steps = []
})

const begin = new TestClock().now()
const step = (what: string): void => void steps.push(`${clock.now() - begin} ${what}`)

const stop = (more: Partial<PlannedStop> = {}) =>
  plannedStop({
    clock,
    routing: false,
    drainWaitMs: 5000,
    markRoutes: () => step('mark routes'),
    leave: () => step('leave'),
    tell: async () => step('tell'),
    silence: async () => step('silence'),
    withdraw: async () => step('withdraw'),
    ...more,
  })

test('the others hear of it before the wire falls silent', async () => {
  await stop()
  expect(steps).toEqual(['0 leave', '0 tell', '0 silence', '0 withdraw'])
  expect(clock.pending).toBe(0)
})

test('routers get a moment first, and not more than that', async () => {
  const done = stop({ routing: true })
  await clock.advance(10_000)
  await done
  expect(steps[0]).toBe('0 mark routes')
  expect(steps.slice(1)).toEqual(
    ['leave', 'tell', 'silence', 'withdraw'].map((what) => `${ROUTES_LIMIT_MS} ${what}`),
  )
})

test('without a wait, or without a session, nothing is waited for', async () => {
  await stop({ routing: true, drainWaitMs: 0 })
  await stop({ routing: false })
  expect(steps.every((one) => one.startsWith('0 '))).toBe(true)
})

test('an API server that does not answer holds nothing up for long', async () => {
  const done = stop({ tell: () => new Promise(() => {}), withdraw: () => new Promise(() => {}) })
  await clock.advance(60_000)
  await done
  expect(steps).toEqual(['0 leave', `${API_LIMIT_MS} silence`])
})
