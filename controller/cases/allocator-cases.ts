import type { Pool } from '#crds/config.ts'
import { allocation, pool, type request } from '../allocator/test-pools.ts'

type More = Parameters<typeof request>[0]

/** One call, and what comes of it: addresses, or the beginning of `reason: message`. */
export type Step =
  | { readonly assign: string; readonly addresses: string; readonly as?: More; readonly gives: string }
  | { readonly allocate: string; readonly as?: More; readonly gives: string }
  | { readonly release: string }
  | { readonly pools: readonly Pool[]; readonly affects: readonly string[] }
  /** addresses and pools of a Service, '' for none */
  | { readonly has: string; readonly is: string }
  | { readonly count: string; readonly v4: bigint; readonly v6: bigint }
  | { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }

export interface AllocatorCase {
  readonly name: string
  readonly pools: readonly Pool[]
  readonly steps: readonly Step[]
  readonly upstream?: string
}

const assign = (key: string, addresses: string, gives: string, as: More = {}): Step => ({
  assign: key,
  addresses,
  gives,
  as,
})
const allocate = (key: string, gives: string, as: More = {}): Step => ({ allocate: key, gives, as })
const share = (ports: string[], more: More = {}): More => ({ sharingKey: 'share', ports, ...more })
const inUse = (key: string, by: string) =>
  `RequestedAddressInUse: can't change sharing key for "${key}", address also in use by ${by}`
const avoid = { avoidBuggyIPs: true }
const dual = { families: [4, 6] as const }
const capacity = (
  name: string,
  ranges: readonly string[],
  v4: bigint,
  v6: bigint,
  more: Partial<Pool> = {},
) => ({ name, pools: [pool('p', ranges, more)], steps: [{ count: 'p', v4, v6 }] })
const pair = pool('p', ['1.2.3.4/31'])

