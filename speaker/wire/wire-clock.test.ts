import { expect, test } from 'vitest'
import type { WireObserved } from './protocol.ts'
import { inWallTime, wireClock } from './wire-clock.ts'

const hour = 3_600_000

test('the time runs on by the monotonic clock, whatever the wall clock is set to', () => {
  let wall = 1_700_000_000_000
  let monotonic = 5000.25
  const clock = wireClock(
    () => wall,
    () => monotonic,
  )
  const start = clock.now()
  expect(start).toBe(1_700_000_000_000)
  wall += 1000
  monotonic += 1000
  expect([clock.now() - start, clock.shift()]).toEqual([1000, 0])
  wall += hour
  expect([clock.now() - start, clock.shift()]).toEqual([1000, hour])
  wall -= 2 * hour
  monotonic += 10
  expect([clock.now() - start, clock.shift()]).toEqual([1010, -hour - 10])
  // Rounding is no step: what was told must not be told again a millisecond later.
  wall += 11
  monotonic += 10
  expect(clock.shift()).toBe(-hour - 10)
})

test('times are told as the wall clock counts them', () => {
  const holder = { address: '192.0.2.50', holder: 'a', held: true, interfaces: ['eth0'], reason: '' }
  const told: WireObserved[] = [
    { kind: 'holders', holders: [{ ...holder, since: 1000 }] },
    { kind: 'conflict', address: '192.0.2.50', mac: '', interface: 'eth0', at: 1000 },
    { kind: 'log', level: 'info', message: 'x', fields: { since: 1000, list: null } },
    {
      kind: 'counters',
      addresses: [
        {
          address: '192.0.2.50',
          requestsReceived: 1000,
          responsesSent: 0,
          gratuitousSent: 0,
          conflicts: 0,
          lastRequest: 0,
        },
      ],
    },
  ]
  expect(told.map((one) => inWallTime(one, hour))).toEqual([
    { kind: 'holders', holders: [{ ...holder, since: 1000 + hour }] },
    { kind: 'conflict', address: '192.0.2.50', mac: '', interface: 'eth0', at: 1000 + hour },
    { kind: 'log', level: 'info', message: 'x', fields: { since: 1000 + hour, list: null } },
    told[3],
  ])
  expect(inWallTime(told[0], 0)).toBe(told[0])
})
