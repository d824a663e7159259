import { describe, expect, test } from 'vitest'
import type { ServiceView } from '#controller/view.ts'
import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import type { FrontendView } from '#speaker/forwarding/view.ts'
import type { Evidence, ForwardingEvidence, PoolEvidence } from './evidence.ts'
import { checks, explain } from './explain.ts'

const service = (spec: Record<string, unknown> = {}, annotations: Record<string, string> = {}) =>
  projectService({
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.9',
      ports: [{ port: 80 }],
      selector: { app: 'web' },
      ...spec,
    },
  } as Parameters<typeof projectService>[0])

const production: PoolEvidence = {
  name: 'production',
  ranges: ['192.168.1.100-192.168.1.150'],
  families: [4],
  free: 50n,
}

const assigned = (target = service(), more: Partial<ServiceView> = {}): ServiceView => ({
  service: target,
  ours: true,
  addresses: ['192.168.1.100'],
  pool: 'production',
  reason: 'Assigned',
  message: '',
  considered: [],
  ...more,
})

const refused = (reason: string, message: string, considered: ServiceView['considered'] = []) =>
  assigned(service(), { addresses: [], pool: '', reason, message, considered })

const ready: SliceEndpoint = {
  address: '10.244.1.2',
  ready: true,
  serving: true,
  terminating: false,
  nodeName: 'node1',
  zoneHints: [],
  nodeHints: [],
  pod: 'default/web-1',
}

const slices = (...endpoints: SliceEndpoint[]): EndpointSlice[] => [
  {
    namespace: 'default',
    name: 'web-x',
    service: 'web',
    labels: {},
    addressType: 'IPv4',
    ports: [],
    endpoints,
  },
]

const frontend = (kind: FrontendView['kind'], more: Partial<FrontendView> = {}): FrontendView => ({
  kind,
  address: kind === 'ClusterIP' ? '10.96.0.9' : '192.168.1.100',
  protocol: 'TCP',
  port: 80,
  verdict: 'forward',
  endpoints: ['10.244.1.2:80'],
  ...more,
})

const forwarding = (more: Partial<ForwardingEvidence> = {}): ForwardingEvidence => ({
  node: 'node1',
  mode: 'full',
  forwarding: true,
  reason: '',
  lastError: '',
  programmed: true,
  frontends: [frontend('ClusterIP'), frontend('LoadBalancer')],
  taken: [],
  problems: [],
  ...more,
})

const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  key: 'default/web',
  service: service(),
  loadBalancerClass: '',
  allocation: assigned(),
  pools: [production],
  slices: slices(ready),
  forwarding: forwarding(),
  ...more,
})

const result = (id: string, more: Partial<Evidence>) =>
  explain(evidence(more)).checks.find((check) => check.id === id)

test('a Service that works passes every check', () => {
  expect(explain(evidence())).toMatchObject({ verdict: 'ok', headline: 'every check passed' })
  expect(explain(evidence()).checks).toHaveLength(checks.length)
})

test('the first failure in causal order is the headline, not its consequence', () => {
  const both = evidence({ allocation: refused('NoPools', 'no pools'), pools: [], slices: slices() })
  expect(explain(both)).toMatchObject({
    verdict: 'fail',
    headline: 'Is there a pool for it, and room? There is no valid IPAddressPool.',
  })
})

test('every failure comes with a remedy, and no check throws on missing evidence', () => {
  const bare: Evidence = { key: 'default/web', service: undefined, loadBalancerClass: '' }
  for (const one of [bare, { ...bare, service: service() }]) {
    for (const check of explain(one).checks) if (check.verdict === 'fail') expect(check.remedy).not.toBe('')
  }
})

describe('1 class', () => {
  test.each([
    [{ service: undefined }, 'fail', 'there is no Service default/web'],
    [{ service: service({ type: 'NodePort' }) }, 'fail', 'its type is NodePort'],
    [{ service: service({ loadBalancerClass: 'other' }) }, 'fail', 'class other'],
    [{ loadBalancerClass: 'fairlead' }, 'fail', 'it asks for no class, Fairlead serves class fairlead'],
    [{ statusManagers: ['k3s'] }, 'warn', 'also written by k3s'],
    [{}, 'ok', 'type LoadBalancer, no class'],
  ] as const)('%#', (more, verdict, words) => {
    expect(result('class', more as Partial<Evidence>)).toMatchObject({
      verdict,
      evidence: expect.stringContaining(words),
    })
  })
})

