import { expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import { EventBatch, mostEvents } from './event-batch.ts'
import type { Layer2Event } from './protocol.ts'

const event = (index: number): Layer2Event => ({ at: index, address: '192.0.2.50', what: 'heardClaim' })
const many = (count: number): Layer2Event[] => Array.from({ length: count }, (_, index) => event(index))

test('events of a tenth of a second are one message', () => {
  const clock = new FakeClock()
  const posted: (readonly Layer2Event[])[] = []
  const batch = new EventBatch(clock, (events) => posted.push(events))
  batch.add([])
  batch.add([event(1)])
  clock.advance(99)
  batch.add([event(2), event(3)])
  expect(posted).toEqual([])
  clock.advance(1)
  expect(posted).toEqual([[event(1), event(2), event(3)]])
  clock.advance(1000)
  batch.flush()
  expect(posted).toHaveLength(1)
})

test('bounded, and what is left out is said', () => {
  const clock = new FakeClock()
  const posted: (readonly Layer2Event[])[] = []
  const batch = new EventBatch(clock, (events) => posted.push(events))
  batch.add(many(mostEvents - 1))
  batch.add(many(3))
  batch.add(many(5))
  batch.flush()
  expect(posted[0]).toHaveLength(mostEvents + 1)
  expect(posted[0].at(-1)).toMatchObject({ what: 'eventsLost', cause: '7' })
  batch.add([event(1)])
  batch.flush()
  expect(posted[1]).toEqual([event(1)])
})
