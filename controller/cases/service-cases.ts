import type { Pool } from '#crds/config.ts'
import { allocation, pool } from '../allocator/test-pools.ts'
import { ingress, type rawService } from '../test-services.ts'
import { dual, from, ips, others, p1, p3, p5, prefer, require, v4, v6 } from './fixture.ts'

/** One Service under some pools, and what it gets. */
export interface ServiceCase {
  /** number and words */
  readonly name: string
  readonly pools: readonly Pool[]
  readonly service: Parameters<typeof rawService>[1]
  /** IPv4 first; ['NotLoadBalancer'] for a Service that is left alone */
  readonly addresses: readonly string[]
  /** `Type Reason`, in order */
  readonly events: readonly string[]
  /** the annotation that names the pools, where it matters */
  readonly pool?: string
  /** what MetalLB does instead, for a row in which we differ on purpose */
  readonly upstream?: string
}

const single = [p1, ...others]
const both = [p5, ...others]
const given = ['Normal IPAllocated']
const moved = ['Normal ClearAssignment', 'Normal IPAllocated']
const failed = ['Warning AllocationFailed']
const unreadable = ['Warning LoadBalancerFailed']
const row = (
  name: string,
  pools: readonly Pool[],
  service: ServiceCase['service'],
  addresses: readonly string[],
  events: readonly string[],
  more: Pick<ServiceCase, 'pool' | 'upstream'> = {},
): ServiceCase => ({ name, pools, service, addresses, events, ...more })

const twoFamilies = {
  annotations: { 'metallb.io/loadBalancerIPs': '1000::,1.2.3.1' },
  spec: { ...dual, ...require },
}
const foreign = ingress('foo.bar.local', '10.10.10.10')
const half = ingress('foo.bar.local', '1000::')