describe('2 pool', () => {
  test('names every pool and why it was refused', () => {
    const considered = [
      { pool: 'a', refused: 'full: 4 of 4 in use' },
      { pool: 'b', refused: 'autoAssign is off' },
    ]
    const found = result('pool', { allocation: refused('PoolExhausted', 'no available IPs', considered) })
    expect(found).toMatchObject({
      verdict: 'fail',
      evidence: 'no address: a: full: 4 of 4 in use; b: autoAssign is off',
    })
  })

  test('leaves a refused request to the next check', () => {
    expect(result('pool', { allocation: refused('RequestedAddressInUse', 'in use') })?.verdict).toBe('ok')
  })

  test('is unknown to a speaker', () => {
    expect(result('pool', { pools: undefined })?.verdict).toBe('unknown')
  })
})

describe('3 requested address', () => {
  const asking = (text: string) => service({}, { 'metallb.io/loadBalancerIPs': text })
  test.each([
    ['192.168.1.100', assigned(), 'ok', 'given'],
    ['192.168.1.7', assigned(), 'fail', 'in no pool (production 192.168.1.100-192.168.1.150)'],
    ['not-an-ip', assigned(), 'fail', 'not an IP address'],
    ['192.168.1.120', refused('RequestedAddressInUse', 'in use by default/other'), 'fail', 'default/other'],
  ] as const)('%s', (text, allocation, verdict, words) => {
    const found = result('requested-address', { service: asking(text), allocation })
    expect(found).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
  })
})

describe('4 families', () => {
  test.each([
    [{ clusterIPs: ['None'], clusterIP: 'None' }, 'fail', 'no cluster IP'],
    [{ ipFamilyPolicy: 'RequireDualStack' }, 'fail', 'has one cluster IP'],
    [{ clusterIPs: ['fd00::9'] }, 'fail', 'needs IPv6, and no pool has any'],
    [{ clusterIPs: ['10.96.0.9', 'fd00::9'], ipFamilyPolicy: 'PreferDualStack' }, 'warn', 'no pool has IPv6'],
    [{}, 'ok', 'IPv4, SingleStack'],
  ] as const)('%j', (spec, verdict, words) => {
    expect(result('families', { service: service(spec) })).toMatchObject({
      verdict,
      evidence: expect.stringContaining(words),
    })
  })
})

describe('6 endpoints', () => {
  const unready = { ...ready, ready: false, serving: false }
  test.each([
    [slices(ready, { ...unready, address: '10.244.1.3' }), 'ok', '1 ready (node1: 1), 1 not ready'],
    [slices(unready), 'fail', '1 endpoints, none is ready'],
    [slices({ ...ready, ready: false, terminating: true }), 'warn', 'terminating'],
    [slices(), 'fail', 'no pod matches its selector app=web'],
    [undefined, 'unknown', 'could not be read'],
  ] as const)('%#', (found, verdict, words) => {
    expect(result('endpoints', { slices: found as EndpointSlice[] | undefined })).toMatchObject({
      verdict,
      evidence: expect.stringContaining(words),
    })
  })
})

/** Rows of what is given, the verdict, and words of the evidence. */
const finds = (id: string, rows: readonly (readonly [Partial<Evidence>, string, string])[]) =>
  test.each(rows)(`${id} %#: %j`, (more, verdict, words) => {
    const found = result(id, more)
    expect(found).toMatchObject({ verdict, evidence: expect.stringContaining(words) })
    expect(found?.remedy === '').toBe(verdict === 'ok' || verdict === 'unknown')
  })

describe('5 frontends', () => {
  const claimed = (status: string) => ({
    ...service(),
    conditions: [
      { type: 'fairlead.io/FrontendsClaimed', status, reason: '', message: 'is x/y', lastTransitionTime: '' },
    ] as Service['conditions'],
  })
  finds('frontends', [
    [{}, 'ok', 'no older Service'],
    [{ forwarding: forwarding({ taken: ['a is b/c’s', 'd is e/f’s'] }) }, 'fail', 'a is b/c’s; d is e/f’s'],
    [{ forwarding: undefined, service: claimed('False') }, 'fail', 'is x/y'],
    [{ forwarding: undefined, service: claimed('True') }, 'ok', ''],
    [{ forwarding: undefined }, 'ok', ''],
  ])
})

