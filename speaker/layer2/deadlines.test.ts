import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'

function drain(queue: Deadlines<string>): string[] {
  const order: string[] = []
  for (;;) {
    const key = queue.due(Number.POSITIVE_INFINITY)
    if (key === undefined) return order
    order.push(key)
    queue.delete(key)
  }
}

test('keys come by deadline, equal ones in the order of setting', () => {
  const queue = new Deadlines<string>()
  queue.set('late', 30)
  queue.set('first', 10)
  queue.set('second', 10)
  expect(queue.next()).toBe(10)
  expect(queue.due(9)).toBeUndefined()
  expect(queue.due(10)).toBe('first')
  expect(drain(queue)).toEqual(['first', 'second', 'late'])
  expect(queue.next()).toBeUndefined()
})

test('after any sets and deletes it holds what a sorted list would', () => {
  const operation = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    at: fc.option(fc.nat({ max: 9 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const queue = new Deadlines<string>()
      const model = new Map<string, number>()
      for (const { key, at } of operations) {
        // deleting first gives the model the order of setting
        const known = model.delete(key)
        if (at === undefined) {
          expect(queue.delete(key)).toBe(known)
        } else {
          queue.set(key, at)
          model.set(key, at)
        }
        expect(queue.size).toBe(model.size)
        expect(queue.get(key)).toBe(at)
      }
      expect(drain(queue)).toEqual([...model].sort((a, b) => a[1] - b[1]).map(([key]) => key))
    }),
  )
})
