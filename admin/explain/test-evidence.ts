import type { ServiceView } from '#controller/view.ts'
import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { projectService, type Condition } from '#kube/objects/service.ts'
import type { FrontendView } from '#speaker/forwarding/view.ts'
import type { Evidence, ForwardingEvidence, PoolEvidence } from './evidence.ts'
import { explain } from './explain.ts'

/** For tests: evidence of a Service that works, to be spoilt. */

export const announced = (status: Condition['status'], reason: string, message: string): Condition => ({
  type: 'fairlead.io/Announced',
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

export const service = (spec: Record<string, unknown> = {}, annotations: Record<string, string> = {}) =>
  projectService({
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.9',
      ports: [{ port: 80 }],
      selector: { app: 'web' },
      ...spec,
    },
    status: { conditions: [announced('True', 'Announced', 'announced by node1 (layer2)')] },
  } as Parameters<typeof projectService>[0])

export const production: PoolEvidence = {
  name: 'production',
  ranges: ['192.168.1.100-192.168.1.150'],
  families: [4],
  free: 50n,
}

export const assigned = (target = service(), more: Partial<ServiceView> = {}): ServiceView => ({
  service: target,
  ours: true,
  addresses: ['192.168.1.100'],
  pool: 'production',
  reason: 'Assigned',
  message: '',
  considered: [],
  ...more,
})

export const refused = (reason: string, message: string, considered: ServiceView['considered'] = []) =>
  assigned(service(), { addresses: [], pool: '', reason, message, considered })

export const ready: SliceEndpoint = {
  address: '10.244.1.2',
  ready: true,
  serving: true,
  terminating: false,
  nodeName: 'node1',
  zoneHints: [],
  nodeHints: [],
  pod: 'default/web-1',
}

export const slices = (...endpoints: SliceEndpoint[]): EndpointSlice[] => [
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

export const frontend = (kind: FrontendView['kind'], more: Partial<FrontendView> = {}): FrontendView => ({
  kind,
  address: kind === 'ClusterIP' ? '10.96.0.9' : '192.168.1.100',
  protocol: 'TCP',
  port: 80,
  verdict: 'forward',
  endpoints: ['10.244.1.2:80'],
  ...more,
})

export const forwarding = (more: Partial<ForwardingEvidence> = {}): ForwardingEvidence => ({
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

export const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  key: 'default/web',
  service: service(),
  loadBalancerClass: '',
  allocation: assigned(),
  pools: [production],
  slices: slices(ready),
  forwarding: forwarding(),
  ...more,
})

/** What one check finds. */
export const result = (id: string, more: Partial<Evidence>) =>
  explain(evidence(more)).checks.find((check) => check.id === id)
