import { raw } from '../test-objects.ts'
import { casesOf, labels, term, type ConfigurationCase } from './case.ts'

const { refuse, accept } = casesOf('peers')

const session = { myASN: 42, peerASN: 142, peerAddress: '1.2.3.4' }
const peer = (more: object) => ({ ...session, ...more })
const another = (more: object = {}) => ({ peers: [raw('other', peer(more))] })
const selects = (selector: object) => peer({ nodeSelectors: [selector] })

const numbers: readonly ConfigurationCase[] = [
  refuse(
    'C10',
    'multihop to our own AS',
    peer({ peerASN: 42, ebgpMultiHop: true }),
    'spec.ebgpMultiHop',
    /invalid ebgp-multihop parameter set for an ibgp peer/,
    { schema: true },
  ),
  refuse(
    'C10',
    'multihop to whatever peer of our own AS',
    peer({ peerASN: undefined, dynamicASN: 'internal', ebgpMultiHop: true }),
    'spec.ebgpMultiHop',
    /invalid ebgp-multihop parameter set for an ibgp peer/,
    { schema: true },
  ),
  accept('C10', 'multihop to another AS', peer({ ebgpMultiHop: true })),
  refuse('6.2', 'no AS of our own', peer({ myASN: 0 }), 'spec.myASN', /missing local ASN/, { schema: true }),
  refuse(
    '6.2',
    'an AS beyond 32 bits',
    peer({ myASN: 4_294_967_296 }),
    'spec.myASN',
    /must be in 0-4294967295/,
    {
      schema: /less than or equal to 4294967295/,
    },
  ),
  refuse(
    'C13',
    'neither peerASN nor dynamicASN',
    peer({ peerASN: 0 }),
    'spec.peerASN',
    /missing peer ASN and dynamicASN/,
    { schema: true },
  ),
  refuse(
    'C13',
    'both peerASN and dynamicASN',
    peer({ dynamicASN: 'external' }),
    'spec.dynamicASN',
    /both peer ASN and dynamicASN specified/,
    { schema: true },
  ),
  refuse(
    '6.2',
    'a dynamicASN that is none',
    peer({ peerASN: undefined, dynamicASN: 'x' }),
    'spec.dynamicASN',
    /invalid dynamicASN x/,
    { schema: /Unsupported value: "x"/ },
  ),
  ...[23_456, 65_535, 4_294_967_295].flatMap((asn) =>
    ['myASN', 'peerASN', 'localASN'].map((field) =>
      refuse(
        'bad input',
        `${field} ${asn}`,
        peer({ [field]: asn }),
        `spec.${field}`,
        new RegExp(`${asn} is a reserved AS number \\(RFC`),
        { schema: /is a reserved AS number/ },
      ),
    ),
  ),
  ...[64_496, 64_511, 64_512, 65_534, 65_536, 65_551, 4_294_967_294].map((asn) =>
    accept(
      'bad input',
      `AS number ${asn}, for documentation or private`,
      peer({ myASN: asn, localASN: asn }),
    ),
  ),
  accept('C13', 'dynamicASN', peer({ peerASN: undefined, dynamicASN: 'external' })),
]

const timers: readonly ConfigurationCase[] = [
  refuse(
    'C11',
    'keepalive longer than hold',
    peer({ holdTime: '30s', keepaliveTime: '90s' }),
    'spec.keepaliveTime',
    /invalid BGPPeer timers: invalid keepaliveTime "1m30s", must be lower than holdTime "30s"/,
    { schema: /invalid BGPPeer timers: invalid keepaliveTime, must be lower than holdTime/ },
  ),
  refuse(
    'C11',
    'hold of a second',
    peer({ holdTime: '1s' }),
    'spec.holdTime',
    /invalid BGPPeer timers: invalid hold time "1s": must be 0 or between 3s and 65535s/,
    { schema: /invalid hold time: must be 0 or between 3s and 65535s/ },
  ),
  ...['20h', '65536s'].map((holdTime) =>
    refuse(
      'C11',
      `hold of ${holdTime}, beyond 16 bits`,
      peer({ holdTime }),
      'spec.holdTime',
      /invalid hold time "[0-9hms]+": must be 0 or between 3s and 65535s/,
      { schema: /invalid hold time: must be 0 or between 3s and 65535s/ },
    ),
  ),
  refuse('C11', 'no duration', peer({ holdTime: '90' }), 'spec.holdTime', /is not a duration such as 90s/, {
    schema: true,
  }),
  refuse(
    'C11',
    'connect time of parts of a second',
    peer({ connectTime: '1500ms' }),
    'spec.connectTime',
    /connect time should contain a whole number of seconds/,
    { schema: true },
  ),
  refuse(
    'C11',
    'connect time 0',
    peer({ connectTime: '0s' }),
    'spec.connectTime',
    /connect time should be between 1 seconds to 65535/,
    { schema: true },
  ),
  accept('C11', 'keepalive equal to hold', peer({ holdTime: '30s', keepaliveTime: '30s' })),
  accept('C11', 'hold 0', peer({ holdTime: '0s' })),
  accept('C11', 'hold 0 without unit', peer({ holdTime: '0' })),
  accept('C11', 'only keepalive', peer({ keepaliveTime: '1m30s' })),
]

