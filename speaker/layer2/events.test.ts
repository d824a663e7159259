import { expect, test } from 'vitest'
import { Events, eventsKept } from './events.ts'

test('in their order, once', () => {
  const events = new Events()
  expect(events.empty).toBe(true)
  events.add(1, '192.0.2.50', 'claiming')
  events.add(2, '', 'neighborDead', { node: 'node-b' })
  expect(events.empty).toBe(false)
  expect(events.take(3)).toEqual([
    { at: 1, address: '192.0.2.50', what: 'claiming' },
    { at: 2, address: '', what: 'neighborDead', node: 'node-b' },
  ])
  expect(events.take(4)).toEqual([])
})

test('bounded, and what does not fit is counted', () => {
  const events = new Events()
  for (let index = 0; index < eventsKept + 7; index++) events.add(index, '192.0.2.50', 'claiming')
  const taken = events.take(9)
  expect(taken).toHaveLength(eventsKept + 1)
  expect(taken.at(-1)).toEqual({ at: 9, address: '', what: 'eventsLost', cause: '7' })
  expect(events.take(10)).toEqual([])
})
