import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Allocator } from './allocator/allocator.ts'
import { allocation, pool } from './allocator/test-pools.ts'
import { adopt, decide, type Decision, type Scope } from './decide.ts'
import { ingress, service } from './test-services.ts'

const NS1 = { namespaces: ['test-ns1'] }
const TEAM = { serviceSelectors: [{ matchLabels: { team: 'metallb' } }] }
/** Upstream's fixture; p1, p3 and p5 overlap, so each case has the one that it needs. */
const p1 = pool('p1', ['1.2.3.0/31'])
const p3 = pool('p3', ['1000::/127'])
const p5 = pool('p5', ['1.2.3.0/31', '1000::/127'])
const others = [
  pool('p2', ['3.4.5.6/32'], { autoAssign: false }),
  pool('p4', ['2000::1/128'], { autoAssign: false }),
  pool('p6', ['7.8.9.0/31'], allocation({ ...NS1, priority: 10 })),
  pool('p7', ['10.11.12.0/31'], allocation({ ...NS1, priority: 11 })),
  pool('p8', ['13.14.15.0/31'], allocation({ ...TEAM, priority: 9 })),
  pool('p9', ['16.17.18.0/31'], allocation({ namespaces: ['test-ns2'] })),
  pool('p10', ['19.20.21.0/31'], allocation({ ...TEAM, priority: 8 })),
  pool('p11', ['22.23.24.0/31'], allocation({ ...NS1, ...TEAM, priority: 8 })),
  pool('p12', ['25.26.27.0/31'], allocation({ ...NS1, ...TEAM, priority: 5 })),
]

function scopeOf(pools: readonly Pool[], more: Partial<Scope> = {}): Scope {
  const allocator = new Allocator()
  allocator.setPools(pools)
  return { allocator, loadBalancerClass: '', brokenPools: new Map(), noPools: pools.length === 0, ...more }
}

const addressesOf = (decision: ReturnType<typeof decide>): string[] =>
  'notOurs' in decision ? [decision.notOurs] : decision.addresses.map(formatAddress)
const eventsOf = (decision: ReturnType<typeof decide>): string[] =>
  'notOurs' in decision ? [] : decision.events.map(({ type, reason }) => `${type} ${reason}`)

const require = { ipFamilyPolicy: 'RequireDualStack' }
const prefer = { ipFamilyPolicy: 'PreferDualStack' }
const ips = (text: string) => ({ annotations: { 'metallb.io/loadBalancerIPs': text } })
const from = (name: string) => ({ annotations: { 'metallb.io/address-pool': name } })
const v4 = { clusterIPs: ['1.2.3.4'] }
const v6 = { clusterIPs: ['3000::1'] }
const dual = { clusterIPs: ['1.2.3.4', '3000::1'] }
const single = [p1, ...others]
const both = [p5, ...others]

