import { expect, test } from 'vitest'
import { SharedValues } from './shared-values.ts'

test('equal values are one', () => {
  const shared = new SharedValues()
  const first = [{ node: 'node1', eligible: true }]
  expect(shared.of(first)).toBe(first)
  expect(shared.of([{ node: 'node1', eligible: true }])).toBe(first)
  expect(shared.of([{ node: 'node1', eligible: false }])).toEqual([{ node: 'node1', eligible: false }])
})

test('what is remembered has a bound', () => {
  const shared = new SharedValues()
  const first = { number: 0 }
  shared.of(first)
  for (let number = 1; number <= 4096; number++) shared.of({ number })
  expect(shared.of({ number: 0 })).not.toBe(first)
})
