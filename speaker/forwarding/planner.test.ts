import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { checkReferences } from './check.ts'
import { applyTo } from './diff.ts'
import { elementLines } from './fake-dataplane.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import {
  affinityOf,
  collectionNames,
  collections,
  emptyElements,
  fieldsOf,
  tuple,
  type MutableElements,
  type Operation,
} from './model.ts'
import { Planner } from './planner.ts'

function started(): { planner: Planner; actual: MutableElements; step: () => string[] } {
  const planner = new Planner(testConfig)
  planner.setNode(testNode)
  const actual = emptyElements()
  const step = () => {
    const { operations } = planner.operations(actual, false)
    applyTo(actual, operations)
    return operations.map(operationText)
  }
  step()
  return { planner, actual, step }
}

const operationText = ({ do: what, collection, key, value }: Operation): string =>
  `${what} ${collection} ${key}${value === '' ? '' : ` : ${value}`}`

describe('an error while a Service is planned', () => {
  const good = (n: number) =>
    [
      `ns/s${n}`,
      service(`s${n}`, { clusterIPs: [`10.96.0.${n}`] }),
      [slice(`s${n}`, [{ address: `10.1.0.${n}`, node: 'other' }])],
    ] as const
  const broken = (): Service => {
    const made = service('bad', { clusterIPs: ['10.96.0.9'] })
    return Object.defineProperty(made, 'ports', {
      get: () => {
        throw new Error('nobody thought of this')
      },
    })
  }

  test('costs nothing of the others, at a restart neither', () => {
    const { planner, actual, step } = started()
    for (const n of [1, 2]) planner.setService(...good(n))
    step()
    const before = elementLines(actual)
    const next = new Planner(testConfig)
    next.setNode(testNode)
    for (const n of [1, 2]) next.setService(...good(n))
    next.setService('ns/bad', broken(), [])
    applyTo(actual, next.operations(actual, true).operations)
    expect(elementLines(actual)).toEqual(before)
    expect(next.problems('ns/bad')).toEqual(['cannot be planned: Error: nobody thought of this'])
  })

  test('keeps the last plan of the Service in force, until it can be planned again', () => {
    const { planner, actual, step } = started()
    planner.setService(...good(1))
    step()
    planner.setService('ns/s1', broken(), [])
    expect(step()).toEqual([])
    expect(planner.problems('ns/s1')).toHaveLength(1)
    planner.setService('ns/s1', undefined, [])
    step()
    expect(actual[4].frontends.size).toBe(0)
  })
})

