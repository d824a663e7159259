import { expect, test } from 'vitest'
import { formatRange } from '#inet/range.ts'
import { emptyConfig, type Config, type Problem } from './config.ts'
import { problemCodes } from './errors.ts'
import { parseConfig, type ConfigObjects } from './parse.ts'
import { noObjects, raw } from './test-objects.ts'

const parse = (objects: Partial<ConfigObjects>, previous?: Config) =>
  parseConfig({ ...noObjects, ...objects }, previous)
const errors = (problems: readonly Problem[]) => problems.filter(({ severity }) => severity === 'error')
const errorsOf = (objects: Partial<ConfigObjects>) => errors(parse(objects).problems)

const pool = (name: string, ...addresses: string[]) => raw(name, { addresses })
const peer = (spec: object) => raw('peer', { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4', ...spec })
const ad = (spec: object) => raw('ad', spec)
const v4 = pool('v4', '10.20.0.0/16')
const v6 = pool('v6', '1000::/64')
const range = pool('range', '3.3.3.2-3.3.3.254')
const labels = (key: string, value: string) => ({ matchLabels: { [key]: value } })

/** What is rejected, at which field, with which words. */
const rejected: [string, Partial<ConfigObjects>, string, RegExp][] = [
  [
    'C1 address',
    { pools: [pool('p', '100.200.300.400/24')] },
    'spec.addresses[0]',
    /invalid CIDR "100.200.300.400\/24" in pool "p"/,
  ],
  ['C1 length', { pools: [pool('p', '1.2.3.0/33')] }, 'spec.addresses[0]', /invalid CIDR/],
  [
    'C1 order',
    { pools: [pool('p', '1.2.3.10-1.2.3.1')] },
    'spec.addresses[0]',
    /start IP "1.2.3.10" is after the end IP "1.2.3.1"/,
  ],
  ['C1 none', { pools: [pool('p')] }, 'spec.addresses', /pool has no prefixes defined/],
  ['C1 no spec', { pools: [raw('p', undefined)] }, 'spec.addresses', /pool has no prefixes defined/],
  ['range start', { pools: [pool('p', 'x-1.2.3.4')] }, 'spec.addresses[0]', /invalid start IP/],
  ['range end', { pools: [pool('p', '1.2.3.4-')] }, 'spec.addresses[0]', /invalid end IP/],
  [
    'mixed families',
    { pools: [pool('p', '1.2.3.4-2001:db8::1')] },
    'spec.addresses[0]',
    /different families/,
  ],
  [
    'C2',
    { pools: [pool('a', '10.0.0.0/8'), pool('b', '10.0.0.0/16')] },
    'spec.addresses[0]',
    /CIDR "10.0.0.0\/16" in pool "b" overlaps with already defined CIDR "10.0.0.0\/8" of pool "a"/,
  ],
  [
    'C2 equal',
    { pools: [pool('a', '10.0.0.0/8'), pool('b', '1.1.1.1/32', '10.0.0.0/8')] },
    'spec.addresses[1]',
    /overlaps/,
  ],
  [
    'overlap inside',
    { pools: [pool('p', '10.0.0.0/24', '10.0.0.9-10.0.0.12')] },
    'spec.addresses[1]',
    /overlaps with already defined CIDR "10.0.0.0\/24"/,
  ],
  [
    'C4',
    { pools: [range], bgpAdvertisements: [ad({ aggregationLength: 24 })] },
    'spec.aggregationLength',
    /invalid aggregation length 24: prefix 26 in this pool is more specific/,
  ],
  [
    'C5',
    {
      pools: [pool('p', '10.20.30.40/24', '1.2.3.0/28')],
      bgpAdvertisements: [ad({ aggregationLength: 26 })],
    },
    'spec.aggregationLength',
    /prefix 28/,
  ],
  [
    'aggregation bounds',
    { bgpAdvertisements: [ad({ aggregationLength: 33 })] },
    'spec.aggregationLength',
    /invalid aggregation length "33" for IPv4/,
  ],
  [
    'C7 namespaces',
    { pools: [raw('p', { addresses: ['1.1.1.1/32'], serviceAllocation: { namespaces: ['a', 'a'] } })] },
    'spec.serviceAllocation.namespaces[1]',
    /duplicate definition of namespaces/,
  ],
  [
    'C7 selectors',
    {
      pools: [
        raw('p', {
          addresses: ['1.1.1.1/32'],
          serviceAllocation: { namespaceSelectors: [labels('a', 'b'), labels('a', 'b')] },
        }),
      ],
    },
    'spec.serviceAllocation.namespaceSelectors[1]',
    /duplicate definition of namespaceSelectors/,
  ],
  [
    'C7 values',
    {
      pools: [
        raw('p', {
          addresses: ['1.1.1.1/32'],
          serviceAllocation: {
            serviceSelectors: [
              { matchExpressions: [{ key: 'foo', operator: 'In', values: ['bar', 'bar'] }] },
            ],
          },
        }),
      ],
    },
    'spec.serviceAllocation.serviceSelectors[0].matchExpressions[0].values[1]',
    /duplicate definition of match expression value in label selector "bar"/,
  ],
  [
    'C10',
    { peers: [peer({ peerASN: 42, ebgpMultiHop: true })] },
    'spec.ebgpMultiHop',
    /invalid ebgp-multihop parameter set for an ibgp peer/,
  ],
  [
    'C11 keepalive',
    { peers: [peer({ holdTime: '30s', keepaliveTime: '90s' })] },
    'spec.keepaliveTime',
    /invalid keepaliveTime "1m30s", must be lower than holdTime "30s"/,
  ],
  [
    'C11 hold',
    { peers: [peer({ holdTime: '1s' })] },
    'spec.holdTime',
    /invalid hold time "1s": must be 0 or >=3s/,
  ],
  ['hold too long', { peers: [peer({ holdTime: '20h' })] }, 'spec.holdTime', /invalid hold time/],
  ['no duration', { peers: [peer({ holdTime: '90' })] }, 'spec.holdTime', /is not a duration/],
  [
    'connect time',
    { peers: [peer({ connectTime: '1500ms' })] },
    'spec.connectTime',
    /whole number of seconds/,
  ],
  [
    'connect time 0',
    { peers: [peer({ connectTime: '0s' })] },
    'spec.connectTime',
    /between 1 seconds to 65535/,
  ],
  ['C13 none', { peers: [peer({ peerASN: 0 })] }, 'spec.peerASN', /missing peer ASN and dynamicASN/],
  [
    'C13 both',
    { peers: [peer({ dynamicASN: 'external' })] },
    'spec.dynamicASN',
    /both peer ASN and dynamicASN specified/,
  ],
  [
    'dynamicASN',
    { peers: [peer({ peerASN: undefined, dynamicASN: 'x' })] },
    'spec.dynamicASN',
    /invalid dynamicASN x/,
  ],
  ['local ASN', { peers: [peer({ myASN: 0 })] }, 'spec.myASN', /missing local ASN/],
  [
    'C14 none',
    { peers: [peer({ peerAddress: '' })] },
    'spec.peerAddress',
    /no Address or Interface specified/,
  ],
  [
    'C14 both',
    { peers: [peer({ interface: 'eth0' })] },
    'spec.interface',
    /both Address and Interface specified/,
  ],
  [
    'address',
    { peers: [peer({ peerAddress: '1.2.3.400' })] },
    'spec.peerAddress',
    /invalid BGPPeer address "1.2.3.400"/,
  ],
  ['source', { peers: [peer({ sourceAddress: 'x' })] }, 'spec.sourceAddress', /invalid source IP "x"/],
  ['source family', { peers: [peer({ sourceAddress: '::1' })] }, 'spec.sourceAddress', /another family/],
  ['router ID', { peers: [peer({ routerID: '::1' })] }, 'spec.routerID', /invalid router ID "::1"/],
  [
    'C16 no operator',
    { peers: [peer({ nodeSelectors: [{ matchExpressions: [{ key: 'a' }] }] })] },
    'spec.nodeSelectors[0].matchExpressions[0].operator',
    /is not one of In, NotIn/,
  ],
  [
    'C16 no key',
    { peers: [peer({ nodeSelectors: [{ matchExpressions: [{ operator: 'Exists' }] }] })] },
    'spec.nodeSelectors[0].matchExpressions[0].key',
    /is not a label key/,
  ],
  [
    'C16 operator',
    {
      peers: [peer({ nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'in', values: ['b'] }] }] })],
    },
    'spec.nodeSelectors[0].matchExpressions[0].operator',
    /"in" is not one of/,
  ],
  [
    'C16 duplicates',
    {
      peers: [
        peer({ nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b', 'b'] }] }] }),
      ],
    },
    'spec.nodeSelectors[0].matchExpressions[0].values[1]',
    /duplicate definition of match expression value/,
  ],
  [
    'values for Exists',
    {
      peers: [
        peer({ nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }] }),
      ],
    },
    'spec.nodeSelectors[0].matchExpressions[0].values',
    /takes no values/,
  ],
  [
    'C17',
    { peers: [peer({ password: 'x', passwordSecret: { name: 's' } })] },
    'spec.passwordSecret',
    /can not have both password and secret ref set in peer config "metallb-system\/peer"/,
  ],
  [
    'C19',
    { pools: [v4], bgpAdvertisements: [raw('a', { localPref: 100 }), raw('b', { localPref: 200 })] },
    'spec.localPref',
    /invalid local preference 200: local preference 100 was already set .* by a/,
  ],
  [
    'C20 format',
    { bgpAdvertisements: [ad({ communities: ['1234'] })] },
    'spec.communities[0]',
    /invalid community format: 1234/,
  ],
  [
    'C20 left',
    { bgpAdvertisements: [ad({ communities: ['99999999:1'] })] },
    'spec.communities[0]',
    /invalid section "99999999"/,
  ],
  [
    'C20 right',
    { bgpAdvertisements: [ad({ communities: ['1:99999999'] })] },
    'spec.communities[0]',
    /invalid section "99999999"/,
  ],
  [
    'C20 duplicate',
    { bgpAdvertisements: [ad({ communities: ['1:2', '1:2'] })] },
    'spec.communities[1]',
    /duplicate definition of communities/,
  ],
  [
    'alias unknown',
    { bgpAdvertisements: [ad({ communities: ['no-export'] })] },
    'spec.communities[0]',
    /no Community object defines it/,
  ],
  [
    'alias value',
    { communities: [raw('c', { communities: [{ name: 'a', value: '1' }] })] },
    'spec.communities[0].value',
    /parsing community "a": invalid community format: 1/,
  ],
  [
    'alias twice',
    {
      communities: [
        raw('c', { communities: [{ name: 'a', value: '1:1' }] }),
        raw('d', { communities: [{ name: 'a', value: '1:1' }] }),
      ],
    },
    'spec.communities[0].name',
    /duplicate definition of community "a"/,
  ],
  [
    'C22 low',
    { bfdProfiles: [raw('b', { receiveInterval: 2 })] },
    'spec.receiveInterval',
    /invalid receive interval value: invalid value 2, must be in 10-60000 range/,
  ],
  [
    'C22 high',
    { bfdProfiles: [raw('b', { receiveInterval: 90000 })] },
    'spec.receiveInterval',
    /invalid value 90000/,
  ],
  [
    'C23',
    {
      pools: [v6],
      bfdProfiles: [raw('b', { echoMode: true })],
      peers: [peer({ bfdProfile: 'b' })],
      bgpAdvertisements: [ad({})],
    },
    'spec.peers',
    /pool v6 has bgpadvertisement ad which references peer peer which has bfd echo enabled/,
  ],
  [
    'C25 v4',
    { bgpAdvertisements: [ad({ serviceSelectors: [{}], aggregationLength: 24 })] },
    'spec.aggregationLength',
    /serviceSelectors and aggregationLength are mutually exclusive/,
  ],
  [
    'C25 v6',
    { bgpAdvertisements: [ad({ serviceSelectors: [{}], aggregationLengthV6: 64 })] },
    'spec.aggregationLengthV6',
    /aggregationLengthV6 are mutually exclusive/,
  ],
  [
    'C29',
    { peers: [peer({}), raw('peer2', { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4' })] },
    'spec.peerAddress',
    /peer peer already exists/,
  ],
  [
    'weight',
    { l2Advertisements: [ad({ preferredNodeSelectors: [{ weight: 101, preference: {} }] })] },
    'spec.preferredNodeSelectors[0].weight',
    /101 must be in 1-100/,
  ],
  [
    'no weight',
    { l2Advertisements: [ad({ preferredNodeSelectors: [{ preference: {} }] })] },
    'spec.preferredNodeSelectors[0].weight',
    /weight is required/,
  ],
  [
    'wrong type',
    { pools: [raw('p', { addresses: '10.0.0.0/8' })] },
    'spec.addresses',
    /must be a list, not a string/,
  ],
  [
    'wrong element',
    { pools: [raw('p', { addresses: [10] })] },
    'spec.addresses[0]',
    /must be a string, not a number/,
  ],
  [
    'name twice',
    { pools: [pool('p', '1.1.1.1/32'), pool('p', '2.2.2.2/32')] },
    'metadata.name',
    /duplicate definition of IPAddressPool "p"/,
  ],
]

test.each(rejected)('rejects %s', (_case, objects, field, message) => {
  const found = errorsOf(objects)
  expect(found.map((one) => one.field)).toContain(field)
  expect(found.find((one) => one.field === field)?.message).toMatch(message)
  expect(found.every((one) => one.code in problemCodes)).toBe(true)
})

const accepted: [string, Partial<ConfigObjects>][] = [
  ['C4', { pools: [range], bgpAdvertisements: [ad({ aggregationLength: 26 })] }],
  ['C13 dynamic', { peers: [peer({ peerASN: undefined, dynamicASN: 'external' })] }],
  ['keepalive equal to hold', { peers: [peer({ holdTime: '30s', keepaliveTime: '30s' })] }],
  ['hold 0', { peers: [peer({ holdTime: '0s' })] }],
  [
    'C19 other length',
    {
      pools: [v4],
      bgpAdvertisements: [raw('a', { localPref: 100 }), raw('b', { localPref: 200, aggregationLength: 24 })],
    },
  ],
  [
    'C19 other nodes',
    {
      pools: [v4],
      bgpAdvertisements: [
        raw('a', { localPref: 100, nodeSelectors: [labels('n', 'a')] }),
        raw('b', { localPref: 200, nodeSelectors: [labels('n', 'b')] }),
      ],
    },
  ],
  [
    'C19 other peers',
    {
      pools: [v4],
      bgpAdvertisements: [
        raw('a', { localPref: 100, peers: ['x'] }),
        raw('b', { localPref: 200, peers: ['y'] }),
      ],
    },
  ],
  [
    'C19 other pools',
    {
      pools: [v4, v6],
      bgpAdvertisements: [
        raw('a', { localPref: 100, ipAddressPools: ['v4'] }),
        raw('b', { localPref: 200, ipAddressPools: ['v6'] }),
      ],
    },
  ],
  [
    'C23 IPv4',
    {
      pools: [v4],
      bfdProfiles: [raw('b', { echoMode: true })],
      peers: [peer({ bfdProfile: 'b' })],
      bgpAdvertisements: [ad({})],
    },
  ],
  [
    'C25',
    { bgpAdvertisements: [ad({ serviceSelectors: [{}], aggregationLength: 32, aggregationLengthV6: 128 })] },
  ],
  ['C28', { peers: [peer({}), raw('other', { myASN: 43, peerASN: 1, peerAddress: '1.2.3.5', vrf: 'red' })] }],
  [
    'C29 disjoint',
    {
      peers: [
        peer({ nodeSelectors: [labels('n', 'a')] }),
        raw('peer2', { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4', nodeSelectors: [labels('n', 'b')] }),
      ],
    },
  ],
  ['spaces around the dash', { pools: [pool('p', '10.0.0.1 - 10.0.0.9')] }],
]

test.each(accepted)('accepts %s', (_case, objects) => {
  expect(errorsOf(objects)).toEqual([])
})

test('reports every error of an object at once', () => {
  const found = errorsOf({ peers: [raw('p', { myASN: 0, holdTime: '1s', routerID: 'x', peerPort: 'bgp' })] })
  expect(found.map((one) => one.field)).toEqual([
    'spec.myASN',
    'spec.peerASN',
    'spec.peerAddress',
    'spec.peerPort',
    'spec.holdTime',
    'spec.routerID',
  ])
})

const warned: [string, Partial<ConfigObjects>, string, RegExp][] = [
  [
    'unknown pool',
    { l2Advertisements: [ad({ ipAddressPools: ['x'] })] },
    'spec.ipAddressPools[0]',
    /no IPAddressPool "x" in force/,
  ],
  ['unknown peer', { bgpAdvertisements: [ad({ peers: ['x'] })] }, 'spec.peers[0]', /no BGPPeer "x" in force/],
  [
    'unknown BFD profile',
    { peers: [peer({ bfdProfile: 'x' })] },
    'spec.bfdProfile',
    /non existing bfd profile x/,
  ],
  [
    'unknown field',
    { pools: [raw('p', { addresses: ['1.1.1.1/32'], autoAsign: true })] },
    'spec.autoAsign',
    /unknown field "autoAsign" is ignored/,
  ],
  [
    'possible conflict',
    {
      pools: [v4],
      bgpAdvertisements: [
        raw('a', { localPref: 1, nodeSelectors: [labels('x', '1')] }),
        raw('b', { localPref: 2, nodeSelectors: [labels('y', '1')] }),
      ],
    },
    'spec.localPref',
    /nodes that both select/,
  ],
]

test.each(warned)('warns of %s and keeps the object', (_case, objects, field, message) => {
  const { config, problems } = parse(objects)
  expect(errors(problems)).toEqual([])
  expect(problems[0]).toMatchObject({ severity: 'warning', field, message: expect.stringMatching(message) })
  const kept = [config.pools, config.l2Advertisements, config.bgpAdvertisements, config.peers].flat()
  expect(kept).not.toEqual([])
})

test('an advertisement whose pools are all unknown is for none, not for all', () => {
  const { config } = parse({ pools: [v4], l2Advertisements: [ad({ ipAddressPools: ['x'] })] })
  expect(config.l2Advertisements[0].pools).toEqual(new Set())
  expect(parse({ pools: [v4], l2Advertisements: [ad({})] }).config.l2Advertisements[0].pools).toEqual(
    new Set(['v4']),
  )
})

test('C8: pools are chosen by label', () => {
  const pools = [
    raw('a', { addresses: ['1.1.1.1/32'] }, { labels: { zone: 'east' } }),
    pool('b', '1.1.1.2/32'),
  ]
  const l2Advertisements = [ad({ ipAddressPoolSelectors: [labels('zone', 'east')] })]
  expect(parse({ pools, l2Advertisements }).config.l2Advertisements[0].pools).toEqual(new Set(['a']))
})

test('an invalid object keeps its last good version and disturbs no other', () => {
  const first = parse({ pools: [pool('a', '10.0.0.0/24'), pool('b', '10.0.1.0/24')] }).config
  const { config, problems } = parse({ pools: [pool('a', 'nonsense'), pool('b', '10.0.2.0/24')] }, first)
  expect(config.pools.map(({ ranges }) => ranges.map(formatRange))).toEqual([
    ['10.0.0.0-10.0.0.255'],
    ['10.0.2.0-10.0.2.255'],
  ])
  expect(config.pools[0]).toBe(first.pools[0])
  expect(problems.map(({ name }) => name)).toEqual(['a'])
  expect(parse({ pools: [pool('b', '10.0.2.0/24')] }, config).config.pools).toHaveLength(1)
})

test('an edit that runs into another pool is refused, and both stay as they were', () => {
  const old = pool('old', '10.0.0.0/24')
  const young = pool('young', '10.0.1.0/24')
  const first = parse({ pools: [old, young] }).config
  const grown = { ...old, spec: { addresses: ['10.0.0.0/16'] } }
  const { config, problems } = parse({ pools: [grown, young] }, first)
  expect(config.pools).toEqual(first.pools)
  expect(problems).toMatchObject([{ name: 'old', code: 'FL_POOL_OVERLAP' }])
})

test('a pool in force is not displaced by one of the same second with a lesser name', () => {
  const inForce = pool('production', '10.0.0.0/24')
  const newcomer = {
    ...pool('overlapping', '10.0.0.128/25'),
    metadata: { ...inForce.metadata, name: 'overlapping' },
  }
  const first = parse({ pools: [inForce] }).config
  const { config, problems } = parse({ pools: [inForce, newcomer] }, first)
  expect(config.pools).toEqual(first.pools)
  expect(problems).toMatchObject([{ name: 'overlapping', code: 'FL_POOL_OVERLAP' }])
})

test('the last good version of an advertisement drops the pools that it no longer fits', () => {
  const aggregate = ad({ aggregationLength: 24 })
  const wide = pool('p', '10.0.0.0/24')
  const other = pool('q', '10.1.0.0/24')
  const first = parse({ pools: [wide, other], bgpAdvertisements: [aggregate] }).config
  const narrow = { ...wide, spec: { addresses: ['10.0.0.0/28'] } }
  const { config, problems } = parse({ pools: [narrow, other], bgpAdvertisements: [aggregate] }, first)
  expect(config.bgpAdvertisements[0].pools).toEqual(new Set(['q']))
  expect(problems).toMatchObject([{ code: 'FL_ADVERTISEMENT_AGGREGATION', name: 'ad' }])
})

test('aliases of an invalid Community stay', () => {
  const good = raw('c', {
    communities: [
      { name: 'a', value: '1:1' },
      { name: 'b', value: '1:2' },
    ],
  })
  const first = parse({ communities: [good] }).config
  const { config } = parse(
    { communities: [{ ...good, spec: { communities: [{ name: 'a', value: 'x' }] } }] },
    first,
  )
  expect([...config.communities.keys()]).toEqual(['a', 'b'])
})

test('one unset timer follows from the other', () => {
  const peers = [
    raw('a', { ...(peer({}).spec as object), holdTime: '90s' }),
    raw('b', { ...(peer({ peerAddress: '1.1.1.1' }).spec as object), keepaliveTime: '10s' }),
  ]
  const [a, b] = parse({ peers }).config.peers
  expect([a.holdTime, a.keepaliveTime, b.holdTime, b.keepaliveTime]).toEqual([90_000, 30_000, 30_000, 10_000])
})

test('what did not change keeps its identity', () => {
  const objects = { pools: [v4, v6], peers: [peer({})], l2Advertisements: [ad({})] }
  const first = parse(objects).config
  expect(parse(objects, first).config).toBe(first)
  const second = parse({ ...objects, pools: [v4] }, first).config
  expect(second.pools[0]).toBe(first.pools[0])
  expect(second.peers).toBe(first.peers)
  expect(parse({}, emptyConfig).config.pools).toBe(emptyConfig.pools)
})
