import { expect, it } from 'vitest'
import { sameCondition, setCondition } from './conditions.ts'

const ready = { type: 'Ready', status: 'True', reason: 'Ok', message: '', observedGeneration: 1 } as const
const [t1, t2] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']

it('adds a condition at the end and keeps the others', () => {
  const other = { ...ready, type: 'Other', lastTransitionTime: t1 }
  expect(setCondition([other], ready, t2)).toEqual([other, { ...ready, lastTransitionTime: t2 }])
})

it('moves the transition time only when the status changes', () => {
  const first = setCondition([], ready, t1)
  const reworded = setCondition(first, { ...ready, reason: 'Better', observedGeneration: 2 }, t2)
  expect(reworded).toEqual([{ ...ready, reason: 'Better', observedGeneration: 2, lastTransitionTime: t1 }])
  const failed = setCondition(first, { ...ready, status: 'False' }, t2)
  expect(failed).toEqual([{ ...ready, status: 'False', lastTransitionTime: t2 }])
  expect(first).toEqual([{ ...ready, lastTransitionTime: t1 }])
})

it('calls conditions the same that differ only in time', () => {
  expect(sameCondition({ ...ready }, ready)).toBe(true)
  for (const change of [{ status: 'False' }, { reason: 'x' }, { message: 'x' }, { observedGeneration: 2 }]) {
    expect(sameCondition({ ...ready, ...change } as never, ready)).toBe(false)
  }
})