describe('costs are those of the change', () => {
  test('one port of the API server without endpoints keeps its last ones though another has some', () => {
    const { planner, actual, step } = started()
    const ports = [
      { name: 'https', port: 443 },
      { name: 'other', port: 8132 },
    ]
    const api = service('kubernetes', { namespace: 'default', ports })
    const both = slice('kubernetes', ['192.168.0.9'], [{ name: 'https', port: 6443 }, ports[1]])
    planner.setService('default/kubernetes', api, [both])
    step()
    planner.setService('default/kubernetes', api, [slice('kubernetes', ['192.168.0.8'], [ports[1]])])
    step()
    expect(Object.fromEntries(actual[4].endpoints)).toEqual({
      '172.30.0.41 . tcp . 443 . 0': '192.168.0.9 . 6443',
      '172.30.0.41 . tcp . 8132 . 0': '192.168.0.8 . 8132',
    })
  })

  test('one endpoint among many: all others are the same elements as before, and stay where they are', () => {
    const { planner, actual, step } = started()
    const ports = [{ port: 80, nodePort: 30_080 }]
    const made = service('s', { type: 'NodePort', ports, affinity: 60 })
    const address = (at: number) => `10.0.${at >> 6}.${at & 63}`
    const some = (from: number, to: number) =>
      slice(
        's',
        Array.from({ length: to - from }, (_, at) => address(from + at)),
        [{ port: 80 }],
        { name: `s-${from}` },
      )
    const first = some(0, 100)
    planner.setService('ns/s', made, [first, some(100, 200)])
    step()
    const before = new Set(planner.desiredOf('ns/s'))
    planner.setService('ns/s', made, [first, some(100, 199)])
    // Two frontends with affinity: an endpoint, its number and the count of each, and the member itself.
    expect(step().sort()).toEqual([
      'delete affinity-endpoints 1/200 : 10.0.3.7 . 80',
      'delete affinity-nodeport-slots tcp . 30080 . 199 : 1/200',
      'delete affinity-slots 172.30.0.41 . tcp . 80 . 199 : 1/200',
      'delete endpoints 172.30.0.41 . tcp . 80 . 199 : 10.0.3.7 . 80',
      'delete nodeport-endpoints tcp . 30080 . 199 : 10.0.3.7 . 80',
      'replace frontends 172.30.0.41 . tcp . 80 : 199',
      'replace nodeports tcp . 30080 : 199',
    ])
    const same = planner.desiredOf('ns/s').filter((one) => before.has(one))
    expect(same.length).toBeGreaterThanOrEqual(4 * 199)
    for (const [from, to] of [
      [1, 200],
      [50, 140],
      [0, 20],
      [10, 300],
    ]) {
      planner.setService('ns/s', made, [some(from, to)])
      step()
      checkReferences(actual)
      expect(planner.operations(actual, true).operations).toEqual([])
    }
    // Another Service has them for a while, and other slots.
    const older = service('older', { type: 'NodePort', ports, created: '2020-01-01T00:00:00Z' })
    planner.setService('ns/older', older, [some(0, 60)])
    step()
    planner.setService('ns/older', older, [some(20, 90)])
    step()
    planner.setService('ns/older', undefined, [])
    step()
    checkReferences(actual)
    expect(planner.operations(actual, true).operations).toEqual([])
  })

  test('a Service that comes and goes before it was planned leaves nothing behind', () => {
    const { planner, step } = started()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    expect(planner.pending).toBe(true)
    planner.setService('ns/s', undefined, [])
    expect(planner.pending).toBe(false)
    expect(step()).toEqual([])
  })

  test('endpoints before the frontend when it comes, after it when it goes', () => {
    const { planner, step } = started()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2'])])
    expect(step()).toEqual([
      'add endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.1 . 80',
      'add endpoints 172.30.0.41 . tcp . 80 . 1 : 10.0.0.2 . 80',
      'add cluster-ips 172.30.0.41',
      'add frontends 172.30.0.41 . tcp . 80 : 2',
    ])
    planner.setService('ns/s', undefined, [])
    expect(step()).toEqual([
      'delete frontends 172.30.0.41 . tcp . 80 : 2',
      'delete cluster-ips 172.30.0.41',
      'delete endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.1 . 80',
      'delete endpoints 172.30.0.41 . tcp . 80 . 1 : 10.0.0.2 . 80',
    ])
  })

  test('the last slot moves into the hole', () => {
    const { planner, step } = started()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2', '10.0.0.3'])])
    step()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.2', '10.0.0.3'])])
    expect(step()).toEqual([
      'replace endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.3 . 80',
      'replace frontends 172.30.0.41 . tcp . 80 : 2',
      'delete endpoints 172.30.0.41 . tcp . 80 . 2 : 10.0.0.3 . 80',
    ])
  })

  test('one endpoint for another is one element', () => {
    const { planner, step } = started()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2'])])
    step()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.2', '10.0.0.3'])])
    expect(step()).toEqual(['replace endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.3 . 80'])
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.3', '10.0.0.2'])])
    expect(step()).toEqual([])
  })

  test('session affinity: the number of an endpoint goes with it, and nothing else moves', () => {
    const { planner, step } = started()
    const made = service('s', { affinity: 60 })
    planner.setService('ns/s', made, [slice('s', ['10.0.0.1', '10.0.0.2'])])
    expect(step()).toEqual([
      'add endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.1 . 80',
      'add endpoints 172.30.0.41 . tcp . 80 . 1 : 10.0.0.2 . 80',
      'add affinity-endpoints 1/1 : 10.0.0.1 . 80',
      'add affinity-endpoints 1/2 : 10.0.0.2 . 80',
      'add cluster-ips 172.30.0.41',
      'add affinity-timeouts 1 . 60',
      'add affinity-slots 172.30.0.41 . tcp . 80 . 0 : 1/1',
      'add affinity-slots 172.30.0.41 . tcp . 80 . 1 : 1/2',
      'add frontends 172.30.0.41 . tcp . 80 : 2',
      'add affinity-frontends 172.30.0.41 . tcp . 80 : 1',
    ])
    planner.setService('ns/s', made, [slice('s', ['10.0.0.2', '10.0.0.3'])])
    expect(step()).toEqual([
      'replace endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.0.3 . 80',
      'add affinity-endpoints 1/3 : 10.0.0.3 . 80',
      'replace affinity-slots 172.30.0.41 . tcp . 80 . 0 : 1/3',
      'delete affinity-endpoints 1/1 : 10.0.0.1 . 80',
    ])
    planner.setService('ns/s', service('s', { affinity: 90 }), [slice('s', ['10.0.0.2', '10.0.0.3'])])
    expect(step()).toEqual(['add affinity-timeouts 1 . 90', 'delete affinity-timeouts 1 . 60'])
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.2', '10.0.0.3'])])
    expect(step()).toEqual([
      'delete affinity-frontends 172.30.0.41 . tcp . 80 : 1',
      'delete affinity-timeouts 1 . 90',
      'delete affinity-slots 172.30.0.41 . tcp . 80 . 0 : 1/3',
      'delete affinity-slots 172.30.0.41 . tcp . 80 . 1 : 1/2',
      'delete affinity-endpoints 1/2 : 10.0.0.2 . 80',
      'delete affinity-endpoints 1/3 : 10.0.0.3 . 80',
    ])
  })

  test('source-hash: an endpoint that goes changes its own slots and few others', () => {
    const { planner, step } = started()
    const made = service('s', { annotations: { 'fairlead.io/balance': 'source-hash' } })
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']
    planner.setService('ns/s', made, [slice('s', addresses)])
    expect(step()).toContain('add frontends 172.30.0.41 . tcp . 80 : 251@source-hash')
    planner.setService('ns/s', made, [slice('s', addresses.slice(1))])
    const operations = step()
    expect(operations.every((text) => text.startsWith('replace endpoints '))).toBe(true)
    expect(operations.length).toBeLessThan(251 / 4 + 40)
  })

  test('a local address that comes or goes concerns the Services that have it', () => {
    const { planner, actual, step } = started()
    planner.setService('ns/s', service('s', { ingress: [{ ip: '203.0.113.1' }] }), [])
    planner.setService('ns/t', service('t', { clusterIPs: ['172.30.0.42'] }), [])
    step()
    planner.setNode({ ...testNode, localAddresses: [...testNode.localAddresses, '203.0.113.1'] })
    expect(planner.operations(actual, false)).toEqual({
      operations: [{ do: 'delete', family: 4, collection: 'pingable', key: '203.0.113.1', value: '' }],
      services: new Set(['ns/s']),
    })
  })

  test('a restart over half of it adds the other half', () => {
    const { planner, actual } = started()
    planner.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2'])])
    applyTo(actual, planner.operations(actual, false).operations)
    actual[4].endpoints.delete('172.30.0.41 . tcp . 80 . 1')
    actual[4]['cluster-ips'].set('172.30.9.9', '')
    const again = new Planner(testConfig)
    again.setNode(testNode)
    again.setService('ns/s', service('s'), [slice('s', ['10.0.0.2', '10.0.0.1'])])
    expect(again.operations(actual, true).operations.map(operationText)).toEqual([
      'add endpoints 172.30.0.41 . tcp . 80 . 1 : 10.0.0.2 . 80',
      'delete cluster-ips 172.30.9.9',
    ])
  })
})

