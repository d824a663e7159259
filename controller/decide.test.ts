import { describe, expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from './allocator/allocator.ts'
import { allocation, pool } from './allocator/test-pools.ts'
import { dual, ips, others, p1, p5, prefer, v4 } from './cases/fixture.ts'
import { adopt, decide, type Decision, type Scope } from './decide.ts'
import { ingress, service } from './test-services.ts'

function scopeOf(pools: readonly Pool[], more: Partial<Scope> = {}): Scope {
  const allocator = new Allocator()
  allocator.setPools(pools)
  return { allocator, loadBalancerClass: '', brokenPools: new Map(), noPools: pools.length === 0, ...more }
}

const addressesOf = (decision: ReturnType<typeof decide>): string[] =>
  'notOurs' in decision ? [decision.notOurs] : decision.addresses.map(formatAddress)
const single = [p1, ...others]
const both = [p5, ...others]

test.each([
  [undefined, '', true],
  [undefined, 'foo', false],
  ['foo', '', false],
  ['foo', 'bar', false],
  ['foo', 'foo', true],
])('H: class %s, serving %j', (loadBalancerClass, serving, ours) => {
  const decision = decide(
    service('svc', { spec: { loadBalancerClass } }),
    scopeOf(both, { loadBalancerClass: serving }),
  )
  expect(addressesOf(decision)).toEqual(ours ? ['1.2.3.0'] : ['ClassNotOurs'])
})

test('says what upstream says', () => {
  const decision = decide(service('svc'), scopeOf(both)) as Decision
  expect(decision.events).toEqual([
    { type: 'Normal', reason: 'IPAllocated', message: 'Assigned IP ["1.2.3.0"]' },
  ])
  expect(decision).toMatchObject({ reason: 'Assigned', message: '1.2.3.0 from pool p5', pool: 'p5' })
  const refused = decide(service('two', { spec: { loadBalancerIP: '1.2.3.9' } }), scopeOf(both)) as Decision
  expect(refused.events[0].message).toBe(
    'Failed to allocate IP for "test/two": ["1.2.3.9"] is not allowed in config',
  )
})

test('unreadable requests take nothing away', () => {
  const decision = decide(
    service('svc', { ...ips('x'), status: ingress('1.2.3.1') }),
    scopeOf(both),
  ) as Decision
  expect(addressesOf(decision)).toEqual(['1.2.3.1'])
  expect(decision.message).toBe(
    '1.2.3.1 from pool p5; invalid requested loadbalancer IPs: invalid IP address "x"',
  )
})

test('a Service that prefers dual stack gets its second address from its pool, once', () => {
  const scope = scopeOf(both)
  const svc = service('svc', { spec: { ...dual, ...prefer }, status: ingress('1.2.3.1') })
  const decision = decide(svc, scope) as Decision
  expect(addressesOf(decision)).toEqual(['1.2.3.1', '1000::'])
  expect(decision.events).toEqual([
    { type: 'Normal', reason: 'IPAllocated', message: 'Assigned additional IP "1000::"' },
  ])
  expect(decide(svc, scope)).toMatchObject({ events: [] })
})

test('with one cluster IP, preferring dual stack means one address', () => {
  const scope = scopeOf(both)
  const svc = service('svc', { spec: { ...v4, ...prefer }, status: ingress('1.2.3.0') })
  for (let turn = 0; turn < 3; turn++) expect(addressesOf(decide(svc, scope))).toEqual(['1.2.3.0'])
})

test('a Service whose status is behind keeps what the allocator gave it', () => {
  const scope = scopeOf(both)
  decide(service('a'), scope)
  expect(addressesOf(decide(service('b'), scope))).toEqual(['1.2.3.1'])
  decide(service('a', { spec: { type: 'ClusterIP' } }), scope)
  expect(addressesOf(decide(service('b'), scope))).toEqual(['1.2.3.1'])
})

test('addresses of a pool in error without a last good version are kept', () => {
  const owned = { annotations: { 'metallb.io/ip-allocated-from-pool': 'bad' }, status: ingress('9.9.9.9') }
  const scope = scopeOf(both, { brokenPools: new Map([['bad', 'invalid CIDR']]) })
  const svc = service('svc', owned)
  adopt(svc, scope)
  expect(decide(svc, scope)).toMatchObject({
    reason: 'PoolInvalid',
    pool: 'bad',
    message: 'kept although IPAddressPool bad is in error: invalid CIDR',
    events: [],
  })
  const gone = { ...scope, brokenPools: new Map<string, string>() }
  expect(addressesOf(decide(svc, gone))).toEqual(['1.2.3.0'])
  expect(decide(service('new'), scopeOf([], { brokenPools: scope.brokenPools }))).toMatchObject({
    reason: 'NoPools',
  })
})

describe('a pool in error is named to those who might have had an address of it', () => {
  const broken = { brokenPools: new Map([['bad', 'spec.addresses[0]: invalid CIDR']]) }
  const elsewhere = pool('elsewhere', ['1.2.3.0/31'], allocation({ namespaces: ['other'] }))

  test.each([
    [
      'asked for',
      [elsewhere],
      { 'metallb.io/address-pool': 'bad' },
      'PoolInvalid',
      'IPAddressPool bad is in error: spec.addresses[0]: invalid CIDR',
    ],
    ['the only one', [], {}, 'NoPools', 'no available IPs: bad is in error: spec.addresses[0]: invalid CIDR'],
    [
      'beside one that is for others',
      [elsewhere],
      {},
      'NoMatchingPool',
      /^no available IPs: elsewhere .*, bad is in error: spec\.addresses\[0\]: invalid CIDR$/,
    ],
    [
      'and an address of no pool is asked for',
      [elsewhere],
      { 'metallb.io/loadBalancerIPs': '9.9.9.9' },
      'RequestedAddressNotInPool',
      /9\.9\.9\.9.*; in error: bad$/,
    ],
    [
      'but not to who asks for another',
      [elsewhere],
      { 'metallb.io/address-pool': 'x' },
      'UnknownPool',
      'unknown pool "x"',
    ],
  ])('%s', (_, pools, annotations, reason, message) => {
    expect(decide(service('svc', { annotations }), scopeOf(pools, broken))).toMatchObject({
      reason,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    })
  })
})

test('a requested pool without one of the families says which', () => {
  const spec = { ...dual, ipFamilyPolicy: 'RequireDualStack' }
  const asks = { spec, annotations: { 'metallb.io/address-pool': 'four' } }
  expect(decide(service('svc', asks), scopeOf([pool('four', ['4.4.4.0/31'])]))).toMatchObject({
    reason: 'FamilyNotInPools',
    message: 'no available IPs in pool four: it has no IPv6 addresses',
  })
})

test('who shares the key but not the backends is told so', () => {
  const shares = { annotations: { 'metallb.io/allow-shared-ip': 'k' } }
  const asks = { annotations: { ...shares.annotations, 'metallb.io/loadBalancerIPs': '4.4.4.0' } }
  const scope = scopeOf([pool('four', ['4.4.4.0/31'])])
  decide(service('first', shares), scope)
  const second = {
    ...asks,
    spec: { externalTrafficPolicy: 'Local', selector: { app: 'a' }, ports: [{ port: 81, protocol: 'TCP' }] },
  }
  expect(decide(service('second', second), scope)).toMatchObject({
    reason: 'RequestedAddressInUse',
    message: expect.stringMatching(
      /in use by \S*first: with externalTrafficPolicy Local, all have to have it/,
    ),
  })
})

test('addresses of two pools: each is named, and both are kept when one pool is in error', () => {
  const four = pool('four', ['4.4.4.0/31'])
  const six = pool('six', ['6000::/127'])
  const spec = { ...dual, ipFamilyPolicy: 'RequireDualStack' }
  expect(decide(service('svc', { spec }), scopeOf([four, six]))).toMatchObject({
    pool: 'four,six',
    message: '4.4.4.0 from pool four, 6000:: from pool six',
    considered: [],
  })
  const owned = { annotations: { 'metallb.io/ip-allocated-from-pool': 'four,six' } }
  const svc = service('svc', { ...owned, spec, status: ingress('4.4.4.1', '6000::1') })
  const scope = scopeOf([four], { brokenPools: new Map([['six', 'invalid CIDR']]) })
  adopt(svc, scope)
  const kept = decide(svc, scope) as Decision
  expect(kept).toMatchObject({
    reason: 'PoolInvalid',
    pool: 'four,six',
    message: 'kept although IPAddressPool six is in error: invalid CIDR',
  })
  expect(addressesOf(kept)).toEqual(['4.4.4.1', '6000::1'])
  scope.allocator.setPools([four, six])
  expect(decide(svc, scope)).toMatchObject({ reason: 'Assigned', pool: 'four,six' })
})

test('what an explicit request may not have is refused although its pool is in error for others', () => {
  const holes = pool('holes', ['4.4.4.0/31'], { excludes: pool('', ['4.4.4.1/32']).ranges })
  const owned = { annotations: { 'metallb.io/ip-allocated-from-pool': 'bad' }, status: ingress('4.4.4.1') }
  const scope = scopeOf([holes], { brokenPools: new Map([['bad', 'invalid CIDR']]) })
  expect(addressesOf(decide(service('svc', owned), scope))).toEqual(['4.4.4.0'])
})

test('who has an address goes before who wants it, whatever the order of decisions', () => {
  const scope = scopeOf(both)
  const holder = service('z', { status: ingress('1.2.3.0') })
  adopt(holder, scope)
  expect(addressesOf(decide(service('a'), scope))).toEqual(['1.2.3.1'])
  expect(addressesOf(decide(holder, scope))).toEqual(['1.2.3.0'])
})

const sharing = (name: string, port: number, more: object = {}) =>
  service(name, {
    annotations: { 'metallb.io/allow-shared-ip': 'k', 'metallb.io/loadBalancerIPs': '1.2.3.0' },
    spec: { ports: [{ port }], ...more },
  })

test('sharing: the key, the backends and the ports decide', () => {
  const scope = scopeOf(single)
  expect(addressesOf(decide(sharing('a', 80), scope))).toEqual(['1.2.3.0'])
  expect(addressesOf(decide(sharing('b', 443), scope))).toEqual(['1.2.3.0'])
  expect(decide(sharing('c', 80), scope)).toMatchObject({
    reason: 'RequestedAddressInUse',
    message: expect.stringContaining('port TCP/80 is already in use on "1.2.3.0"'),
  })
  const local = sharing('d', 53, { externalTrafficPolicy: 'Local', selector: { app: 'x' } })
  expect(decide(local, scope)).toMatchObject({ reason: 'RequestedAddressInUse' })
})
