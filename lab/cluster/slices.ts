import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { KubeObject } from '#kube/api.ts'
import { isPodFinished, isPodReady, labResources, ownedBy, type Pod } from './objects.ts'

/** What of a Service decides its slices. */
export interface SlicedService extends KubeObject {
  readonly spec: {
    readonly type?: string
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[]
    readonly selector?: Readonly<Record<string, string>>
    readonly publishNotReadyAddresses?: boolean
    readonly trafficDistribution?: string
    readonly ports?: readonly {
      readonly name?: string
      readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
      readonly port: number
      readonly targetPort?: number | string
      readonly appProtocol?: string
    }[]
  }
}

export interface SliceObject extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6'
  readonly ports: readonly ResolvedPort[]
  readonly endpoints: readonly Endpoint[]
}

interface ResolvedPort {
  readonly name: string
  readonly protocol: string
  readonly port: number
  readonly appProtocol?: string
}

interface Endpoint {
  readonly addresses: readonly [string]
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean }
  readonly nodeName?: string
  readonly zone?: string
  readonly hints?: {
    readonly forZones: readonly { name: string }[]
    readonly forNodes?: readonly { name: string }[]
  }
  readonly targetRef: {
    readonly kind: 'Pod'
    readonly namespace: string
    readonly name: string
    readonly uid: string
  }
}

export const MANAGED_BY = 'endpointslice-controller.k8s.io'
const MAX_ENDPOINTS = 100

export const selects = (selector: Readonly<Record<string, string>>, pod: Pod): boolean =>
  Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value)

/** Does the EndpointSlice controller look after this Service at all? */
export const hasSlices = (service: SlicedService): boolean =>
  service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0

/**
 * All slices of a Service: one for each address family, set of resolved ports and 100 endpoints. Names are derived
 * from these three, so that the same endpoints always stand in the same slices.
 *
 * @param pods those of the Service's namespace
 * @param zones topology zone by node name
 */
export function buildSlices(
  service: SlicedService,
  pods: Iterable<Pod>,
  zones: ReadonlyMap<string, string>,
): SliceObject[] {
  if (!hasSlices(service)) return []
  const matching = [...pods]
    .filter((pod) => !isPodFinished(pod) && selects(service.spec.selector ?? {}, pod))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  return familiesOf(service).flatMap((family) => {
    const groups = new Map<string, { ports: ResolvedPort[]; endpoints: Endpoint[] }>()
    for (const pod of matching) {
      const address = addressOf(pod, family)
      if (address === undefined) continue
      const ports = resolvePorts(service, pod)
      const key = JSON.stringify(ports)
      const group = groups.get(key) ?? { ports, endpoints: [] }
      groups.set(key, group)
      group.endpoints.push(endpointOf(service, pod, address, zones))
    }
    // A Service without endpoints has one empty slice, as upstream: its consumers learn that there are none.
    if (groups.size === 0) return [sliceOf(service, family, [], [], 0)]
    return [...groups.values()].flatMap(({ ports, endpoints }) =>
      chunks(endpoints).map((chunk, at) => sliceOf(service, family, ports, chunk, at)),
    )
  })
}

const familiesOf = (service: SlicedService): readonly ('IPv4' | 'IPv6')[] =>
  service.spec.ipFamilies ??
  (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']).map((ip) => (isIPv6(ip) ? 'IPv6' : 'IPv4'))

const addressOf = (pod: Pod, family: 'IPv4' | 'IPv6'): string | undefined =>
  (pod.status?.podIPs ?? []).map((one) => one.ip).find((ip) => isIPv6(ip) === (family === 'IPv6'))

function resolvePorts(service: SlicedService, pod: Pod): ResolvedPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? 'TCP'
    const target = port.targetPort ?? port.port
    const number = typeof target === 'number' ? target : namedPort(pod, target, protocol)
    if (number === undefined) return []
    const { appProtocol } = port
    return [{ name: port.name ?? '', protocol, port: number, ...(appProtocol ? { appProtocol } : {}) }]
  })
}

const namedPort = (pod: Pod, name: string, protocol: string): number | undefined =>
  pod.spec.containers
    .flatMap((container) => container.ports ?? [])
    .find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort

function endpointOf(
  service: SlicedService,
  pod: Pod,
  address: string,
  zones: ReadonlyMap<string, string>,
): Endpoint {
  const serving = isPodReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const node = pod.spec.nodeName
  const zone = node === undefined ? undefined : zones.get(node)
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(node === undefined ? {} : { nodeName: node }),
    ...(zone === undefined ? {} : { zone }),
    ...hintsOf(service, node, zone),
    targetRef: {
      kind: 'Pod',
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      uid: pod.metadata.uid ?? '',
    },
  }
}

/** trafficDistribution (KEP-4444, KEP-3015): each endpoint is for its own zone, or for its own node. */
function hintsOf(
  service: SlicedService,
  node: string | undefined,
  zone: string | undefined,
): Pick<Endpoint, 'hints'> {
  const wanted = service.spec.trafficDistribution
  if (wanted === undefined || zone === undefined) return {}
  const forZones = [{ name: zone }]
  if (wanted === 'PreferSameNode' && node !== undefined)
    return { hints: { forZones, forNodes: [{ name: node }] } }
  return wanted === 'PreferClose' || wanted === 'PreferSameZone' ? { hints: { forZones } } : {}
}

function chunks(endpoints: readonly Endpoint[]): (readonly Endpoint[])[] {
  const count = Math.ceil(endpoints.length / MAX_ENDPOINTS)
  return Array.from({ length: count }, (_, at) =>
    endpoints.slice(at * MAX_ENDPOINTS, (at + 1) * MAX_ENDPOINTS),
  )
}

function sliceOf(
  service: SlicedService,
  addressType: 'IPv4' | 'IPv6',
  ports: readonly ResolvedPort[],
  endpoints: readonly Endpoint[],
  at: number,
): SliceObject {
  const { name, namespace } = service.metadata
  const headless = service.spec.clusterIP === 'None' || service.spec.clusterIPs?.[0] === 'None'
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${suffix(`${addressType} ${JSON.stringify(ports)} ${at}`)}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...service.metadata.labels,
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': MANAGED_BY,
        ...(headless ? { 'service.kubernetes.io/headless': '' } : {}),
      },
      ownerReferences: ownedBy(labResources.services, service),
    },
    addressType,
    ports,
    endpoints,
  }
}

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

/** Short, safe in names, and without vowels so that it spells nothing. */
export function suffix(text: string, length = 5): string {
  const digest = createHash('sha256').update(text).digest()
  return Array.from(digest.subarray(0, length), (octet) => LETTERS[octet % LETTERS.length]).join('')
}