/** Group B: addresses and pools by themselves. */
export const upstreamCases: readonly AllocatorCase[] = [
  {
    name: 'B1 one address, one holder',
    pools: [pair],
    steps: [
      assign('s1', '1.2.3.4', '1.2.3.4'),
      assign('s2', '1.2.3.4', inUse('s2', 's1')),
      assign('s2', '1.2.3.5', '1.2.3.5'),
      assign('s1', '1.2.3.5', inUse('s1', 's2')),
      assign('s3', '9.9.9.9', 'RequestedAddressNotInPool: ["9.9.9.9"] is not allowed in config'),
    ],
  },
  {
    name: 'B2 moving frees the old address',
    pools: [pair],
    steps: [
      assign('s1', '1.2.3.4', '1.2.3.4'),
      assign('s2', '1.2.3.5', '1.2.3.5'),
      { release: 's1' },
      assign('s2', '1.2.3.4', '1.2.3.4'),
      assign('s1', '1.2.3.5', '1.2.3.5'),
    ],
  },
  {
    name: 'B4 a sole user changes its key',
    pools: [pool('p', ['1.2.4.0/24'])],
    steps: [
      assign('s4', '1.2.4.3', '1.2.4.3', { sharingKey: 'sharing' }),
      assign('s4', '1.2.4.3', '1.2.4.3', share(['TCP/80'])),
    ],
  },
  {
    name: 'B5 B7 B8 sharing',
    pools: [pool('p', ['1.2.4.0/24'])],
    steps: [
      assign('s4', '1.2.4.3', '1.2.4.3', share(['TCP/80'])),
      assign(
        's3',
        '1.2.4.3',
        'RequestedAddressInUse: port TCP/80 is already in use on "1.2.4.3"',
        share(['TCP/80']),
      ),
      assign('s3', '1.2.4.3', '1.2.4.3', share(['TCP/443'])),
      assign('s3', '1.2.4.3', '1.2.4.3', share(['UDP/53'])),
      assign('s3', '1.2.4.3', inUse('s3', 's4'), { sharingKey: 'other' }),
      assign('s3', '1.2.4.3', inUse('s3', 's4'), share(['UDP/53'], { backendKey: 'a=b' })),
      { count: 'p', v4: 255n, v6: 0n },
    ],
  },
  {
    name: 'B10 a pool for one namespace',
    pools: [pool('p', ['1.2.5.0/24'], allocation({ namespaces: ['test-ns1'] }))],
    steps: [
      assign('a', '1.2.5.10', '1.2.5.10', { namespace: 'test-ns1' }),
      assign(
        'b',
        '1.2.5.11',
        'PoolNotCompatible: pool p not compatible for ip assignment: it is not for namespace test',
      ),
    ],
  },
  {
    name: 'B11 a pool for some labels',
    pools: [
      pool('p', ['1.2.6.0/24'], allocation({ serviceSelectors: [{ matchLabels: { team: 'metallb' } }] })),
    ],
    steps: [
      assign('c', '1.2.6.10', '1.2.6.10', { labels: { team: 'metallb' } }),
      assign('d', '1.2.6.11', 'PoolNotCompatible: pool p not compatible', { labels: { team: 'red' } }),
    ],
  },
  {
    name: 'B13 a full pool',
    pools: [pool('p', ['1.2.3.4/31', '1.2.3.10/31'])],
    steps: [
      ...['1.2.3.4', '1.2.3.5', '1.2.3.10', '1.2.3.11'].map((gives, index) =>
        allocate(`s${index + 1}`, gives),
      ),
      allocate('s5', 'PoolExhausted: no available IPs: p has no free address'),
      allocate('s6', 'PoolExhausted'),
      { release: 's2' },
      allocate('s5', '1.2.3.5'),
      allocate('s6', 'PoolExhausted'),
    ],
  },
  {
    name: 'B14 sharing in a full pool',
    pools: [pool('p', ['1.2.3.4/31'])],
    steps: [
      allocate('s1', '1.2.3.4'),
      allocate('s5', '1.2.3.5', { sharingKey: 'key' }),
      allocate('s6', 'PoolExhausted', { sharingKey: 'key' }),
      allocate('s6', '1.2.3.5', { sharingKey: 'key', ports: ['TCP/443'] }),
    ],
  },
  {
    name: 'B16 requested pools',
    pools: [pool('p', ['1.2.3.4/32'], { autoAssign: false }), pool('v6', ['1000::/127'])],
    steps: [
      allocate('a', 'UnknownPool: unknown pool "nonexistentpool"', { pool: 'nonexistentpool' }),
      allocate('a', '1.2.3.4', { pool: 'p' }),
      allocate('b', 'PoolExhausted: no available IPs in pool p', { pool: 'p' }),
      allocate('b', 'FamilyNotInPools: no available IPs in pool v6', { pool: 'v6' }),
      allocate(
        'b',
        'InvalidRequest: requested loadBalancer IP(s) ["1.2.3.4"] is not compatible with requested address pool v6',
        { pool: 'v6', addresses: ['1.2.3.4'] },
      ),
    ],
  },
  {
    name: 'B17 avoidBuggyIPs',
    pools: [
      pool('a', ['1.2.3.0/31']),
      pool('b', ['1.2.3.254/31']),
      pool('c', ['1.2.4.0/31'], avoid),
      pool('d', ['1.2.4.254/31'], avoid),
    ],
    steps: [
      ...['1.2.3.0', '1.2.3.1', '1.2.3.254', '1.2.3.255', '1.2.4.1', '1.2.4.254'].map((gives, index) =>
        allocate(`s${index + 1}`, gives),
      ),
      allocate('s7', 'PoolExhausted'),
      assign(
        's8',
        '1.2.4.255',
        'RequestedAddressExcluded: ["1.2.4.255"] is not allowed in config: pool d avoids what ends in .0 or .255',
      ),
    ],
  },
  {
    name: 'B19 shrinking a pool',
    pools: [pool('test', ['1.2.3.0/30'])],
    steps: [
      assign('s1', '1.2.3.0', '1.2.3.0'),
      assign('s2', '1.2.3.2', '1.2.3.2'),
      { pools: [pool('test', ['1.2.3.2/31'])], affects: ['s1', 's2'] },
      { has: 's1', is: '1.2.3.0 ' },
      { has: 's2', is: '1.2.3.2 test' },
    ],
  },
  {
    name: 'B20 splitting a pool',
    pools: [pool('test', ['1.2.3.0/30', '1000::/126'])],
    steps: [
      assign('s1', '1.2.3.0,1000::2', '1.2.3.0,1000::2', dual),
      assign('s2', '1.2.3.2,1000::', '1.2.3.2,1000::', dual),
      {
        pools: [pool('test', ['1.2.3.0/31', '1000::2/127']), pool('test2', ['1.2.3.2/31', '1000::/127'])],
        affects: ['s1', 's2'],
      },
      { has: 's1', is: '1.2.3.0,1000::2 test' },
      { has: 's2', is: '1.2.3.2,1000:: test2' },
    ],
  },
  {
    name: 'B22 autoAssign',
    pools: [pool('test1', ['1.2.3.4/31'], { autoAssign: false }), pool('test2', ['1.2.3.10/31'])],
    steps: [
      allocate('a', '1.2.3.10'),
      allocate('b', '1.2.3.11'),
      allocate('c', 'PoolExhausted: no available IPs: test1 autoAssign is off, test2 has no free address'),
    ],
  },
  capacity('B23 capacity', ['1.2.3.0/24'], 256n, 0n),
  capacity('B25 capacity', ['1.2.3.0/24', '1.2.4.0-1.2.4.124', '1000::/64'], 381n, 1n << 64n),
  capacity('B26 capacity', ['1.2.3.0/31', '1000::/127'], 1n, 2n, avoid),
]

