import { describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Evidence } from './evidence.ts'
import { checks, explain } from './explain.ts'
import {
  assigned,
  evidence,
  forwarding,
  production,
  ready,
  refused,
  result,
  service,
  slices,
} from './test-evidence.ts'

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

test('before the first lists nothing is known, whatever there is', () => {
  const found = explain(evidence({ synced: false, service: undefined }))
  expect(found).toMatchObject({ verdict: 'unknown', headline: expect.stringContaining('nothing is known') })
  expect(explain(evidence({ synced: true })).verdict).toBe('ok')
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

describe('a Service that gets no address from us', () => {
  const external = service({ type: 'ClusterIP', externalIPs: ['192.0.2.7'] })
  const elsewhere = service({ loadBalancerClass: 'other' })
  const none = (target: Service, reason: string) =>
    assigned(target, { ours: false, addresses: [], pool: '', reason })

  test.each(['condition', 'speaker'])(
    'external IPs that an older Service has (%s) are the headline',
    (by) => {
      const condition = {
        type: 'fairlead.io/FrontendsClaimed',
        status: 'False',
        reason: '',
        message: '192.0.2.7:80/tcp is a/b',
        lastTransitionTime: '',
      }
      const lost = by === 'speaker' ? external : ({ ...external, conditions: [condition] } as Service)
      const { headline, checks } = explain(
        evidence({
          service: lost,
          allocation: none(lost, 'NotLoadBalancer'),
          pools: [],
          forwarding: by === 'speaker' ? forwarding({ taken: ['192.0.2.7:80/tcp is a/b'] }) : undefined,
        }),
      )
      expect(headline).toBe('Does it have its addresses and ports to itself? 192.0.2.7:80/tcp is a/b.')
      expect(checks.slice(0, 4).map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok', 'ok'])
    },
  )

  test('of another class: that is all that is wrong, and nothing is said without evidence', () => {
    const { checks } = explain(evidence({ service: elsewhere, allocation: none(elsewhere, 'ClassNotOurs') }))
    expect(checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)).toEqual(['class'])
    expect(checks.slice(1, 4).map(({ verdict }) => verdict)).toEqual(['unknown', 'unknown', 'unknown'])
    const pool = result('pool', { allocation: refused('FamilyNotInPools', '') })
    expect(pool?.evidence).toBe('no address: FamilyNotInPools')
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
  const six = { ...production, ranges: ['fd00:192:168:1::/64'], families: [6] as const }
  test.each([
    ['FD00:192:168:1:0:0:0:104', ['fd00:192:168:1::104'], 'ok'],
    ['fd00:192:168:1::104', ['FD00:192:168:1:0:0:0:104'], 'ok'],
    ['fd00:192:168:1::105', ['fd00:192:168:1::104'], 'fail'],
  ])('%s of %j: addresses are compared, not their text', (text, addresses, verdict) => {
    const allocation = assigned(service(), { addresses, message: 'in use by default/other' })
    const found = result('requested-address', { service: asking(text), allocation, pools: [six] })
    expect(found?.verdict).toBe(verdict)
  })

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
  const three = ['default/a', 'default/b', 'default/c']
  const of = (
    addressType: EndpointSlice['addressType'],
    prefix: string,
    ...pods: string[]
  ): EndpointSlice => ({
    ...slices(...pods.map((pod, at) => ({ ...ready, pod, address: `${prefix}${at + 1}` })))[0],
    addressType,
  })
  test.each([
    [[of('IPv4', '10.0.0.', ...three), of('IPv6', 'fd00::', ...three)], 'ok', '3 ready (node1: 3)'],
    [
      [of('IPv4', '10.0.0.', ...three), of('IPv6', 'fd00::', 'default/a')],
      'ok',
      '3 ready (node1: 3); ready by IPv4: 3, IPv6: 1',
    ],
    [[of('IPv4', '10.0.0.', '', '')], 'ok', '2 ready (node1: 2)'],
    [[of('IPv4', '10.0.0.', ...three), of('FQDN', 'host', '')], 'ok', '3 ready (node1: 3)'],
    [[of('FQDN', 'host', '')], 'fail', 'addressType FQDN'],
  ] as const)('%#: pods are counted, and what can be forwarded to', (found, verdict, words) => {
    const check = result('endpoints', { slices: found })
    expect(check?.verdict).toBe(verdict)
    if (verdict === 'ok') expect(check?.evidence).toBe(words)
    else expect(check?.evidence).toContain(words)
  })

  const unready = { ...ready, ready: false, serving: false }
  test.each([
    [slices(ready, { ...unready, pod: 'default/web-2' }), 'ok', '1 ready (node1: 1), 1 not ready'],
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