const endpointOfBoth = (actual: MutableElements) => actual[4].endpoints.get('198.51.100.1 . tcp . 80 . 0')

describe('two Services, one frontend', () => {
  const external = { externalIPs: ['198.51.100.1'] }
  const older = service('older', { ...external, created: '2026-01-01T00:00:00Z', clusterIPs: ['172.30.0.1'] })
  const newer = service('newer', { ...external, created: '2026-02-01T00:00:00Z', clusterIPs: ['172.30.0.2'] })

  test('the older one has it, whoever comes first; it is freed when that one goes', () => {
    const { planner, actual, step } = started()
    planner.setService('ns/newer', newer, [slice('newer', ['10.0.0.2'])])
    step()
    expect(endpointOfBoth(actual)).toBe('10.0.0.2 . 80')
    planner.setService('ns/older', older, [slice('older', ['10.0.0.1'])])
    step()
    expect(endpointOfBoth(actual)).toBe('10.0.0.1 . 80')
    expect(planner.conflicts('ns/newer').map(({ holder }) => holder)).toEqual(['ns/older'])
    expect(planner.conflicts('ns/older')).toEqual([])
    planner.setService('ns/older', undefined, [])
    step()
    expect(endpointOfBoth(actual)).toBe('10.0.0.2 . 80')
    expect(planner.conflicts('ns/newer')).toEqual([])
  })
})

/**
 * Slots, and the numbers of lists and of their endpoints, are a matter of history: endpoints compare as what is in
 * them, lists as the frontends that have them.
 */
