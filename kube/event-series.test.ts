import { expect, it } from 'vitest'
import { EventSeries } from './event-series.ts'

const web = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u1' }
const said = { type: 'Normal', reason: 'Same', message: 'm', once: false } as const

it('allows 25 at once, then one in five minutes, and 25 again when all was quiet for long', () => {
  const series = new EventSeries()
  const taken = (at: number, times: number) =>
    Array.from({ length: times }, () => series.record(web, said, at)).filter((one) => one !== undefined)
      .length
  expect([taken(0, 40), taken(299_999, 1), taken(300_000, 2)]).toEqual([25, 0, 1])
  expect(taken(1e9, 40)).toBe(25)
})

it('counts the same of one object, and tells objects apart by uid, or by name where they have none', () => {
  const series = new EventSeries()
  const count = (about: object, more: object = {}) =>
    series.record({ ...web, ...about }, { ...said, ...more }, 0)?.series.count
  expect([count({}), count({}), count({ uid: 'u2' }), count({}, { message: 'n' })]).toEqual([1, 2, 1, 1])
  expect([count({ uid: '' }), count({ uid: '', name: 'other' }), count({ uid: '' })]).toEqual([1, 1, 2])
})

it('forgets those that were not used for the longest time, and all that are old', () => {
  const series = new EventSeries()
  const count = (uid: string, at: number) => series.record({ ...web, uid }, said, at)?.series.count
  for (let n = 0; n < 4096; n++) count(`u${n}`, 0)
  expect([count('u0', 0), count('more', 0), count('u0', 0), count('u1', 0)]).toEqual([2, 1, 3, 1])
  expect(count('late', 600_000)).toBe(1)
  expect(count('u0', 600_000)).toBe(1)
})