type Case = [string, Pool[], Parameters<typeof service>[1], string[], string[]]
const assignedEvent = ['Normal IPAllocated']
const failed = ['Warning AllocationFailed']
const unreadable = ['Warning LoadBalancerFailed']
const cases: Case[] = [
  ['A1 ClusterIP', single, { spec: { type: 'ClusterIP' } }, ['NotLoadBalancer'], []],
  ['A2', both, {}, ['1.2.3.0'], assignedEvent],
  ['A3 loadBalancerIP', both, { spec: { loadBalancerIP: '1.2.3.0' } }, ['1.2.3.0'], assignedEvent],
  ['A4', both, ips('1.2.3.1'), ['1.2.3.1'], assignedEvent],
  [
    'A4, deprecated',
    both,
    { annotations: { 'metallb.universe.tf/loadBalancerIPs': '1.2.3.1' } },
    ['1.2.3.1'],
    assignedEvent,
  ],
  ['A5', both, { ...ips('1.2.3.1'), spec: { loadBalancerIP: '1.2.3.0' } }, [], unreadable],
  ['A7', both, { annotations: { ...ips('1.2.3.1').annotations, ...from('p2').annotations } }, [], failed],
  ['A8', both, ips('1.2.3.1,1.2.3.2'), [], unreadable],
  ['A9 nonsense', both, ips('1.2.3.x'), [], unreadable],
  ['A10', single, from('p1'), ['1.2.3.0'], assignedEvent],
  ['A11', single, { ...from('p2'), status: ingress('1.2.3.0') }, ['3.4.5.6'], assignedEvent],
  [
    'A13',
    both,
    { status: ingress('2.3.4.5') },
    ['1.2.3.0'],
    ['Normal ClearAssignment', 'Normal IPAllocated'],
  ],
  [
    'A14',
    both,
    { status: ingress('foo.bar.local', '10.10.10.10') },
    ['1.2.3.0'],
    ['Normal ClearAssignment', 'Normal IPAllocated'],
  ],
  ['A16', both, { spec: { loadBalancerIP: '3.4.5.6' } }, ['3.4.5.6'], assignedEvent],
  [
    'A17',
    both,
    { spec: { loadBalancerIP: '3.4.5.6', externalTrafficPolicy: 'Local' } },
    ['3.4.5.6'],
    assignedEvent,
  ],
  ['A19', both, { spec: { ...v6, loadBalancerIP: '1.2.3.1' } }, [], failed],
  ['A20', both, { spec: { ...v4, loadBalancerIP: '1000::' } }, [], failed],
  ['A22', both, { spec: v6, status: ingress('1.2.3.0') }, ['1000::'], assignedEvent],
  ['A23', both, { spec: { ...dual, ...require } }, ['1.2.3.0', '1000::'], assignedEvent],
  ['A25', single, { ...from('p1'), spec: { ...dual, ...prefer } }, ['1.2.3.0'], assignedEvent],
  ['A26', [p3, ...others], { ...from('p3'), spec: { ...v6, ...prefer } }, ['1000::'], assignedEvent],
  ['A28', both, { ...from('p5'), spec: { ...v4, ...require } }, [], ['Warning not enough clusterips']],
  ['A29', both, { spec: { ...dual, ...prefer, loadBalancerIP: '1.2.3.1' } }, [], failed],
  ['A31', both, { ...ips('1.2.3.0,1000::'), spec: v4 }, [], failed],
  [
    'A32',
    both,
    { spec: { clusterIPs: ['3000::1', '5.6.7.8'], ...require }, status: ingress('foo.bar.local', '1000::') },
    ['1.2.3.0', '1000::'],
    assignedEvent,
  ],
  ['A34', single, { namespace: 'test-ns2' }, ['16.17.18.0'], assignedEvent],
  ['A35', single, { labels: { team: 'metallb' } }, ['19.20.21.0'], assignedEvent],
  [
    'A36 both restrictions',
    single,
    { namespace: 'test-ns1', labels: { team: 'metallb' } },
    ['25.26.27.0'],
    assignedEvent,
  ],
  ['A37', single, { namespace: 'test-ns1', spec: { ...v4, ...prefer } }, ['7.8.9.0'], assignedEvent],
  [
    'A38',
    both,
    { status: ingress('1.2.3.0', '1.2.3.1', '1.2.3.2') },
    ['1.2.3.0'],
    ['Warning nolbIPsIPFamily', 'Normal IPAllocated'],
  ],
  ['no cluster IP', both, { spec: { clusterIPs: [] } }, [], []],
  ['headless', both, { spec: { clusterIPs: ['None'] } }, [], ['Warning noclusterIPsIPFamily']],
  ['unknown pool', both, from('x'), [], failed],
  ['no pools', [], {}, [], []],
  ['no pools, one address', [], { status: ingress('1.2.3.0') }, [], ['Normal ClearAssignment']],
]

test.each(cases)('%s', (_case, pools, more, addresses, events) => {
  const scope = scopeOf(pools)
  const decision = decide(service('svc', more), scope)
  expect(addressesOf(decision)).toEqual(addresses)
  expect(eventsOf(decision)).toEqual(events)
  if ('notOurs' in decision) return
  // Once it is written, nothing changes and nothing more is said about what went well.
  const again = decide(service('svc', { ...more, status: ingress(...addresses) }), scope)
  expect(addressesOf(again)).toEqual(addresses)
  expect(eventsOf(again).filter((event) => event.startsWith('Normal'))).toEqual([])
})

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

test('A40: a Service keeps its address until the configuration forbids it', () => {
  const first = pool('default', ['1.2.3.0/24', '1000::/127'])
  const second = pool('second', ['4.5.6.0/24'])
  const scope = scopeOf([first])
  const svc = service('svc')
  expect(addressesOf(decide(svc, scope))).toEqual(['1.2.3.0'])
  scope.allocator.setPools([first, second])
  expect(addressesOf(decide(svc, scope))).toEqual(['1.2.3.0'])
  scope.allocator.setPools([second])
  const moved = decide(svc, scope)
  expect(addressesOf(moved)).toEqual(['4.5.6.0'])
  expect(eventsOf(moved)).toEqual(['Normal ClearAssignment', 'Normal IPAllocated'])
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
    message: 'port TCP/80 is already in use on "1.2.3.0"',
  })
  const local = sharing('d', 53, { externalTrafficPolicy: 'Local', selector: { app: 'x' } })
  expect(decide(local, scope)).toMatchObject({ reason: 'RequestedAddressInUse' })
})