function withoutHistory(actual: MutableElements): string[] {
  const lists = new Map<string, string[]>()
  for (const family of [4, 6] as const) {
    for (const { lists: name } of Object.values(affinityOf)) {
      for (const [key, list] of actual[family][name]) {
        const at = `${family} ${list}`
        lists.set(at, [...(lists.get(at) ?? []), `${name} ${key}`].sort())
      }
    }
  }
  const renamed = emptyElements()
  for (const family of [4, 6] as const) {
    const own = actual[family]
    const list = (number: string) => `[${lists.get(`${family} ${number}`)?.join() ?? 'unused'}]`
    for (const name of collectionNames) {
      for (const [key, value] of own[name]) {
        const to = renamed[family][name]
        if (collections[name].value[0] === 'list') to.set(key, list(value))
        else if (name === 'affinity-timeouts') to.set(tuple(list(fieldsOf(key)[0]), fieldsOf(key)[1]), '')
        else if (name === 'affinity-endpoints') to.set(tuple(list(key.split('/')[0]), value), '')
        else if (collections[name].value[0] === 'member') {
          to.set(tuple(key, list(value.split('/')[0]), own['affinity-endpoints'].get(value) ?? 'gone'), '')
        } else to.set(key, value)
      }
    }
  }
  return elementLines(renamed)
    .map((line) =>
      line.includes('endpoints {')
        ? line.replace(/ \. \d+ :/, ' :')
        : line.replace(/(slots \{.*?) \. \d+ \. \[/, '$1 . ['),
    )
    .sort()
}

describe('a full pass gives the same as all increments', () => {
  const names = ['a', 'b', 'c'] as const
  const endpoint = fc.record({
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'),
    node: fc.constantFrom('node-1', 'other'),
    state: fc.constantFrom('ready' as const, 'unready' as const, 'serving' as const),
  })
  const observation = fc.record({
    at: fc.constantFrom(0, 1, 2),
    gone: fc.boolean(),
    external: fc.constantFrom('Local' as const, 'Cluster' as const),
    internal: fc.constantFrom('Local' as const, 'Cluster' as const),
    externalIPs: fc.subarray(['198.51.100.1', '198.51.100.2']),
    ingress: fc.subarray(['203.0.113.1', '203.0.113.2']),
    ranges: fc.subarray(['192.0.2.0/24', '192.168.0.0/16']),
    nodePort: fc.constantFrom(0, 30_080),
    affinity: fc.constantFrom(undefined, 60, 10_800),
    balance: fc.constantFrom('random', 'random', 'random', 'random', 'round-robin', 'source-hash'),
    created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    endpoints: fc.uniqueArray(endpoint, { selector: ({ address }) => address, maxLength: 4 }),
    node: fc.option(fc.constantFrom('192.168.0.2', '192.168.0.3'), { freq: 5, nil: undefined }),
  })
  test('and never refers to what is not there', () => {
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 12 }), (history) => {
        const { planner, actual, step } = started()
        const full = new Planner(testConfig)
        full.setNode(testNode)
        const now = new Map<string, { service: Service; slices: EndpointSlice[] }>()
        let last = testNode
        for (const one of history) {
          if (one.node !== undefined) {
            last = { ...testNode, internalIPs: [one.node] }
            for (const each of [planner, full]) each.setNode(last)
          }
          const name = names[one.at]
          const { affinity, ...text } = one
          const made = service(name, {
            ...text,
            ...(affinity === undefined ? {} : { affinity }),
            annotations: { 'fairlead.io/balance': one.balance },
            clusterIPs: [`172.30.0.${one.at + 1}`],
            ports: [{ port: 80, nodePort: one.nodePort }],
            ingress: one.ingress.map((ip) => ({ ip })),
            type: 'LoadBalancer',
          })
          if (one.gone) now.delete(`ns/${name}`)
          else now.set(`ns/${name}`, { service: made, slices: [slice(name, one.endpoints)] })
          for (const each of [planner, full]) {
            each.setService(`ns/${name}`, one.gone ? undefined : made, [slice(name, one.endpoints)])
          }
          step()
          checkReferences(actual)
        }
        const fresh = emptyElements()
        applyTo(fresh, full.operations(fresh, true).operations)
        expect(withoutHistory(actual)).toEqual(withoutHistory(fresh))
        expect(planner.operations(actual, true).operations).toEqual([])
        // Another process finds slots and numbers as they are.
        const next = new Planner(testConfig)
        next.setNode(last)
        for (const [key, { service: made, slices }] of now) next.setService(key, made, slices)
        expect(next.operations(actual, true).operations).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
