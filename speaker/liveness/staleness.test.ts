import { expect, test } from 'vitest'
import { GAP_MS, judgeStaleness, SILENCE_MS, standsFor, type Staleness } from './staleness.ts'

/** The verdicts at these moments (seconds), each with what had been heard until then (seconds). */
function verdicts(...looks: [now: number, heard: number][]): boolean[] {
  let state: Staleness = { stale: false, heard: 0 }
  return looks.map(([now, heard]) => {
    state = judgeStaleness(state, heard * 1000, now * 1000)
    return state.stale
  })
}

test('nothing heard for more than 30 s: stale', () => {
  expect(verdicts([10, 10], [40, 10], [40.001, 10])).toEqual([false, false, true])
})

test('contact that lasts ends it, one contact does not', () => {
  const cutOff: [number, number] = [31, 0]
  expect(verdicts(cutOff, [60, 60], [61, 60], [64, 64], [65, 65])).toEqual([true, true, true, true, false])
})

test('an API that answers once a minute does not make it fresh for half a minute each', () => {
  const looks = Array.from({ length: 10 }, (_, minute): [number, number] => [
    60 * minute + 60,
    60 * minute + 60,
  ])
  expect(verdicts([31, 0], ...looks)).toEqual(Array(11).fill(true))
})

test('renewals of the Lease alone are enough to come back', () => {
  const looks = [60, 70, 80].map((at): [number, number] => [at, at])
  expect(verdicts([31, 0], ...looks)).toEqual([true, true, false, false])
})

test('a verdict that time alone changes is looked at again in time', () => {
  const fresh: Staleness = { stale: false, heard: 1000 }
  const wait = standsFor(fresh, 5000)
  expect(judgeStaleness(fresh, 1000, 5000 + wait).stale).toBe(true)
  expect(judgeStaleness(fresh, 1000, 5000 + wait - 1).stale).toBe(false)
  expect(GAP_MS).toBeLessThan(SILENCE_MS)
  expect(standsFor({ stale: true, heard: 0 }, 99_999_999)).toBeGreaterThan(0)
})
