import { beforeEach, describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { applyTo } from './diff.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { emptyElements, type MutableElements } from './model.ts'
import { Planner } from './planner.ts'

/** The Service `default/kubernetes` keeps its last endpoints whatever the lists say. */

let planner: Planner
let actual: MutableElements

const fresh = (): Planner => {
  const one = new Planner(testConfig)
  one.setNode(testNode)
  return one
}

beforeEach(() => {
  planner = fresh()
  actual = emptyElements()
})

const ports = [{ name: 'https', port: 443 }]
const kubernetes = service('kubernetes', { namespace: 'default', clusterIPs: ['172.30.0.1'], ports })
const at = (...addresses: string[]) => slice('kubernetes', addresses, [{ name: 'https', port: 6443 }])
const unready = slice(
  'kubernetes',
  [{ address: '192.168.0.11', state: 'unready' }],
  [{ name: 'https', port: 6443 }],
)

const sync = (
  made: Service | undefined,
  slices: readonly EndpointSlice[],
  full = false,
  key = 'default/kubernetes',
) => {
  planner.setService(key, made, slices)
  const { operations } = planner.operations(actual, full)
  applyTo(actual, operations)
  return operations.map(({ do: what, collection }) => `${what} ${collection}`)
}
const endpoints = () => [...actual[4].endpoints.values()].sort()
const told = () => planner.problems('default/kubernetes')
const kept = 'no usable endpoint of the API server is named any more: the last known ones are kept'

describe('while running', () => {
  test.each([
    ['no slice is left', []],
    ['the slice is empty', [at()]],
    ['nothing in it is usable', [unready]],
  ])('%s: what is there stays, and the view says so', (_, slices) => {
    sync(kubernetes, [at('192.168.0.11', '192.168.0.12')])
    expect(sync(kubernetes, slices)).toEqual([])
    expect(endpoints()).toEqual(['192.168.0.11 . 6443', '192.168.0.12 . 6443'])
    expect(told()).toEqual([kept])
    expect(sync(kubernetes, slices)).toEqual([])
    expect(told()).toEqual([kept])
  })

  test('new endpoints take their place, also when they are fewer', () => {
    sync(kubernetes, [at('192.168.0.11', '192.168.0.12')])
    sync(kubernetes, [])
    sync(kubernetes, [at('192.168.0.13')])
    expect(endpoints()).toEqual(['192.168.0.13 . 6443'])
    expect(told()).toEqual([])
  })

  test('the Service itself is missing from a list: it stays', () => {
    sync(kubernetes, [at('192.168.0.11')])
    expect(sync(undefined, [])).toEqual([])
    expect(told()).toEqual([kept])
    expect(planner.programmed('default/kubernetes')?.plan.frontends[0].endpoints).toHaveLength(1)
    sync(service('kubernetes', { namespace: 'default', clusterIPs: ['172.30.0.99'], ports }), [
      at('192.168.0.12'),
    ])
    expect([...actual[4].frontends.keys()]).toEqual(['172.30.0.99 . tcp . 443'])
    expect(endpoints()).toEqual(['192.168.0.12 . 6443'])
  })

  test('it moves while nobody is there: the endpoints move with it', () => {
    sync(kubernetes, [at('192.168.0.11')])
    sync(service('kubernetes', { namespace: 'default', clusterIPs: ['172.30.0.99'], ports }), [])
    expect([...actual[4].frontends]).toEqual([['172.30.0.99 . tcp . 443', '1']])
    expect(endpoints()).toEqual(['192.168.0.11 . 6443'])
  })

  test('what never had an endpoint is refused, and goes', () => {
    sync(kubernetes, [])
    expect(actual[4]['reject-frontends'].size).toBe(1)
    sync(undefined, [])
    expect(actual[4]['reject-frontends'].size).toBe(0)
  })

  test('no other Service is treated so', () => {
    const other = service('kubernetes', { clusterIPs: ['172.30.0.1'], ports })
    sync(other, [at('192.168.0.11')], false, 'ns/kubernetes')
    sync(other, [], false, 'ns/kubernetes')
    expect(endpoints()).toEqual([])
  })
})

describe('after a restart', () => {
  test('the lists are empty: what the data plane holds stays, untouched', () => {
    sync(kubernetes, [at('192.168.0.11', '192.168.0.12')])
    planner = fresh()
    expect(sync(kubernetes, [], true)).toEqual([])
    expect(endpoints()).toEqual(['192.168.0.11 . 6443', '192.168.0.12 . 6443'])
    expect(told()).toEqual([kept])
    sync(kubernetes, [at('192.168.0.12')])
    expect(endpoints()).toEqual(['192.168.0.12 . 6443'])
  })

  test('and the program is another one: its endpoints are taken over, in their slots', () => {
    sync(kubernetes, [at('192.168.0.11', '192.168.0.12')])
    sync(kubernetes, [at('192.168.0.12')])
    sync(kubernetes, [at('192.168.0.10', '192.168.0.12')])
    const inherited = actual
    planner = fresh()
    actual = emptyElements()
    planner.setService('default/kubernetes', kubernetes, [])
    applyTo(actual, planner.operations(actual, true, inherited).operations)
    expect(actual[4].endpoints).toEqual(inherited[4].endpoints)
    expect(actual[4]['reject-frontends'].size).toBe(0)
    expect(told()).toEqual([kept])
  })

  test('an API server on this node still reaches itself', () => {
    const own = slice(
      'kubernetes',
      [{ address: '192.168.0.2', node: 'node-1' }],
      [{ name: 'https', port: 6443 }],
    )
    sync(kubernetes, [own])
    expect(actual[4].hairpin.size).toBe(1)
    planner = fresh()
    expect(sync(kubernetes, [], true)).toEqual([])
  })
})