const without = (...excludes: string[]): Partial<Pool> => ({ excludes: pool('', excludes).ranges })
const none: readonly string[] = []

/** Where we differ from upstream, and what it has not. */
export const ownCases: readonly AllocatorCase[] = [
  {
    name: 'a pool whose selectors match no namespace',
    upstream: 'lets every namespace ask for its addresses',
    pools: [
      pool('p', ['1.2.7.0/24'], allocation({ namespaceSelectors: [{ matchLabels: { team: 'none' } }] })),
    ],
    steps: [
      assign('e', '1.2.7.1', 'PoolNotCompatible'),
      { namespace: 'test', labels: { team: 'none' } },
      assign('e', '1.2.7.1', '1.2.7.1'),
    ],
  },
  {
    name: 'a pool split by family',
    upstream: 'the Service loses both addresses',
    pools: [pool('test', ['1.2.3.0/30', '1000::/126'])],
    steps: [
      assign('s1', '1.2.3.0,1000::2', '1.2.3.0,1000::2', dual),
      { pools: [pool('four', ['1.2.3.0/30']), pool('six', ['1000::/126'])], affects: ['s1'] },
      { has: 's1', is: '1.2.3.0,1000::2 four,six' },
      { count: 'four', v4: 3n, v6: 0n },
      { pools: [pool('four', ['1.2.3.0/30'])], affects: ['s1'] },
      { has: 's1', is: '1.2.3.0,1000::2 ' },
      { pools: [pool('all', ['1.2.3.0/30', '1000::/64'])], affects: ['s1'] },
      { has: 's1', is: '1.2.3.0,1000::2 all' },
    ],
  },
  {
    name: 'both of two pools must be for the Service',
    upstream: 'all addresses are from one pool',
    pools: [pool('four', ['1.2.3.0/30']), pool('six', ['1000::/126'], allocation({ namespaces: ['x'] }))],
    steps: [
      assign('s1', '1.2.3.0,1000::', 'PoolNotCompatible: pool six', dual),
      assign('s1', '1.2.3.0,1000::', '1.2.3.0,1000::', { ...dual, namespace: 'x' }),
      allocate(
        's2',
        'FamilyNotInPools: no available IPs: six is not for namespace test, four has no IPv6',
        dual,
      ),
    ],
  },
  capacity('excludes do not count', ['1.2.3.0/24', '1000::/64'], 245n, 2n ** 64n - 256n, {
    ...without('1.2.3.0-1.2.3.9', '1.2.3.20/32', '1000::/120'),
  }),
  capacity('excludes and avoidBuggyIPs', ['1.2.3.0-1.2.4.255'], 501n, 0n, {
    ...avoid,
    ...without('1.2.3.250-1.2.4.2'),
  }),
  {
    name: 'excludes',
    upstream: 'has none',
    pools: [pool('p', ['1.2.3.0/29'], without('1.2.3.0/31', '1.2.3.3-1.2.3.5'))],
    steps: [
      allocate('a', '1.2.3.2'),
      allocate('b', '1.2.3.6'),
      allocate('c', '1.2.3.7'),
      allocate('d', 'PoolExhausted'),
      assign(
        'd',
        '1.2.3.4',
        'RequestedAddressExcluded: ["1.2.3.4"] is not allowed in config: pool p excludes it',
      ),
      { pools: [pool('p', ['1.2.3.0/29'], without('1.2.3.6/32'))], affects: ['a', 'b', 'c'] },
      { has: 'a', is: '1.2.3.2 p' },
      { has: 'b', is: '1.2.3.6 ' },
      allocate('d', '1.2.3.0'),
      { count: 'p', v4: 4n, v6: 0n },
    ],
  },
  {
    name: 'pools that did not change keep their state',
    upstream: 'looks at all Services again',
    pools: [pair],
    steps: [
      allocate('a', '1.2.3.4'),
      { pools: [pair, pool('q', ['1.2.4.0/31'])], affects: none },
      allocate('b', '1.2.3.5'),
    ],
  },
]
