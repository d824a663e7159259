import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { DueQueue } from './due-queue.ts'

it('hands out keys by due time, then by order of arrival, as a plain sorted list would', () => {
  const step = fc.oneof(
    fc.record({ key: fc.constantFrom(...'abcdefghij'), at: fc.nat(20) }),
    fc.record({ take: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new DueQueue()
      let model: { key: string; at: number }[] = []
      for (const one of steps) {
        if ('take' in one) {
          // Stable sort: arrival decides between equal times.
          model = model.sort((a, b) => a.at - b.at)
          const first = model[0] && model[0].at <= one.take ? model.shift() : undefined
          const taken = queue.takeDue(one.take)
          expect(taken && { key: taken.key, at: taken.at }).toEqual(first)
        } else {
          queue.set(one.key, one.at)
          const present = model.find(({ key }) => key === one.key)
          if (!present || present.at > one.at) {
            model = model.filter(({ key }) => key !== one.key)
            model.push(one)
          }
        }
        expect(queue.size).toBe(model.length)
        expect(queue.nextAt).toBe(model.length ? Math.min(...model.map(({ at }) => at)) : undefined)
      }
    }),
  )
})

it('does not grow with keys that move forward again and again', () => {
  const queue = new DueQueue()
  for (let at = 100_000; at > 0; at--) queue.set('a', at)
  expect(queue.size).toBe(1)
  expect(queue.takeDue(1)).toMatchObject({ key: 'a', at: 1 })
  expect(queue.nextAt).toBeUndefined()
})
