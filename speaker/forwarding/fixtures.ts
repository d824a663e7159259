import { parsePrefix } from '#inet/prefix.ts'
import { projectEndpointSlice, type EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'

/** Objects for tests, made from what a person would write in YAML. */

export const testNode: NodeContext = {
  name: 'node-1',
  internalIPs: ['192.168.0.2', 'fd00:aaaa::2'],
  labels: { 'topology.kubernetes.io/zone': 'zone-a' },
  localAddresses: ['127.0.0.1', '::1', '192.168.0.2', '192.168.1.2', 'fd00:aaaa::2'],
  podCIDRs: ['10.180.0.0/24', 'fd00:10:0:180::/64'],
  serviceCIDRs: ['172.30.0.0/16', 'fd00:172:30::/112'],
}

export const testConfig: ForwardingConfig = {
  mode: 'full',
  force: false,
  detector: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.0.0.0/8'), parsePrefix('fd00:10::/64')] },
  nodePortAddresses: 'primary',
  localhostNodePorts: false,
  masqueradeAll: false,
}

interface PortText {
  readonly name?: string
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
  readonly port: number
  readonly nodePort?: number
}

interface ServiceText {
  readonly namespace?: string
  readonly created?: string
  readonly labels?: Record<string, string>
  readonly type?: Service['type']
  readonly clusterIPs?: string[]
  readonly externalIPs?: string[]
  readonly ports?: PortText[]
  readonly ranges?: string[]
  readonly external?: 'Local' | 'Cluster'
  readonly internal?: 'Local' | 'Cluster'
  readonly ingress?: { ip?: string; hostname?: string; ipMode?: string }[]
  readonly annotations?: Record<string, string>
  /** seconds; asks for sessionAffinity ClientIP */
  readonly affinity?: number
  readonly healthCheckNodePort?: number
}

export const service = (name: string, text: ServiceText = {}): Service =>
  projectService({
    metadata: {
      name,
      namespace: text.namespace ?? 'ns',
      creationTimestamp: text.created ?? '2026-01-01T00:00:00Z',
      labels: text.labels ?? {},
      annotations: text.annotations ?? {},
    },
    spec: {
      type: text.type ?? (text.ingress ? 'LoadBalancer' : 'ClusterIP'),
      clusterIPs: text.clusterIPs ?? ['172.30.0.41'],
      externalIPs: text.externalIPs ?? [],
      ports: text.ports ?? [{ port: 80 }],
      loadBalancerSourceRanges: text.ranges ?? [],
      externalTrafficPolicy: text.external ?? 'Cluster',
      internalTrafficPolicy: text.internal ?? 'Cluster',
      healthCheckNodePort: text.healthCheckNodePort ?? 0,
      ...(text.affinity === undefined
        ? {}
        : {
            sessionAffinity: 'ClientIP',
            sessionAffinityConfig: { clientIP: { timeoutSeconds: text.affinity } },
          }),
    },
    status: { loadBalancer: { ingress: text.ingress ?? [] } },
  } as never)

interface EndpointText {
  readonly address: string
  readonly node?: string
  /** ready by default; 'serving' terminates and still answers, 'gone' terminates and does not */
  readonly state?: 'ready' | 'unready' | 'serving' | 'gone'
  readonly zones?: string[]
  readonly nodes?: string[]
}

const states = {
  ready: { ready: true, serving: true, terminating: false },
  unready: { ready: false, serving: false, terminating: false },
  serving: { ready: false, serving: true, terminating: true },
  gone: { ready: false, serving: false, terminating: true },
}

export const slice = (
  owner: string,
  endpoints: readonly (EndpointText | string)[],
  ports: readonly PortText[] = [{ port: 80 }],
  more: { name?: string; labels?: Record<string, string>; triggerTime?: string } = {},
): EndpointSlice => {
  const texts = endpoints.map((one) => (typeof one === 'string' ? { address: one } : one))
  return projectEndpointSlice({
    metadata: {
      name: more.name ?? `${owner}-abc`,
      namespace: 'ns',
      labels: { 'kubernetes.io/service-name': owner, ...more.labels },
      ...(more.triggerTime === undefined
        ? {}
        : { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': more.triggerTime } }),
    },
    addressType: texts.some(({ address }) => address.includes(':')) ? 'IPv6' : 'IPv4',
    ports,
    endpoints: texts.map(({ address, node, state, zones, nodes }: EndpointText) => ({
      addresses: [address],
      conditions: states[state ?? 'ready'],
      nodeName: node,
      hints: {
        forZones: zones?.map((name) => ({ name })),
        forNodes: nodes?.map((name) => ({ name })),
      },
    })),
  } as never)
}
