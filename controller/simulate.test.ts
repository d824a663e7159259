import { expect, test } from 'vitest'
import { emptyConfig, type Pool } from '#crds/config.ts'
import { parseConfig } from '#crds/parse.ts'
import type { Service } from '#kube/objects/service.ts'
import { allocation, pool } from './allocator/test-pools.ts'
import { POOL_ANNOTATION } from './request.ts'
import { simulate, type Situation } from './simulate.ts'
import { ingress, service } from './test-services.ts'

const situation = (...pools: Pool[]): Situation => ({ config: { ...emptyConfig, pools }, problems: [] })

const having = (name: string, from: string, addresses: string[], more: Parameters<typeof service>[1] = {}) =>
  service(name, { annotations: { [POOL_ANNOTATION]: from }, status: ingress(...addresses), ...more })

const lines = (now: Situation, next: Situation, ...services: Service[]) => {
  const found = simulate(now, next, { services, namespaces: [], loadBalancerClass: '' })
  const text = (kind: 'moves' | 'loses' | 'gains') =>
    found[kind].map(({ service: key, from, to, toPool, why }) =>
      [kind, key, from.join(','), '->', to.join(','), toPool, why].filter((word) => word !== '').join(' '),
    )
  return [...text('moves'), ...text('loses'), ...text('gains'), `unchanged ${found.unchanged}`]
}

const dual = { spec: { clusterIPs: ['1.2.3.4', 'fd00::1'], ipFamilyPolicy: 'PreferDualStack' } }

test('nothing changes when nothing changes', () => {
  const now = situation(pool('a', ['10.0.0.0/30']))
  expect(lines(now, now, having('web', 'a', ['10.0.0.2']), service('new'))).toEqual(['unchanged 2'])
})

test('a pool that goes: who moves to another pool, and who finds none', () => {
  const now = situation(pool('a', ['10.0.0.0/30']), pool('b', ['10.0.1.0/32']))
  const next = situation(pool('b', ['10.0.1.0/32']))
  expect(lines(now, next, having('s1', 'a', ['10.0.0.0']), having('s2', 'a', ['10.0.0.1']))).toEqual([
    'moves test/s1 10.0.0.0 -> 10.0.1.0 b pool a is gone',
    'loses test/s2 10.0.0.1 -> pool a is gone; PoolExhausted: no available IPs: b has no free address',
    'unchanged 0',
  ])
})

test('a pool that shrinks: those outside move, and what they leave behind is nobody’s', () => {
  const now = situation(pool('a', ['10.0.0.0/30']))
  const next = situation(pool('a', ['10.0.0.2/31']))
  expect(lines(now, next, having('s1', 'a', ['10.0.0.0']), having('s2', 'a', ['10.0.0.2']))).toEqual([
    'moves test/s1 10.0.0.0 -> 10.0.0.3 a 10.0.0.0 is in no pool any more',
    'unchanged 1',
  ])
})

test('a pool that is renamed or split moves nobody', () => {
  const now = situation(pool('a', ['10.0.0.0/30']))
  const next = situation(pool('b', ['10.0.0.0/31']), pool('c', ['10.0.0.2/31']))
  expect(lines(now, next, having('s1', 'a', ['10.0.0.0']), having('s2', 'a', ['10.0.0.2']))).toEqual([
    'unchanged 2',
  ])
})

test('a pool that is only for others says so', () => {
  const now = situation(pool('a', ['10.0.0.0/30']))
  const next = situation(pool('a', ['10.0.0.0/30'], allocation({ namespaces: ['other'] })))
  expect(lines(now, next, having('s1', 'a', ['10.0.0.0']))).toEqual([
    expect.stringMatching(
      /^loses test\/s1 10\.0\.0\.0 -> pool a not compatible .*; NoMatchingPool: no available IPs: a /,
    ),
    'unchanged 0',
  ])
})

test('who waits gains, a second address too; of two addresses both go with one', () => {
  const v4 = situation(pool('a', ['10.0.0.0/30']))
  const both = situation(pool('a', ['10.0.0.0/29', 'fd00:9::/126']))
  const waits = service('waits', { annotations: { 'metallb.io/loadBalancerIPs': '10.0.0.7' } })
  expect(lines(v4, both, having('web', 'a', ['10.0.0.1'], dual), waits)).toEqual([
    'gains test/waits -> 10.0.0.7 a',
    'gains test/web 10.0.0.1 -> 10.0.0.1,fd00:9:: a',
    'unchanged 0',
  ])
  expect(lines(both, v4, having('web', 'a', ['10.0.0.1', 'fd00:9::'], dual))).toEqual([
    'moves test/web 10.0.0.1,fd00:9:: -> 10.0.0.0 a fd00:9:: is in no pool any more',
    'unchanged 0',
  ])
})

test('Services of another class or type do not count', () => {
  const now = situation(pool('a', ['10.0.0.0/30']))
  const foreign = service('foreign', { spec: { loadBalancerClass: 'x' }, status: ingress('10.0.0.0') })
  expect(lines(now, situation(), foreign, service('inside', { spec: { type: 'ClusterIP' } }))).toEqual([
    'unchanged 0',
  ])
})

test('a pool whose edit is invalid stays as it is, and so do its Services', () => {
  const of = (addresses: string[]) => ({
    pools: [{ metadata: { name: 'a', namespace: 'n' }, spec: { addresses } }],
    l2Advertisements: [],
    bgpAdvertisements: [],
    peers: [],
    bfdProfiles: [],
    communities: [],
  })
  const now = parseConfig(of(['10.0.0.0/30']))
  const next = parseConfig(of(['nonsense']), now.config)
  expect(next.problems).not.toEqual([])
  expect(lines(now, next, having('s1', 'a', ['10.0.0.0']))).toEqual(['unchanged 1'])
})