/** Group A: a Service as the controller sees it. */
export const upstreamCases: readonly ServiceCase[] = [
  row('A1 ClusterIP', single, { spec: { type: 'ClusterIP' } }, ['NotLoadBalancer'], []),
  row('A2 plain', both, {}, ['1.2.3.0'], given, { pool: 'p5' }),
  row('A3 loadBalancerIP', both, { spec: { loadBalancerIP: '1.2.3.0' } }, ['1.2.3.0'], given),
  row('A4 loadBalancerIPs', both, ips('1.2.3.1'), ['1.2.3.1'], given),
  row(
    'A4 with the deprecated prefix',
    both,
    { annotations: { 'metallb.universe.tf/loadBalancerIPs': '1.2.3.1' } },
    ['1.2.3.1'],
    given,
  ),
  row(
    'A5 both ways of asking',
    both,
    { ...ips('1.2.3.1'), spec: { loadBalancerIP: '1.2.3.0' } },
    [],
    unreadable,
  ),
  row(
    'A7 address and pool that do not fit',
    both,
    { annotations: { ...ips('1.2.3.1').annotations, ...from('p2').annotations } },
    [],
    failed,
  ),
  row('A8 two addresses of one family', both, ips('1.2.3.1,1.2.3.2'), [], unreadable),
  row('A9 nonsense', both, ips('1.2.3.x'), [], unreadable),
  row('A10 address-pool', single, from('p1'), ['1.2.3.0'], given),
  row('A11 another address-pool', single, { ...from('p2'), status: ingress('1.2.3.0') }, ['3.4.5.6'], given),
  row('A13 an address of nobody', both, { status: ingress('2.3.4.5') }, ['1.2.3.0'], moved),
  row('A14 a host name and an address of nobody', both, { status: foreign }, ['1.2.3.0'], moved),
  row('A16 autoAssign off, asked for', both, { spec: { loadBalancerIP: '3.4.5.6' } }, ['3.4.5.6'], given),
  row(
    'A17 the same, externalTrafficPolicy Local',
    both,
    { spec: { loadBalancerIP: '3.4.5.6', externalTrafficPolicy: 'Local' } },
    ['3.4.5.6'],
    given,
  ),
  row('A19 IPv4 for an IPv6 Service', both, { spec: { ...v6, loadBalancerIP: '1.2.3.1' } }, [], failed),
  row('A20 IPv6 for an IPv4 Service', both, { spec: { ...v4, loadBalancerIP: '1000::' } }, [], failed),
  row('A22 another family', both, { spec: v6, status: ingress('1.2.3.0') }, ['1000::'], given),
  row('A23 RequireDualStack', both, { spec: { ...dual, ...require } }, ['1.2.3.0', '1000::'], given),
  row(
    'A25 PreferDualStack, one family in the pool',
    single,
    { ...from('p1'), spec: { ...dual, ...prefer } },
    ['1.2.3.0'],
    given,
  ),
  row(
    'A26 PreferDualStack, IPv6 only',
    [p3, ...others],
    { ...from('p3'), spec: { ...v6, ...prefer } },
    ['1000::'],
    given,
  ),
  row(
    'A28 RequireDualStack, one cluster IP',
    both,
    { ...from('p5'), spec: { ...v4, ...require } },
    [],
    ['Warning not enough clusterips'],
  ),
  row(
    'A29 one address for two families',
    both,
    { spec: { ...dual, ...prefer, loadBalancerIP: '1.2.3.1' } },
    [],
    failed,
  ),
  row('A31 two addresses for one family', both, { ...ips('1.2.3.0,1000::'), spec: v4 }, [], failed),
  row(
    'A32 half of what it requires',
    both,
    { spec: { clusterIPs: ['3000::1', '5.6.7.8'], ...require }, status: half },
    ['1.2.3.0', '1000::'],
    given,
  ),
  row('A34 namespace, no priority', single, { namespace: 'test-ns2' }, ['16.17.18.0'], given),
  row('A35 labels, by priority', single, { labels: { team: 'metallb' } }, ['19.20.21.0'], given),
  row(
    'A36 both restrictions, by priority',
    single,
    { namespace: 'test-ns1', labels: { team: 'metallb' } },
    ['25.26.27.0'],
    given,
  ),
  row(
    'A37 PreferDualStack, one cluster IP, namespace',
    single,
    { namespace: 'test-ns1', spec: { ...v4, ...prefer } },
    ['7.8.9.0'],
    given,
  ),
  row(
    'A38 three addresses',
    both,
    { status: ingress('1.2.3.0', '1.2.3.1', '1.2.3.2') },
    ['1.2.3.0'],
    ['Warning nolbIPsIPFamily', 'Normal IPAllocated'],
  ),
  row('no cluster IP', both, { spec: { clusterIPs: [] } }, [], []),
  row('headless', both, { spec: { clusterIPs: ['None'] } }, [], ['Warning noclusterIPsIPFamily']),
  row('two addresses, any order', both, twoFamilies, ['1.2.3.1', '1000::'], given),
  row('unknown pool', both, from('x'), [], failed),
  row('no pools', [], {}, [], []),
  row('no pools, an address', [], { status: ingress('1.2.3.0') }, [], ['Normal ClearAssignment']),
]

const four = pool('four', ['4.4.4.0/31'])
const six = pool('six', ['6000::/127'])
const nobody = pool(
  'nobody',
  ['5.5.5.0/31'],
  allocation({ namespaceSelectors: [{ matchLabels: { team: 'red' } }] }),
)
const equals = ['y', 'x'].map((name, index) =>
  pool(name, [`8.8.${index}.0/31`], allocation({ namespaces: ['test'], priority: 3 })),
)
const holes = pool('holes', ['9.9.9.0/29'], { excludes: pool('', ['9.9.9.0/31', '9.9.9.4/32']).ranges })
const mine = pool('mine', ['4.4.5.0/31'], allocation({ namespaces: ['test'] }))
const twoPools = { spec: { ...dual, ...require } }

