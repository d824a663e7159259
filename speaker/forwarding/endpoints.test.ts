import { describe, expect, test } from 'vitest'
import { chooseEndpoints } from './endpoints.ts'
import type { Endpoint } from './service-ports.ts'

const endpoint = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  address,
  port: 80,
  text: `${address} . 80`,
  ready: true,
  serving: true,
  terminating: false,
  local: false,
  zoneHints: [],
  nodeHints: [],
  ...more,
})
const here = { node: 'node-1', zone: 'zone-a' }
const plain = { internalLocal: false, externalLocal: false, external: false }
const cluster = (endpoints: Endpoint[], topology = here, policies = plain) =>
  chooseEndpoints(endpoints, policies, topology).cluster.map(({ address }) => address)

describe('topology hints', () => {
  const a = endpoint('a', { zoneHints: ['zone-a'], nodeHints: ['node-1'] })
  const b = endpoint('b', { zoneHints: ['zone-a'], nodeHints: ['node-2'] })
  const c = endpoint('c', { zoneHints: ['zone-b'], nodeHints: ['node-3'] })
  test.each([
    ['the node is nearer than the zone', [a, b, c], here, ['a']],
    ['no endpoint of the node: the zone', [b, c], here, ['b']],
    ['no endpoint of the zone: all', [c], here, ['c']],
    ['a node without a zone: all', [b, c], { node: 'node-9', zone: '' }, ['b', 'c']],
    [
      'one endpoint lacks node hints: the zone',
      [a, endpoint('d', { zoneHints: ['zone-a'] }), c],
      here,
      ['a', 'd'],
    ],
    ['one endpoint lacks every hint: all', [a, c, endpoint('d')], here, ['a', 'c', 'd']],
    [
      'endpoints that are not ready do not count',
      [a, c, endpoint('d', { ready: false, serving: false })],
      here,
      ['a'],
    ],
  ])('%s', (_, endpoints, topology, expected) => {
    expect(cluster(endpoints, topology)).toEqual(expected)
  })

  test('hints do not matter to those that terminate, nor to policy Local', () => {
    const dying = { ready: false, serving: true, terminating: true }
    expect(
      cluster([
        { ...a, ...dying },
        { ...c, ...dying },
      ]),
    ).toEqual(['a', 'c'])
    const local = endpoint('l', { local: true, zoneHints: ['zone-b'] })
    const choice = chooseEndpoints([local, b], { ...plain, internalLocal: true }, here)
    expect(choice.local).toEqual([local])
  })
})

test('with internal policy Local and nothing external the cluster is not looked at', () => {
  const choice = chooseEndpoints([endpoint('a')], { ...plain, internalLocal: true }, here)
  expect(choice).toEqual({ cluster: [], local: [], any: true })
})

test('publishNotReadyAddresses is the business of the slices: ready wins over terminating', () => {
  expect(cluster([endpoint('a', { terminating: true })])).toEqual(['a'])
})
