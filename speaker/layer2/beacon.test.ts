import { expect, test } from 'vitest'
import { Beacon } from './beacon.ts'

/** Times at which it called, in this span. */
function calls(beacon: Beacon, nodes: number, from: number, until: number): number[] {
  const times: number[] = []
  for (let now = beacon.next(); now !== undefined && now <= until; now = beacon.next()) {
    if (beacon.due(nodes, Math.max(now, from)).length > 0) times.push(now)
  }
  return times
}

test('silent while nobody is lost', () => {
  const beacon = new Beacon()
  beacon.set([], 0)
  expect(beacon.next()).toBeUndefined()
  expect(beacon.due(3, 1000)).toEqual([])
})

test.each([
  [3, 100],
  [64, 640],
])('%i nodes: every %i ms for the first minute, then every second', (nodes, interval) => {
  const beacon = new Beacon()
  beacon.set(['node-b'], 0)
  const times = calls(beacon, nodes, 0, 70_000)
  expect(times[1] - times[0]).toBe(interval)
  expect(times.filter((at) => at < 60_000).length).toBeCloseTo(60_000 / interval, -1)
  expect(times.at(-1) as number).toBeLessThan(70_001)
  const late = times.filter((at) => at > 61_000)
  expect(late[1] - late[0]).toBe(1000)
})

test('the lost nodes in turn', () => {
  const beacon = new Beacon()
  beacon.set(['node-b', 'node-c'], 0)
  expect(beacon.due(3, 100)).toEqual(['node-b', 'node-c'])
  beacon.called('node-b')
  expect(beacon.due(3, 200)).toEqual(['node-c', 'node-b'])
  beacon.called('node-z')
})

test('one more is lost: fast again; all are back: silent', () => {
  const beacon = new Beacon()
  beacon.set(['node-b'], 0)
  calls(beacon, 3, 0, 100_000)
  beacon.set(['node-b', 'node-c'], 100_000)
  expect(beacon.next()).toBe(100_100)
  beacon.set([], 100_050)
  expect(beacon.next()).toBeUndefined()
})
