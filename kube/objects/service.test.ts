import { expect, it } from 'vitest'
import { projectService } from './service.ts'

it('fills in the defaults of the API', () => {
  expect(projectService({ metadata: { name: 'web', namespace: 'shop' } })).toEqual({
    namespace: 'shop',
    name: 'web',
    uid: '',
    resourceVersion: '',
    generation: 0,
    creationTimestamp: '',
    labels: {},
    annotations: {},
    type: 'ClusterIP',
    clusterIPs: [],
    ipFamilies: [],
    ipFamilyPolicy: 'SingleStack',
    externalIPs: [],
    ports: [],
    selector: {},
    loadBalancerIP: '',
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    sessionAffinity: 'None',
    sessionAffinityTimeout: 10_800,
    ingress: [],
    conditions: [],
  })
})

it('keeps what is given and drops what nobody reads', () => {
  const metadata = {
    name: 'web',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    generation: 3,
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: '2026-01-02T00:00:00Z',
    labels: { a: 'b' },
    annotations: { keep: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{"long":true}' },
    managedFields: [{ manager: 'kubectl' }],
  }
  const spec = {
    type: 'LoadBalancer',
    clusterIPs: ['10.96.0.1', 'fd00::1'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'RequireDualStack',
    externalIPs: ['192.0.2.9'],
    ports: [{ port: 80 }, { name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_053 }],
    selector: { app: 'web' },
    loadBalancerIP: '192.0.2.1',
    loadBalancerClass: 'fairlead.io/fairlead',
    loadBalancerSourceRanges: ['198.51.100.0/24'],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
    healthCheckNodePort: 31_000,
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  }
  const ingress = [{ ip: '192.0.2.1', ipMode: 'VIP' }]
  const projected = projectService({ metadata, spec, status: { loadBalancer: { ingress } } } as never)
  const { sessionAffinityConfig: _config, ...rest } = spec
  expect(projected).toMatchObject({
    ...rest,
    deletionTimestamp: '2026-01-02T00:00:00Z',
    annotations: { keep: 'x' },
    ports: [
      { name: '', protocol: 'TCP', port: 80, nodePort: 0 },
      { name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_053 },
    ],
    sessionAffinityTimeout: 60,
    ingress,
  })
  expect(projected.annotations).toEqual({ keep: 'x' })
  expect(projected).not.toHaveProperty('managedFields')
})

const clusterIPs = (spec: object) => projectService({ metadata: { name: 'x' }, spec } as never).clusterIPs

it('reads clusterIP where clusterIPs is absent, and keeps None', () => {
  expect(clusterIPs({ clusterIP: '10.96.0.1' })).toEqual(['10.96.0.1'])
  expect(clusterIPs({ clusterIP: 'None', clusterIPs: ['None'] })).toEqual(['None'])
  expect(clusterIPs({ clusterIP: '', clusterIPs: [''] })).toEqual([])
})