const addresses: readonly ConfigurationCase[] = [
  refuse(
    'C14',
    'neither address nor interface',
    peer({ peerAddress: '' }),
    'spec.peerAddress',
    /peer has no Address or Interface specified/,
    { schema: true },
  ),
  refuse(
    'C14',
    'both address and interface',
    peer({ interface: 'eth0' }),
    'spec.interface',
    /peer has both Address and Interface specified/,
    { schema: true },
  ),
  accept('C14', 'an interface', peer({ peerAddress: undefined, interface: 'eth0' })),
  refuse(
    '6.2',
    'an address that is none',
    peer({ peerAddress: '1.2.3.400' }),
    'spec.peerAddress',
    /invalid BGPPeer address "1\.2\.3\.400"/,
    { schema: /invalid BGPPeer address/ },
  ),
  refuse(
    'bad input',
    'an IPv4-mapped address',
    peer({ peerAddress: '::ffff:1.2.3.4' }),
    'spec.peerAddress',
    /invalid BGPPeer address "::ffff:1\.2\.3\.4"/,
    { schema: /invalid BGPPeer address/ },
  ),
  refuse(
    'bad input',
    'an address with a zone',
    peer({ peerAddress: 'fe80::1%eth0' }),
    'spec.peerAddress',
    /invalid BGPPeer address/,
    { schema: true },
  ),
  ...(
    [
      ['0.0.0.0', /it is of "this network"/],
      ['::', /it is the unspecified address/],
      ['224.0.0.5', /it is multicast/],
      ['ff02::5', /it is multicast/],
      ['255.255.255.255', /it is broadcast/],
    ] as const
  ).map(([peerAddress, words]) =>
    refuse('bad input', `the address ${peerAddress}`, peer({ peerAddress }), 'spec.peerAddress', words),
  ),
  refuse(
    'bad input',
    'a link-local address without a link',
    peer({ peerAddress: 'fe80::1' }),
    'spec.peerAddress',
    /link-local, and nothing says on which link: name the node's interface in spec.interface instead/,
    { warning: true },
  ),
  accept('bad input', 'a link-local address on a device', peer({ peerAddress: 'fe80::1', vrf: 'red' })),
  refuse(
    '6.2',
    'a source that is none',
    peer({ sourceAddress: 'x' }),
    'spec.sourceAddress',
    /invalid source IP "x"/,
    {
      schema: /invalid source IP/,
    },
  ),
  refuse(
    '6.2',
    'a source of another family',
    peer({ sourceAddress: '2001:db8::1' }),
    'spec.sourceAddress',
    /source IP is of another family than the peer address/,
    { schema: true },
  ),
  refuse(
    '6.2',
    'a router ID that is IPv6',
    peer({ routerID: '::1' }),
    'spec.routerID',
    /invalid router ID "::1"/,
    {
      schema: /invalid router ID/,
    },
  ),
  refuse('6.2', 'a router ID of zero', peer({ routerID: '0.0.0.0' }), 'spec.routerID', /invalid router ID/, {
    schema: true,
  }),
]

const selectors: readonly ConfigurationCase[] = [
  refuse(
    'C16',
    'no operator',
    selects(term({ key: 'a' })),
    'spec.nodeSelectors[0].matchExpressions[0].operator',
    /failed to convert peer under-test node selector: "" is not a valid label selector operator/,
    { schema: /operator: Required value/ },
  ),
  refuse(
    'C16',
    'no key',
    selects(term({ operator: 'Exists' })),
    'spec.nodeSelectors[0].matchExpressions[0].key',
    /"" is not a label key/,
    { schema: /key: Required value/ },
  ),
  refuse(
    'C16',
    'an operator that is none',
    selects(term({ key: 'a', operator: 'in', values: ['b'] })),
    'spec.nodeSelectors[0].matchExpressions[0].operator',
    /"in" is not a valid label selector operator/,
    { schema: /is not a valid label selector operator/ },
  ),
  refuse(
    'C16',
    'a value twice',
    selects(term({ key: 'a', operator: 'In', values: ['b', 'b'] })),
    'spec.nodeSelectors[0].matchExpressions[0].values[1]',
    /duplicate definition of match expression value in label selector "b"/,
    { schema: /Duplicate value: "b"/ },
  ),
  refuse(
    'C16',
    'values for Exists',
    selects(term({ key: 'a', operator: 'Exists', values: ['b'] })),
    'spec.nodeSelectors[0].matchExpressions[0].values',
    /Exists takes no values/,
    { schema: /Exists and DoesNotExist take none/ },
  ),
  refuse(
    'C16',
    'no values for In',
    selects(term({ key: 'a', operator: 'In' })),
    'spec.nodeSelectors[0].matchExpressions[0].values',
    /In needs at least one value/,
    { schema: /In and NotIn need at least one value/ },
  ),
  refuse(
    'C16',
    'a key that is none',
    selects(labels('a b', 'c')),
    'spec.nodeSelectors[0].matchLabels',
    /"a b" is not a label key/,
  ),
  refuse(
    'C16',
    'a value that is none',
    selects(labels('a', 'b c')),
    'spec.nodeSelectors[0].matchLabels',
    /"b c" is not a label value/,
    { schema: /should match/ },
  ),
  refuse(
    '6.2',
    'a selector twice',
    peer({ nodeSelectors: [labels('a', 'b'), labels('a', 'b')] }),
    'spec.nodeSelectors[1]',
    /duplicate definition of nodeSelectors/,
    { schema: true },
  ),
  accept('C16', 'a selector of each operator', {
    ...session,
    nodeSelectors: [
      labels('example.com/rack', 'a'),
      term({ key: 'a', operator: 'In', values: ['b', 'c'] }),
      term({ key: 'a', operator: 'NotIn', values: ['b'] }),
      term({ key: 'a', operator: 'Exists' }),
      term({ key: 'a', operator: 'DoesNotExist' }),
    ],
  }),
]

