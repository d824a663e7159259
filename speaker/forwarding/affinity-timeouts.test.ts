import { expect, test } from 'vitest'
import { AffinityTimeouts } from './affinity-timeouts.ts'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, fieldsOf } from './model.ts'
import { planService } from './plan.ts'
import { Planner } from './planner.ts'

const asks = (name: string, affinity?: number) => {
  const made = service(name, affinity === undefined ? {} : { affinity })
  return planService(made, [slice(name, ['10.0.0.1'])], testNode)
}
const granted = (timeouts: AffinityTimeouts, name: string, seconds: number) =>
  timeouts.fit(name, asks(name, seconds))?.frontends[0].affinity?.seconds

test('the first sixteen are kept to the second, then they are rounded up to a ladder', () => {
  const timeouts = new AffinityTimeouts()
  for (let index = 0; index < 16; index++)
    expect(granted(timeouts, `s${index}`, 101 + index)).toBe(101 + index)
  expect(granted(timeouts, 'late', 99)).toBe(120)
  expect(granted(timeouts, 'later', 86_399)).toBe(86_400)
  expect(granted(timeouts, 'default', 10_800)).toBe(10_800)
  expect(granted(timeouts, 'same', 105)).toBe(105)
  expect(timeouts.fit('late', asks('late', 99))?.problems).toEqual([
    'sessionAffinity holds for 120 s instead of 99: too many different timeouts on this node',
  ])
  expect(timeouts.fit('none', asks('none'))).toEqual(asks('none'))
})

test('a place is free again only when everything is listed', () => {
  const timeouts = new AffinityTimeouts()
  for (let index = 0; index < 16; index++) granted(timeouts, `s${index}`, 101 + index)
  for (let index = 0; index < 16; index++) timeouts.fit(`s${index}`, undefined)
  expect(granted(timeouts, 'late', 99)).toBe(120)
  const actual = emptyElements()
  actual[6]['affinity-timeouts'].set('7 . 55', '')
  timeouts.adopt(actual)
  for (let index = 0; index < 16; index++)
    expect(granted(timeouts, `t${index}`, 201 + index)).toBe(index < 15 ? 201 + index : 300)
  expect(granted(timeouts, 'again', 55)).toBe(55)
})

test('however many timeouts Services have, there are few rules; and a restart changes none', () => {
  const planner = new Planner(testConfig)
  planner.setNode(testNode)
  const add = (to: Planner, at: number) =>
    to.setService(
      `ns/s${at}`,
      service(`s${at}`, { clusterIPs: [`172.30.${at >> 8}.${at & 255}`], affinity: at }),
      [slice(`s${at}`, ['10.0.0.1'])],
    )
  for (let at = 1; at <= 300; at++) add(planner, at)
  const actual = emptyElements()
  applyTo(actual, planner.operations(actual, true).operations)
  const used = new Set([...actual[4]['affinity-timeouts'].keys()].map((key) => fieldsOf(key)[1]))
  expect(actual[4]['affinity-timeouts'].size).toBe(300)
  expect(used.size).toBeLessThan(30)
  const second = new Planner(testConfig)
  second.setNode(testNode)
  for (let at = 300; at >= 1; at--) add(second, at)
  expect(second.operations(actual, true).operations).toEqual([])
  expect(second.problems('ns/s299')).toEqual([expect.stringContaining('300 s instead of 299')])
})
