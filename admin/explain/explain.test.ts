import { describe, expect, test } from 'vitest'
import type { ServiceView } from '#controller/view.ts'
import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { projectService } from '#kube/objects/service.ts'
import type { Evidence, PoolEvidence } from './evidence.ts'
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

const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  key: 'default/web',
  service: service(),
  loadBalancerClass: '',
  allocation: assigned(),
  pools: [production],
  slices: slices(ready),
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

describe('5 endpoints', () => {
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