const ours: readonly ConfigurationCase[] = [
  accept('ours', 'TTL security, roles and listening', {
    ...session,
    ttlSecurity: 1,
    listen: true,
    role: 'customer',
    strictRole: true,
  }),
  accept('ours', 'TTL security inside the AS', peer({ peerASN: 42, ttlSecurity: 254 })),
  refuse(
    'ours',
    'TTL security over many hops',
    peer({ ttlSecurity: 2, ebgpMultiHop: true }),
    'spec.ttlSecurity',
    /ttlSecurity and ebgpMultiHop exclude each other/,
    { schema: true },
  ),
  refuse('ours', 'TTL security of no hop', peer({ ttlSecurity: 0 }), 'spec.ttlSecurity', /must be in 1-254/, {
    schema: /greater than or equal to 1/,
  }),
  refuse(
    'ours',
    'TTL security of 255 hops',
    peer({ ttlSecurity: 255 }),
    'spec.ttlSecurity',
    /must be in 1-254/,
    { schema: /less than or equal to 254/ },
  ),
  refuse('ours', 'a role that is none', peer({ role: 'client' }), 'spec.role', /invalid role client/, {
    schema: /Unsupported value: "client"/,
  }),
  refuse(
    'ours',
    'a role inside the AS',
    peer({ peerASN: 42, role: 'peer' }),
    'spec.role',
    /a role is for peers of another AS/,
    { schema: true },
  ),
  refuse(
    'ours',
    'a role for whatever peer of our own AS',
    peer({ peerASN: undefined, dynamicASN: 'internal', role: 'peer' }),
    'spec.role',
    /a role is for peers of another AS/,
    { schema: true },
  ),
  refuse(
    'ours',
    'strictness without a role',
    peer({ strictRole: true }),
    'spec.strictRole',
    /strictRole needs a role/,
    { schema: true },
  ),
]

const others: readonly ConfigurationCase[] = [
  refuse(
    'C17',
    'a password and a Secret',
    peer({ password: 'x', passwordSecret: { name: 's' } }),
    'spec.passwordSecret',
    /can not have both password and secret ref set in peer config "metallb-system\/under-test"/,
    { schema: /can not have both password and secret ref set in peer config/ },
  ),
  accept('C17', 'a Secret', peer({ passwordSecret: { name: 's' } })),
  accept('C26', 'all that MetalLB does in one of its modes only', {
    ...session,
    holdTime: '90s',
    keepaliveTime: '30s',
    connectTime: '10s',
    enableGracefulRestart: true,
    disableMP: true,
    localASN: 43,
    vrf: 'red',
    sourceAddress: '1.2.3.1',
    dualStackAddressFamily: true,
  }),
  accept('C28', 'another AS of ours in another VRF', peer({ myASN: 43, vrf: 'red' }), another()),
  accept(
    'C28',
    'another AS of ours in the same VRF: sessions are independent',
    peer({ myASN: 43, peerAddress: '1.2.3.5' }),
    another(),
  ),
  accept(
    'C28',
    'another router ID',
    peer({ routerID: '1.1.1.2', peerAddress: '1.2.3.5' }),
    another({ routerID: '1.1.1.1' }),
  ),
  refuse('C29', 'the same session twice', session, 'spec.peerAddress', /peer other already exists/, {
    before: another(),
  }),
  refuse(
    'C29',
    'the same session on nodes that may be the same',
    selects(labels('n', 'a')),
    'spec.peerAddress',
    /peer other already exists .* may select the same nodes/,
    { before: another({ nodeSelectors: [labels('m', 'b')] }), warning: true },
  ),
  accept(
    'C29',
    'the same session on other nodes',
    selects(labels('n', 'a')),
    another({ nodeSelectors: [labels('n', 'b')] }),
  ),
  refuse(
    '6.2',
    'a BFDProfile that is not there',
    peer({ bfdProfile: 'x' }),
    'spec.bfdProfile',
    /peer under-test referencing non existing bfd profile x/,
    { warning: true },
  ),
]

export const peerCases = [...numbers, ...timers, ...addresses, ...selectors, ...ours, ...others]