/** Where we differ from upstream on purpose. */
export const ownCases: readonly ServiceCase[] = [
  row(
    'unrestricted pools go by name',
    [pool('b', ['1.1.1.1/32']), pool('a', ['2.2.2.2/32'])],
    {},
    ['2.2.2.2'],
    given,
    {
      upstream: 'at random',
    },
  ),
  row('pools of one priority go by name', equals, {}, ['8.8.1.0'], given, { upstream: 'unspecified' }),
  row(
    'a pool whose selectors match no namespace is for nobody, asked for or not',
    [nobody],
    { spec: { loadBalancerIP: '5.5.5.1' } },
    [],
    failed,
    { upstream: 'every namespace may ask for its addresses' },
  ),
  row(
    'PreferDualStack with one cluster IP keeps its one address',
    both,
    { spec: { ...v4, ...prefer }, status: ingress('1.2.3.0') },
    ['1.2.3.0'],
    [],
    { upstream: 'gets and loses the second one forever' },
  ),
  row(
    'PreferDualStack says nothing of a family that is not to be had',
    single,
    { spec: { ...dual, ...prefer }, status: ingress('1.2.3.0') },
    ['1.2.3.0'],
    [],
    { upstream: 'AdditionalAssignFailed with each reconcile' },
  ),
  row('RequireDualStack from two pools', [four, six], twoPools, ['4.4.4.0', '6000::'], given, {
    pool: 'four,six',
    upstream: 'no address',
  }),
  row(
    'PreferDualStack from two pools',
    [six, four],
    { spec: { ...dual, ...prefer } },
    ['4.4.4.0', '6000::'],
    given,
    { pool: 'four,six', upstream: 'the primary family only' },
  ),
  row('one pool with both goes before two', [four, six, p5], twoPools, ['1.2.3.0', '1000::'], given, {
    pool: 'p5',
    upstream: 'the same',
  }),
  row(
    'of two pools each goes by the order of pools',
    [four, mine, six],
    twoPools,
    ['4.4.5.0', '6000::'],
    given,
    {
      pool: 'mine,six',
      upstream: 'no address',
    },
  ),
  row(
    'a later pool with both moves nothing',
    [four, six, p5],
    { ...twoPools, status: ingress('4.4.4.1', '6000::1') },
    ['4.4.4.1', '6000::1'],
    [],
    { pool: 'four,six', upstream: 'not allowed in config' },
  ),
  row(
    'address-pool means one pool',
    [four, six],
    { ...from('four'), spec: { ...dual, ...require } },
    [],
    failed,
    { upstream: 'the same' },
  ),
  row(
    'two addresses by name from two pools',
    [four, six],
    { ...ips('6000::1,4.4.4.1'), spec: { ...dual, ...require } },
    ['4.4.4.1', '6000::1'],
    given,
    { pool: 'four,six', upstream: 'is not allowed in config' },
  ),
  row(
    'the second address from another pool',
    [four, six],
    { spec: { ...dual, ...prefer }, status: ingress('4.4.4.1') },
    ['4.4.4.1', '6000::'],
    given,
    { pool: 'four,six', upstream: 'from the same pool only' },
  ),
  row(
    'the second address from its own pool first',
    [pool('a6', ['6000::/127']), p5],
    { spec: { ...dual, ...prefer }, status: ingress('1.2.3.1') },
    ['1.2.3.1', '1000::'],
    given,
    { pool: 'p5', upstream: 'the same' },
  ),
  row('excluded addresses are passed over', [holes], {}, ['9.9.9.2'], given, { upstream: 'no excludes' }),
  row('excluded addresses are refused by name', [holes], ips('9.9.9.4'), [], failed, {
    upstream: 'no excludes',
  }),
  row(
    'an address that is excluded later is lost',
    [holes],
    { status: ingress('9.9.9.4') },
    ['9.9.9.2'],
    moved,
    {
      upstream: 'no excludes',
    },
  ),
]
