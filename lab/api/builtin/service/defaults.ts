import { equalJson } from '../../json.ts'
import type { ApiObject } from '../../object.ts'
import {
  asService,
  hasNodePorts,
  isExternallyAccessible,
  needsClusterIP,
  needsHealthCheck,
  needsNodePort,
  type ServiceObject,
} from './service.ts'

/** Static defaults of a Service (pkg/apis/core/v1 SetDefaults_Service); zero values count as absent. */
export function setServiceDefaults(object: ApiObject): void {
  const { spec, status } = asService(object)
  if (status !== undefined) status.loadBalancer ??= {}
  if (spec.clusterIP === '') delete spec.clusterIP
  if (spec.healthCheckNodePort === 0) delete spec.healthCheckNodePort
  spec.type ??= 'ClusterIP'
  spec.sessionAffinity ??= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig = {
      clientIP: { timeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 },
    }
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') {
      port.targetPort = port.port
    }
    if (port.nodePort === 0) delete port.nodePort
    if (port.name === '') delete port.name
  }
  if (isExternallyAccessible(asService(object))) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type !== 'LoadBalancer') return
  spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of status?.loadBalancer?.ingress ?? []) {
    if (ingress.ip) ingress.ipMode ??= 'VIP'
  }
}

/**
 * Removes what a change of type makes meaningless, unless the client changed it too (then validation objects):
 * the strategy's dropTypeDependentFields. Also empties the load balancer's status.
 */
export function dropTypeDependentFields(service: ServiceObject, old: ServiceObject): void {
  const { spec } = service
  const before = old.spec
  if (needsClusterIP(old) && !needsClusterIP(service)) {
    const same = spec.clusterIP === before.clusterIP && equalJson(spec.clusterIPs, before.clusterIPs)
    if (same) {
      delete spec.clusterIP
      delete spec.clusterIPs
    }
    if (equalJson(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies
    if (spec.internalTrafficPolicy === before.internalTrafficPolicy) delete spec.internalTrafficPolicy
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy
  }
  if (needsNodePort(old) && !needsNodePort(service) && sameNodePorts(service, old)) {
    for (const port of spec.ports ?? []) delete port.nodePort
  }
  if (needsHealthCheck(old) && !needsHealthCheck(service)) {
    if (spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort
  }
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts
    }
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(service)) {
    if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy
  }
  if (spec.type !== 'LoadBalancer' && service.status?.loadBalancer?.ingress !== undefined) {
    service.status = { ...service.status, loadBalancer: {} }
  }
}

function sameNodePorts(a: ServiceObject, b: ServiceObject): boolean {
  const ports = ({ spec }: ServiceObject) => new Set((spec.ports ?? []).map((port) => port.nodePort ?? 0))
  const [x, y] = [ports(a), ports(b)]
  return x.size === y.size && [...x].every((one) => y.has(one))
}

/** Carries allocated values over that the client did not repeat: the storage's patchAllocatedValues. */
export function keepAllocatedValues(service: ServiceObject, old: ServiceObject): void {
  const { spec } = service
  const before = old.spec
  if (needsClusterIP(old) && needsClusterIP(service)) {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP
    if (!spec.clusterIPs?.length && before.clusterIPs) spec.clusterIPs = [...before.clusterIPs]
  }
  if (hasNodePorts(old) && hasNodePorts(service) && needsNodePort(old) && needsNodePort(service)) {
    const used = (of: ServiceObject) => new Set((of.spec.ports ?? []).map((port) => port.nodePort ?? 0))
    const [usedBefore, usedNow] = [used(old), used(service)]
    const byName = new Map((before.ports ?? []).map((port) => [port.name ?? '', port.nodePort ?? 0]))
    for (const port of spec.ports ?? []) {
      const nodePort = byName.get(port.name ?? '') ?? 0
      const taken = usedBefore.has(nodePort) && usedNow.has(nodePort)
      if (!port.nodePort && nodePort !== 0 && !taken) port.nodePort = nodePort
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(service) && before.healthCheckNodePort) {
    spec.healthCheckNodePort ??= before.healthCheckNodePort
  }
}

/** Keeps `clusterIP` and `clusterIPs` in step when a client knows only one of them: normalizeClusterIPs. */
export function normalizeClusterIPs(service: ServiceObject, old: ServiceObject | undefined): void {
  const { spec } = service
  if (old === undefined) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
    return
  }
  const before = old.spec
  const sameList = equalJson(spec.clusterIPs ?? [], before.clusterIPs ?? [])
  if (spec.clusterIP === before.clusterIP) {
    if (before.clusterIPs?.length && !spec.clusterIPs?.length) spec.clusterIPs = [...before.clusterIPs]
  } else if (before.clusterIP && !spec.clusterIP) {
    if (sameList) delete spec.clusterIPs
  } else if (sameList && spec.clusterIP) {
    spec.clusterIPs = [spec.clusterIP]
  }
}
