import type { ApiObject, StoredMeta } from '../../object.ts'

export type IpFamily = 'IPv4' | 'IPv6'

export interface ServicePort {
  name?: string
  protocol?: string
  port: number
  targetPort?: number | string
  nodePort?: number
  appProtocol?: string
}

/** The spec of a Service, as far as the server looks at it. */
export interface ServiceSpec {
  type?: string
  clusterIP?: string
  clusterIPs?: string[]
  ipFamilies?: IpFamily[]
  ipFamilyPolicy?: string
  ports?: ServicePort[]
  selector?: Record<string, string>
  externalIPs?: string[]
  externalName?: string
  externalTrafficPolicy?: string
  internalTrafficPolicy?: string
  trafficDistribution?: string
  sessionAffinity?: string
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } }
  healthCheckNodePort?: number
  allocateLoadBalancerNodePorts?: boolean
  loadBalancerClass?: string
  loadBalancerSourceRanges?: string[]
}

export interface LoadBalancerIngress {
  ip?: string
  hostname?: string
  ipMode?: string
}

export interface ServiceObject {
  readonly metadata: StoredMeta
  spec: ServiceSpec
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] } }
}

export const asService = (object: ApiObject): ServiceObject => {
  object.spec ??= {}
  return object as unknown as ServiceObject
}

export const needsClusterIP = ({ spec }: ServiceObject): boolean => spec.type !== 'ExternalName'

export const isHeadless = ({ spec }: ServiceObject): boolean =>
  spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None'

export const needsNodePort = ({ spec }: ServiceObject): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

/** May the Service have node ports, allocated or asked for? */
export const hasNodePorts = ({ spec }: ServiceObject): boolean =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer'

export const isExternallyAccessible = ({ spec }: ServiceObject): boolean =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)

export const needsHealthCheck = ({ spec }: ServiceObject): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