describe('7 forwarding', () => {
  const other = { ...service(), labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }
  const speaker = (node: string, mode: string, synced = true, reason = '') => ({ node, mode, synced, reason })
  const cluster = (...speakers: NonNullable<Evidence['speakers']>) => ({ forwarding: undefined, speakers })
  const onNode = (more: Partial<ForwardingEvidence>) => ({ forwarding: forwarding(more) })
  const proxy = 'kube-proxy is on this node'
  finds('forwarding', [
    [{}, 'ok', '2 addresses and ports are in the kernel of node1'],
    [{ service: other }, 'unknown', 'leaves it to another proxy: other'],
    [onNode({ mode: 'off', forwarding: false }), 'unknown', 'forwarding is off on node1'],
    [onNode({ forwarding: false, reason: proxy }), 'warn', `does not forward on node1: ${proxy}`],
    [onNode({ programmed: false, lastError: 'no memory' }), 'fail', 'node1 could not program it: no memory'],
    [onNode({ programmed: false }), 'warn', 'node1 has not programmed it yet'],
    [onNode({ programmed: false, taken: ['x'] }), 'unknown', 'nothing that it claims is its own'],
    [onNode({ programmed: true, lastError: 'no memory' }), 'ok', 'in the kernel of node1'],
    [onNode({ problems: ['port 0 is none'] }), 'warn', 'port 0 is none'],
    [onNode({ problems: Array.from({ length: 9 }, () => 'bad') }), 'warn', 'bad; and 4 more'],
    [
      onNode({ programmed: false, problems: ['a', 'cannot be programmed: b'] }),
      'fail',
      'cannot be programmed: b',
    ],
    [onNode({ problems: ['sessionAffinity is not kept: x'] }), 'ok', ''],
    [cluster(speaker('b', 'full'), speaker('a', 'full')), 'ok', 'by Fairlead on a, b'],
    [cluster(speaker('a', 'standby', true, proxy), speaker('b', 'full')), 'warn', `on a: ${proxy}`],
    [cluster(speaker('a', 'full', false), speaker('b', 'full')), 'warn', 'not everything is programmed on a'],
    [cluster(speaker('a', 'off')), 'unknown', 'forwarding is off on every node'],
    [{ forwarding: undefined }, 'unknown', 'the speakers could not be asked'],
  ])
})

describe('8 endpoints of the node', () => {
  const with_ = (...frontends: FrontendView[]) => ({ forwarding: forwarding({ frontends }) })
  const drop = { verdict: 'drop', endpoints: [] } as const
  finds('node-endpoints', [
    [{}, 'ok', '1 for what arrives at node1'],
    [with_(frontend('ClusterIP'), frontend('LoadBalancer', drop)), 'warn', 'externalTrafficPolicy is Local'],
    [with_(frontend('ClusterIP', drop), frontend('LoadBalancer')), 'warn', 'internalTrafficPolicy is Local'],
    [
      with_(frontend('ClusterIP', { verdict: 'reject' }), frontend('LoadBalancer', { verdict: 'reject' })),
      'fail',
      'no node has a usable endpoint for port 80/TCP',
    ],
    [with_(), 'unknown', 'node1 does not forward it'],
    [{ forwarding: forwarding({ forwarding: false }) }, 'unknown', 'node1 does not forward it'],
    [{ forwarding: undefined }, 'unknown', 'only a node'],
  ])
})

describe('9 sources', () => {
  const only = (...loadBalancerSourceRanges: string[]) => service({ loadBalancerSourceRanges })
  const client = '203.0.113.130'
  finds('sources', [
    [{}, 'ok', 'everybody may'],
    [{ service: only('203.0.113.0/25') }, 'ok', 'only from 203.0.113.0/25: ask about one with --client'],
    [{ service: only(' 203.0.113.0/24 '), client }, 'ok', `${client} may`],
    [{ service: only('203.0.113.0/25', '10.0.0.0/8'), client }, 'fail', `${client} is in none of`],
    [{ service: only('203.0.113.0/25'), client: 'fd00::1' }, 'ok', 'fd00::1 may'],
    [{ service: only('203.0.113.0/25'), client: 'me' }, 'unknown', 'me is not an IP address'],
    [{ service: only('10.0.0.0/8', 'x'), client }, 'warn', 'what is no range: x'],
  ])
})

describe('10 affinity', () => {
  const sticky = service({ sessionAffinity: 'ClientIP' })
  finds('affinity', [
    [{}, 'ok', 'not asked for'],
    [{ service: sticky }, 'ok', 'for 10800 s after its last connection, each node for itself'],
    [
      { service: service({ sessionAffinity: 'ClientIP', ports: [{ port: 80 }, { port: 443 }] }) },
      'ok',
      'each node and each port for itself',
    ],
    [
      { service: sticky, forwarding: forwarding({ problems: ['sessionAffinity is not kept: too many'] }) },
      'warn',
      'too many',
    ],
  ])
})
