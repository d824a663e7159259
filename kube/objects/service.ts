import type { KubeObject } from '../api.ts'
import { keepEqual, listOf, recordOf, sharedList, sharedRecord, sharedText } from './shared.ts'
import { foreignStatusManager } from './status-manager.ts'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export interface ServicePort {
  /** '' when the Service has one unnamed port */
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  /** 0 when none is allocated */
  readonly nodePort: number
}

export interface LoadBalancerIngress {
  readonly ip?: string
  readonly hostname?: string
  /** absent means VIP */
  readonly ipMode?: string
}

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

/** What Fairlead keeps of a Service; everything else is dropped on arrival to keep memory small. */
export interface Service {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  /** [] when none; 'None' stays in the list for headless Services */
  readonly clusterIPs: readonly string[]
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[]
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'
  readonly externalIPs: readonly string[]
  readonly ports: readonly ServicePort[]
  readonly selector: Readonly<Record<string, string>>
  readonly loadBalancerIP: string
  /** undefined when absent: no class was asked for */
  readonly loadBalancerClass?: string
  readonly loadBalancerSourceRanges: readonly string[]
  readonly externalTrafficPolicy: 'Cluster' | 'Local'
  readonly internalTrafficPolicy: 'Cluster' | 'Local'
  readonly healthCheckNodePort: number
  readonly sessionAffinity: 'None' | 'ClientIP'
  /** seconds; 10800 when absent */
  readonly sessionAffinityTimeout: number
  readonly ingress: readonly LoadBalancerIngress[]
  readonly conditions: readonly Condition[]
  /** who wrote status.loadBalancer last, when that was somebody else than Fairlead */
  readonly statusManager?: string
}

interface RawService extends KubeObject {
  spec?: {
    type?: Service['type']
    clusterIP?: string
    clusterIPs?: string[]
    ipFamilies?: ('IPv4' | 'IPv6')[]
    ipFamilyPolicy?: Service['ipFamilyPolicy']
    externalIPs?: string[]
    ports?: { name?: string; protocol?: Protocol; port: number; nodePort?: number }[]
    selector?: Record<string, string>
    loadBalancerIP?: string
    loadBalancerClass?: string
    loadBalancerSourceRanges?: string[]
    externalTrafficPolicy?: Service['externalTrafficPolicy']
    internalTrafficPolicy?: Service['internalTrafficPolicy']
    healthCheckNodePort?: number
    sessionAffinity?: Service['sessionAffinity']
    sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  }
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] }
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Ten thousand Services have the same few types, reasons and times of transition. */
const sharedCondition = (condition: Condition): Condition => ({
  ...condition,
  type: sharedText(condition.type),
  reason: sharedText(condition.reason),
  message: sharedMessage(condition.message),
  lastTransitionTime: sharedText(condition.lastTransitionTime),
})

/** Messages without a number are likely to be those of others, too. */
const sharedMessage = (message: string): string => (/\d/.test(message) ? message : sharedText(message))

/** The most common ports, where none of a node is allocated: those are different in each Service. */
const PORTS = 512
const knownPorts = new Map<string, readonly ServicePort[]>()

function sharedPorts(ports: readonly ServicePort[]): readonly ServicePort[] {
  const [only] = ports
  if (ports.length !== 1 || only.nodePort !== 0) return listOf(ports)
  const text = `${only.name}:${only.port}/${only.protocol}`
  const found = knownPorts.get(text)
  if (found !== undefined) return found
  if (knownPorts.size >= PORTS) knownPorts.clear()
  knownPorts.set(text, ports)
  return ports
}

/** Projects a Service on arrival (reflector.ts): defaults filled in, what nobody reads dropped. */
export function projectService(object: KubeObject): Service {
  const { metadata, spec = {}, status = {} } = object as RawService
  const { [LAST_APPLIED]: _dropped, ...annotations } = metadata.annotations ?? {}
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
  // Absent properties are put in afterwards: an object made in one piece takes two thirds of the memory.
  const service: { -readonly [Name in keyof Service]: Service[Name] } = {
    namespace: sharedText(metadata.namespace ?? ''),
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    generation: metadata.generation ?? 0,
    creationTimestamp: sharedText(metadata.creationTimestamp ?? ''),
    labels: recordOf(metadata.labels),
    annotations: sharedRecord(annotations),
    type: sharedText(spec.type ?? 'ClusterIP'),
    clusterIPs: listOf(clusterIPs.includes('') ? clusterIPs.filter((ip) => ip !== '') : clusterIPs),
    ipFamilies: sharedList(spec.ipFamilies),
    ipFamilyPolicy: sharedText(spec.ipFamilyPolicy ?? 'SingleStack'),
    externalIPs: listOf(spec.externalIPs),
    ports: sharedPorts(
      (spec.ports ?? []).map((port) => ({
        name: port.name ?? '',
        protocol: port.protocol ?? 'TCP',
        port: port.port,
        nodePort: port.nodePort ?? 0,
      })),
    ),
    selector: recordOf(spec.selector),
    loadBalancerIP: spec.loadBalancerIP ?? '',
    loadBalancerSourceRanges: listOf(spec.loadBalancerSourceRanges),
    externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    healthCheckNodePort: spec.healthCheckNodePort ?? 0,
    sessionAffinity: spec.sessionAffinity ?? 'None',
    sessionAffinityTimeout: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800,
    ingress: listOf(status.loadBalancer?.ingress),
    conditions: listOf(status.conditions?.map(sharedCondition)),
  }
  if (metadata.deletionTimestamp !== undefined) service.deletionTimestamp = metadata.deletionTimestamp
  if (spec.loadBalancerClass !== undefined) service.loadBalancerClass = spec.loadBalancerClass
  const manager = foreignStatusManager(metadata.managedFields)
  if (manager !== '') service.statusManager = manager
  return service
}

/** As `projectService`; what has not changed since the version before is kept once. */
export function projectNextService(object: KubeObject, previous: Service | undefined): Service {
  const service = projectService(object)
  if (previous === undefined) return service
  const next: { -readonly [Name in keyof Service]: Service[Name] } = service
  next.name = keepEqual(next.name, previous.name)
  next.uid = keepEqual(next.uid, previous.uid)
  next.labels = keepEqual(next.labels, previous.labels)
  next.annotations = keepEqual(next.annotations, previous.annotations)
  next.clusterIPs = keepEqual(next.clusterIPs, previous.clusterIPs)
  next.externalIPs = keepEqual(next.externalIPs, previous.externalIPs)
  next.ports = keepEqual(next.ports, previous.ports)
  next.selector = keepEqual(next.selector, previous.selector)
  next.ingress = keepEqual(next.ingress, previous.ingress)
  next.conditions = keepEqual(next.conditions, previous.conditions)
  return next
}
