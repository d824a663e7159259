import { beforeEach, describe, expect, test } from 'vitest'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, type MutableElements } from './model.ts'
import { Planner } from './planner.ts'
import { HashBudget } from './source-hash.ts'

describe('who gets a table', () => {
  test('the older ones, as many as fit, whatever came first', () => {
    const budget = new HashBudget(1000)
    budget.set('young', '2026-03', 500)
    expect(budget.settle()).toEqual(new Set())
    budget.set('old', '2026-01', 600)
    expect(budget.settle()).toEqual(new Set(['young']))
    budget.set('small', '2026-04', 400)
    expect(budget.settle()).toEqual(new Set())
    expect(budget.usage()).toEqual({ elements: 1000, denied: 1 })
    budget.set('old', '2026-01', 0)
    expect(budget.settle()).toEqual(new Set(['young']))
    expect([budget.denied('young'), budget.usage()]).toEqual([false, { elements: 900, denied: 0 }])
  })

  test('of one age by name', () => {
    const budget = new HashBudget(1)
    budget.set('b', '2026', 1)
    budget.set('a', '2026', 1)
    budget.settle()
    expect([budget.denied('a'), budget.denied('b')]).toEqual([false, true])
  })
})

describe('in the data plane', () => {
  let planner: Planner
  let actual: MutableElements
  beforeEach(() => {
    planner = new Planner(testConfig, new HashBudget(1600))
    planner.setNode(testNode)
    actual = emptyElements()
  })
  const set = (at: number, created: string, endpoints: readonly string[], affinity?: number) =>
    planner.setService(
      `ns/s${at}`,
      service(`s${at}`, {
        annotations: { 'fairlead.io/balance': 'source-hash' },
        clusterIPs: [`172.30.0.${at}`],
        ports: [{ port: 80, nodePort: 30_000 + at }],
        type: 'NodePort',
        created,
        ...(affinity === undefined ? {} : { affinity }),
      }),
      [slice(`s${at}`, endpoints)],
    )
  const step = () => {
    applyTo(actual, planner.operations(actual, false).operations)
    return [...actual[4].frontends]
      .map(([key, count]) => `${key.split(' ')[0].split('.')[3]} ${count}`)
      .sort()
  }
  const two = ['10.0.0.1', '10.0.0.2']

  test('one endpoint needs no table', () => {
    set(1, '2026-01-01T00:00:00Z', ['10.0.0.1'])
    expect(step()).toEqual(['1 1'])
    expect(planner.hashUsage()).toEqual({ elements: 0, denied: 0 })
  })

  test('beyond the bound it is random for the younger one, which is told so, until there is room', () => {
    for (const at of [4, 3, 2, 1]) set(at, `2026-01-0${at}T00:00:00Z`, two)
    // Each has two tables of 251 slots: by its ClusterIP and by its NodePort.
    expect(step()).toEqual(['1 251@source-hash', '2 251@source-hash', '3 251@source-hash', '4 2'])
    expect(planner.problems('ns/s4')).toEqual([expect.stringContaining('source-hash is not kept')])
    expect(planner.hashUsage()).toEqual({ elements: 1506, denied: 1 })
    // With affinity each slot is two elements.
    set(1, '2026-01-01T00:00:00Z', two, 60)
    expect(step()).toEqual(['1 251@source-hash', '2 251@source-hash', '3 2', '4 2'])
    planner.setService('ns/s1', undefined, [])
    expect(step()).toEqual(['2 251@source-hash', '3 251@source-hash', '4 251@source-hash'])
    expect(planner.problems('ns/s4')).toEqual([])
    expect(planner.operations(actual, true).operations).toEqual([])
  })
})
