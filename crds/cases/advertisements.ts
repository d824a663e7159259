import { raw } from '../test-objects.ts'
import { casesOf, labels, term, type ConfigurationCase } from './case.ts'

const { refuse, accept } = casesOf('bgpAdvertisements')
const layer2 = casesOf('l2Advertisements')

const v4 = { pools: [raw('v4', { addresses: ['10.20.0.0/16'] })] }
const v6 = { pools: [raw('v6', { addresses: ['1000::/64'] })] }
const range = { pools: [raw('range', { addresses: ['3.3.3.2-3.3.3.254'] })] }
const peer = { peers: [raw('peer', { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4' })] }
const other = (spec: object) => ({ bgpAdvertisements: [raw('other', spec)] })

const aggregation: readonly ConfigurationCase[] = [
  accept('C4', 'an aggregate as wide as the widest part of a range', { aggregationLength: 26 }, range),
  refuse(
    'C4',
    'an aggregate wider than any part of a range',
    { aggregationLength: 24 },
    'spec.aggregationLength',
    /invalid aggregation length 24: prefix 26 in this pool is more specific than the aggregation length for addresses/,
    { before: range },
  ),
  refuse(
    'C5',
    'an aggregate wider than one of two prefixes',
    { aggregationLength: 26 },
    'spec.aggregationLength',
    /invalid aggregation length 26: prefix 28/,
    { before: { pools: [raw('p', { addresses: ['10.20.30.40/24', '1.2.3.0/28'] })] } },
  ),
  refuse(
    '6.2',
    'an aggregation length beyond 32',
    { aggregationLength: 33 },
    'spec.aggregationLength',
    /invalid aggregation length "33" for IPv4/,
    { schema: /invalid aggregation length for IPv4/ },
  ),
  refuse(
    '6.2',
    'an aggregation length beyond 128',
    { aggregationLengthV6: 129 },
    'spec.aggregationLengthV6',
    /invalid aggregation length "129" for IPv6/,
    { schema: /invalid aggregation length for IPv6/ },
  ),
  refuse(
    'C25',
    'selected Services in an aggregate',
    { serviceSelectors: [{}], aggregationLength: 24 },
    'spec.aggregationLength',
    /serviceSelectors and aggregationLength are mutually exclusive/,
    { schema: true },
  ),
  refuse(
    'C25',
    'selected Services in an IPv6 aggregate',
    { serviceSelectors: [{}], aggregationLengthV6: 64 },
    'spec.aggregationLengthV6',
    /serviceSelectors and aggregationLengthV6 are mutually exclusive/,
    { schema: /serviceSelectors and aggregationLength are mutually exclusive/ },
  ),
  accept('C25', 'selected Services, host routes', {
    serviceSelectors: [{}],
    aggregationLength: 32,
    aggregationLengthV6: 128,
  }),
]

const preference: readonly ConfigurationCase[] = [
  refuse(
    'C19',
    'another local preference for the same routes',
    { localPref: 200 },
    'spec.localPref',
    /invalid local preference 200: local preference 100 was already set .* Check existing BGP advertisements/,
    { before: { ...v4, ...other({ localPref: 100 }) } },
  ),
  refuse(
    'C19',
    'another local preference on nodes that may be the same',
    { localPref: 200, nodeSelectors: [labels('m', 'a')] },
    'spec.localPref',
    /nodes that both select will not announce/,
    { before: { ...v4, ...other({ localPref: 100, nodeSelectors: [labels('n', 'a')] }) }, warning: true },
  ),
  accept(
    'C19',
    'another length',
    { localPref: 200, aggregationLength: 24 },
    { ...v4, ...other({ localPref: 100 }) },
  ),
  accept(
    'C19',
    'other nodes',
    { localPref: 200, nodeSelectors: [labels('n', 'b')] },
    { ...v4, ...other({ localPref: 100, nodeSelectors: [labels('n', 'a')] }) },
  ),
  accept(
    'C19',
    'other pools',
    { localPref: 200, ipAddressPools: ['v6'] },
    { pools: [...v4.pools, ...v6.pools], ...other({ localPref: 100, ipAddressPools: ['v4'] }) },
  ),
  refuse(
    '6.2',
    'a local preference below 0',
    { localPref: -1 },
    'spec.localPref',
    /must be in 0-4294967295/,
    {
      schema: /greater than or equal to 0/,
    },
  ),
]

const attributes: readonly ConfigurationCase[] = [
  accept('ours', 'MED, AS_PATH prepending, link bandwidth and communities of all kinds', {
    med: 4_294_967_295,
    asPathPrepend: 16,
    linkBandwidth: '2.5G',
    communities: [
      '65000:1',
      'large:65000:1:2',
      'rt:65000:4294967295',
      'rt:4200000000:65535',
      'soo:192.0.2.1:7',
      '0x0002fde800000001',
      'no-export',
      'GRACEFUL_SHUTDOWN',
    ],
  }),
  refuse('ours', 'a MED beyond 32 bits', { med: 4_294_967_296 }, 'spec.med', /must be in 0-4294967295/, {
    schema: /less than or equal to 4294967295/,
  }),
  refuse('ours', 'prepending without end', { asPathPrepend: 17 }, 'spec.asPathPrepend', /must be in 0-16/, {
    schema: /less than or equal to 16/,
  }),
  ...['0', '1Gb', '1g', '-1G', '0.0M'].map((linkBandwidth) =>
    refuse(
      'ours',
      `a bandwidth of ${linkBandwidth}`,
      { linkBandwidth },
      'spec.linkBandwidth',
      /is not a bandwidth such as 1G \(bits per second, more than 0\)/,
      { schema: true },
    ),
  ),
  ...['rt:70000:65536', 'rt:192.0.2.256:1', 'soo:65000:4294967296', 'rt:x:1'].map((community) =>
    refuse(
      'ours',
      `the extended community ${community}`,
      { communities: [community] },
      'spec.communities[0]',
      /invalid community value: invalid section/,
      { schema: /invalid community value: invalid section of an extended community/ },
    ),
  ),
  refuse(
    'ours',
    'another kind of extended community',
    { communities: ['color:0:1'] },
    'spec.communities[0]',
    /invalid community format: color:0:1/,
    { schema: /invalid community format/ },
  ),
  refuse(
    'ours',
    'another MED for the same routes',
    { med: 5 },
    'spec.med',
    /invalid MED 5: MED none was already set .* Check existing BGP advertisements/,
    { before: { ...v4, ...other({}) } },
  ),
  refuse(
    'ours',
    'another prepending for the same routes',
    { asPathPrepend: 2 },
    'spec.asPathPrepend',
    /invalid AS_PATH prepending 2: AS_PATH prepending 0 was already set/,
    { before: { ...v4, ...other({}) } },
  ),
  refuse(
    'ours',
    'another bandwidth on nodes that may be the same',
    { linkBandwidth: '1G', nodeSelectors: [labels('m', 'a')] },
    'spec.linkBandwidth',
    /nodes that both select will not announce/,
    {
      before: { ...v4, ...other({ linkBandwidth: '2G', nodeSelectors: [labels('n', 'a')] }) },
      warning: true,
    },
  ),
  accept(
    'ours',
    'another MED for other peers',
    { med: 5, peers: ['a'] },
    {
      ...v4,
      ...other({ peers: ['b'] }),
      peers: ['a', 'b'].map((name, index) =>
        raw(name, { myASN: 42, peerASN: 142, peerAddress: `1.2.3.${index}` }),
      ),
    },
  ),
]

const references: readonly ConfigurationCase[] = [
  refuse(
    'C20',
    'half a community',
    { communities: ['1234'] },
    'spec.communities[0]',
    /invalid community format: 1234/,
    {
      schema: /invalid community format/,
    },
  ),
  refuse(
    'C20',
    'a left part beyond 16 bits',
    { communities: ['99999999:1'] },
    'spec.communities[0]',
    /invalid community value: invalid section "99999999"/,
    { schema: /invalid community value: invalid section/ },
  ),
  refuse(
    'C20',
    'a right part beyond 16 bits',
    { communities: ['1:99999999'] },
    'spec.communities[0]',
    /invalid community value: invalid section "99999999"/,
    { schema: /invalid community value: invalid section/ },
  ),
  refuse(
    'C20',
    'a community twice',
    { communities: ['1:2', '1:2'] },
    'spec.communities[1]',
    /duplicate definition of community/,
    { schema: true },
  ),
  refuse(
    'house',
    'an alias that is not there: a route must not travel further than was meant',
    { communities: ['our-region'] },
    'spec.communities[0]',
    /invalid community format: our-region.* no Community object defines it/,
  ),
  accept(
    'C20',
    'an alias and both forms',
    { communities: ['64512:1', 'large:64512:1:4294967295', 'known'] },
    {
      communities: [raw('c', { communities: [{ name: 'known', value: '1:1' }] })],
    },
  ),
  refuse(
    '6.2',
    'a pool twice',
    { ipAddressPools: ['v4', 'v4'] },
    'spec.ipAddressPools[1]',
    /duplicate definition of ipAddressPools/,
    {
      before: v4,
      schema: true,
    },
  ),
  refuse(
    '6.2',
    'a peer twice',
    { peers: ['peer', 'peer'] },
    'spec.peers[1]',
    /duplicate definition of peers/,
    {
      before: peer,
      schema: true,
    },
  ),
  refuse(
    '9.3',
    'a pool that is not there',
    { ipAddressPools: ['x'] },
    'spec.ipAddressPools[0]',
    /no IPAddressPool "x" in force/,
    {
      warning: true,
    },
  ),
  refuse('9.3', 'a peer that is not there', { peers: ['x'] }, 'spec.peers[0]', /no BGPPeer "x" in force/, {
    warning: true,
  }),
  accept('C26', 'an IPv6 pool and a large community', { communities: ['large:1:2:3'] }, v6),
]

const l2: readonly ConfigurationCase[] = [
  layer2.refuse(
    '6.2',
    'a pool twice',
    { ipAddressPools: ['v4', 'v4'] },
    'spec.ipAddressPools[1]',
    /duplicate definition of ipAddressPools/,
    { before: v4, schema: true },
  ),
  layer2.refuse(
    '6.2',
    'a node selector that is none',
    { nodeSelectors: [term({ key: 'a', operator: 'x' })] },
    'spec.nodeSelectors[0].matchExpressions[0].operator',
    /failed to parse node selector for under-test: "x" is not a valid label selector operator/,
    { schema: /is not a valid label selector operator/ },
  ),
  layer2.refuse(
    '6.2',
    'a service selector that is none',
    { serviceSelectors: [term({ key: 'a', operator: 'x' })] },
    'spec.serviceSelectors[0].matchExpressions[0].operator',
    /failed to parse service selector for under-test/,
    { schema: /is not a valid label selector operator/ },
  ),
  layer2.refuse(
    '6.2',
    'a preference that is none',
    { preferredNodeSelectors: [{ weight: 1, preference: term({ key: 'a', operator: 'x' }) }] },
    'spec.preferredNodeSelectors[0].preference.matchExpressions[0].operator',
    /failed to parse preferred node selectors for under-test/,
    { schema: /is not a valid label selector operator/ },
  ),
  layer2.refuse(
    '6.2',
    'a weight beyond 100',
    { preferredNodeSelectors: [{ weight: 101, preference: {} }] },
    'spec.preferredNodeSelectors[0].weight',
    /101 must be in 1-100/,
    { schema: /less than or equal to 100/ },
  ),
  layer2.refuse(
    '6.2',
    'no weight',
    { preferredNodeSelectors: [{ preference: {} }] },
    'spec.preferredNodeSelectors[0].weight',
    /weight is required/,
    { schema: /weight: Required value/ },
  ),
  layer2.refuse(
    '9.3',
    'a pool that is not there',
    { ipAddressPools: ['x'] },
    'spec.ipAddressPools[0]',
    /no IPAddressPool "x" in force/,
    {
      warning: true,
    },
  ),
  layer2.accept('6.2', 'an interface twice', { interfaces: ['eth0', 'eth0'] }),
]

export const advertisementCases = [...aggregation, ...preference, ...attributes, ...references, ...l2]
