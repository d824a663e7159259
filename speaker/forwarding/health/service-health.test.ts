import { parsePrefix } from '#inet/prefix.ts'
import { describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { service, slice, testNode } from '../fixtures.ts'
import type { ProgrammedService } from '../follower.ts'
import { planService } from '../plan.ts'
import { bindFailureText, healthAddresses, healthCheckAnswer, healthCheckOf } from './service-health.ts'

const programmed = (made: Service, slices: readonly EndpointSlice[] = []): ProgrammedService => ({
  key: `ns/${made.name}`,
  service: made,
  slices,
  plan: planService(made, slices, testNode),
})

const local = {
  ingress: [{ ip: '1.2.3.4' }],
  external: 'Local' as const,
  healthCheckNodePort: 30_000,
}
const here = (address: string, state?: 'ready' | 'unready' | 'serving' | 'gone') => ({
  address,
  node: 'node-1',
  ...(state === undefined ? {} : { state }),
})

describe('who asks for a health check', () => {
  test('a load balancer with externalTrafficPolicy Local and a health check node port', () => {
    expect(healthCheckOf(programmed(service('s', local)), 'node-1')).toMatchObject({
      port: 30_000,
      localEndpoints: { 4: 0 },
    })
  })

  test.each([
    ['externalTrafficPolicy Cluster', { ...local, external: 'Cluster' as const }],
    ['type NodePort', { ...local, type: 'NodePort' as const, ingress: [] }],
    ['no port', { ...local, healthCheckNodePort: 0 }],
    ['what is no port', { ...local, healthCheckNodePort: 70_000 }],
    ['another proxy', { ...local, labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }],
  ])('not with %s', (_, text) => {
    expect(healthCheckOf(programmed(service('s', text)), 'node-1')).toBeUndefined()
  })
})

describe('local endpoints are', () => {
  const two = [
    { name: 'http', port: 80 },
    { name: 'https', port: 443 },
  ]
  const targets = [
    { name: 'http', port: 8080 },
    { name: 'https', port: 8443 },
  ]
  const made = service('s', { ...local, ports: two, clusterIPs: ['172.30.0.41', 'fd00:172:30::41'] })
  const count = (...slices: EndpointSlice[]) =>
    healthCheckOf(programmed(made, slices), 'node-1')?.localEndpoints[4]

  test('those of this node', () => {
    expect(
      count(slice('s', [here('10.0.0.1'), { address: '10.0.0.2', node: 'node-2' }, '10.0.0.3'], targets)),
    ).toBe(1)
  })

  test('ready, and do not terminate', () => {
    const states = (['ready', 'unready', 'serving', 'gone'] as const).map((state, index) =>
      here(`10.0.0.${index + 1}`, state),
    )
    expect(count(slice('s', states, targets))).toBe(1)
  })

  test('addresses, not ports', () => {
    expect(count(slice('s', [here('10.0.0.1')], targets))).toBe(1)
  })

  test('summed over slices, each once, and for each family apart', () => {
    const slices = [
      slice('s', [here('10.0.0.1')], targets, { name: 'a' }),
      slice('s', [here('10.0.0.1'), here('10.0.0.2')], targets, { name: 'b' }),
      slice('s', [here('fd00:10::1')], targets, { name: 'c' }),
    ]
    expect(healthCheckOf(programmed(made, slices), 'node-1')?.localEndpoints).toEqual({ 4: 2, 6: 1 })
  })

  test('not those of slices that belong to another proxy, nor of slices without a port', () => {
    const labels = { 'service.kubernetes.io/service-proxy-name': 'x' }
    expect(count(slice('s', [here('10.0.0.1')], targets, { labels }))).toBe(0)
    expect(count(slice('s', [here('10.0.0.1')], [{ name: 'http', port: 0 }]))).toBe(0)
  })
})

describe('the answer', () => {
  const check = (count: number, six?: number) => ({
    service: service('svc'),
    port: 30_000,
    localEndpoints: { 4: count, ...(six === undefined ? {} : { 6: six }) },
  })

  test('is that of kube-proxy, to the byte', () => {
    expect(healthCheckAnswer(check(2), true, 4)).toEqual({
      code: 200,
      headers: {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': '2',
      },
      body: [
        '{',
        '\t"service": {',
        '\t\t"namespace": "ns",',
        '\t\t"name": "svc"',
        '\t},',
        '\t"localEndpoints": 2,',
        '\t"serviceProxyHealthy": true',
        '}',
      ].join('\n'),
    })
  })

  test.each([
    [0, true, 503],
    [1, true, 200],
    [1, false, 503],
    [0, false, 503],
  ])('with %i endpoints and a proxy that is healthy: %s is %i', (count, healthy, code) => {
    const answer = healthCheckAnswer(check(count), healthy, 4)
    expect(answer.code).toBe(code)
    expect(JSON.parse(answer.body)).toMatchObject({ localEndpoints: count, serviceProxyHealthy: healthy })
  })

  test('is about the family that was asked, or the only one there is', () => {
    expect(healthCheckAnswer(check(1, 0), true, 4).code).toBe(200)
    expect(healthCheckAnswer(check(1, 0), true, 6).code).toBe(503)
    expect(healthCheckAnswer(check(1), true, 6).code).toBe(200)
  })

  test('of a Service that is just going away is empty', () => {
    expect(healthCheckAnswer(undefined, true, 4)).toEqual({ code: 200, body: '' })
  })
})

test('a port that cannot be opened is told in the words of kube-proxy', () => {
  expect(bindFailureText('node-1', 'ns/s', 30_000, 'taken')).toBe(
    'node node-1 failed to start healthcheck "ns/s" on port 30000: taken',
  )
})

describe('where health check node ports are open', () => {
  const node = {
    internalIPs: ['192.168.0.2', '192.168.0.3', 'fd00::2'],
    localAddresses: ['127.0.0.1', '::1', '192.168.0.2', '10.9.0.2', 'fd00::2', 'fe80::2'],
  }
  const at = (...ranges: string[]) => healthAddresses({ nodePortAddresses: ranges.map(parsePrefix) }, node)

  test('everywhere with all addresses, and when no address is in the ranges', () => {
    expect(at('0.0.0.0/0', '::/0')).toEqual([])
    expect(at('0.0.0.0/0')).toEqual([])
    expect(at('203.0.113.0/24', 'fd00:1::/64')).toEqual([])
  })

  test('at the primary address of each family, where NodePorts are', () => {
    expect(healthAddresses({ nodePortAddresses: 'primary' }, node)).toEqual(['192.168.0.2', 'fd00::2'])
    const elsewhere = { ...node, internalIPs: ['203.0.113.9'] }
    expect(healthAddresses({ nodePortAddresses: 'primary' }, elsewhere)).toEqual([])
  })

  test('at the addresses in the ranges, and at all of a family that has none', () => {
    expect(at('192.168.0.0/16', 'fd00::/64')).toEqual(['192.168.0.2', 'fd00::2'])
    expect(at('192.168.0.0/16')).toEqual(['192.168.0.2', 'fd00::2'])
    expect(at('192.168.0.0/16', '::/0')).toEqual(['192.168.0.2', 'fd00::2'])
    expect(at('fd00::/64')).toEqual(['192.168.0.2', '10.9.0.2', 'fd00::2'])
  })
})
