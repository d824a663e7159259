import { tryParseAddress } from '#inet/address.ts'
import { cause, type Cause } from '../../status.ts'
import type { ApiObject } from '../../object.ts'
import {
  validateDnsLabel,
  validateDnsSubdomain,
  validateLabels,
  validateQualifiedName,
} from '../../rest/names.ts'
import {
  asService,
  isExternallyAccessible,
  isHeadless,
  needsHealthCheck,
  type LoadBalancerIngress,
  type ServiceObject,
} from './service.ts'
import { validateCIDR, validateIP, validateNonSpecialIP } from '../ip-rules.ts'
import { validateClusterIPs } from './validate-addresses.ts'
import { validateServiceChange } from './validate-change.ts'

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const PORT_RANGE = 'must be between 1 and 65535, inclusive'

/** validateService and, with an old object, ValidateServiceUpdate of pkg/apis/core/validation. */
export function validateService(object: ApiObject, old: ApiObject | undefined): Cause[] {
  const service = asService(object)
  return [
    ...(old === undefined ? [] : validateServiceChange(service, asService(old))),
    ...validateType(service),
    ...validatePorts(service),
    ...validateLabels(service.spec.selector ?? {}, 'spec.selector'),
    ...validateAffinity(service),
    ...validateClusterIPs(service.spec),
    ...validateExternalIPs(service),
    ...validateLoadBalancerFields(service),
    ...validatePolicies(service),
  ]
}

function validateType(service: ServiceObject): Cause[] {
  const { spec } = service
  if (!TYPES.includes(spec.type!)) return [cause.unsupported('spec.type', spec.type, TYPES)]
  if (spec.type === 'ExternalName') return validateExternalName(service)
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(service)) {
    const why = `may not be set to 'None' for ${spec.type} services`
    return [cause.invalid('spec.clusterIPs[0]', 'None', why)]
  }
  return []
}

function validateExternalName({ spec }: ServiceObject): Cause[] {
  const causes: Cause[] = []
  const why = 'may not be set for ExternalName services'
  if ((spec.clusterIPs ?? []).length > 0 || spec.clusterIP)
    causes.push(cause.forbidden('spec.clusterIPs', why))
  if ((spec.ipFamilies ?? []).length > 0) causes.push(cause.forbidden('spec.ipFamilies', why))
  if (spec.ipFamilyPolicy !== undefined) causes.push(cause.forbidden('spec.ipFamilyPolicy', why))
  const name = (spec.externalName ?? '').replace(/\.$/, '')
  if (name === '') causes.push(cause.required('spec.externalName'))
  else causes.push(...validateDnsSubdomain(name, 'spec.externalName'))
  return causes
}

function validatePorts(service: ServiceObject): Cause[] {
  const { ports = [], type } = service.spec
  const causes: Cause[] = []
  if (ports.length === 0 && !isHeadless(service) && type !== 'ExternalName') {
    causes.push(cause.required('spec.ports'))
  }
  const names = new Set<string>()
  const frontends = new Set<string>()
  const nodePorts = new Set<string>()
  ports.forEach((port, i) => {
    const at = `spec.ports[${i}]`
    const { name = '', protocol = '', nodePort = 0 } = port
    if (name === '' && ports.length > 1) causes.push(cause.required(`${at}.name`))
    if (name !== '') {
      causes.push(...validateDnsLabel(name, `${at}.name`))
      if (names.has(name)) causes.push(cause.duplicate(`${at}.name`, name))
      names.add(name)
    }
    if (!isPort(port.port)) causes.push(cause.invalid(`${at}.port`, port.port ?? 0, PORT_RANGE))
    if (!PROTOCOLS.includes(protocol)) {
      causes.push(cause.unsupported(`${at}.protocol`, protocol, PROTOCOLS))
    }
    causes.push(...validateTargetPort(port.targetPort ?? 0, `${at}.targetPort`))
    if (port.appProtocol !== undefined) {
      causes.push(...validateQualifiedName(port.appProtocol, `${at}.appProtocol`))
    }
    if (nodePort !== 0) {
      if (type === 'ClusterIP') {
        causes.push(cause.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"))
      }
      const key = `${protocol}/${nodePort}`
      if (nodePorts.has(key)) causes.push(cause.duplicate(`${at}.nodePort`, nodePort))
      nodePorts.add(key)
    }
    const key = `${protocol}/${port.port}`
    if (frontends.has(key)) causes.push(cause.duplicate(at, frontendInGo(protocol, port.port)))
    frontends.add(key)
  })
  return causes
}

const isPort = (port: unknown): boolean =>
  Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535

/** The struct that is compared, as errors print it. */
const frontendInGo = (Protocol: string, Port: number): object => ({
  Name: '',
  Protocol,
  AppProtocol: null,
  Port,
  TargetPort: 0,
  NodePort: 0,
})

function validateTargetPort(port: number | string, path: string): Cause[] {
  if (typeof port === 'number') return isPort(port) ? [] : [cause.invalid(path, port, PORT_RANGE)]
  const valid = port.length <= 15 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(port) && /[a-z]/.test(port)
  return valid
    ? []
    : [cause.invalid(path, port, 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')]
}

function validateAffinity({ spec }: ServiceObject): Cause[] {
  const { sessionAffinity, sessionAffinityConfig } = spec
  if (sessionAffinity !== 'None' && sessionAffinity !== 'ClientIP') {
    return [cause.unsupported('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])]
  }
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (sessionAffinity === 'ClientIP' && (seconds === undefined || seconds <= 0 || seconds > 86_400)) {
    const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
    return [cause.invalid(field, seconds, 'must be greater than 0 and less than 86400')]
  }
  return []
}

const validateExternalIPs = ({ spec }: ServiceObject): Cause[] =>
  (spec.externalIPs ?? []).flatMap((address, i) => {
    const field = `spec.externalIPs[${i}]`
    const causes = validateIP(field, address)
    return causes.length > 0 ? causes : validateNonSpecialIP(field, address)
  })

function validateLoadBalancerFields({ spec }: ServiceObject): Cause[] {
  const causes: Cause[] = []
  const isLoadBalancer = spec.type === 'LoadBalancer'
  const only = "may only be used when `type` is 'LoadBalancer'"
  const { loadBalancerSourceRanges: ranges = [], loadBalancerClass } = spec
  if (ranges.length > 0 && !isLoadBalancer) {
    causes.push(cause.forbidden('spec.LoadBalancerSourceRanges', only))
  }
  ranges.forEach((range, i) => {
    causes.push(...validateCIDR(`spec.LoadBalancerSourceRanges[${i}]`, range.trim()))
  })
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    causes.push(cause.forbidden('spec.allocateLoadBalancerNodePorts', only))
  }
  if (loadBalancerClass !== undefined) {
    if (isLoadBalancer) causes.push(...validateQualifiedName(loadBalancerClass, 'spec.loadBalancerClass'))
    else causes.push(cause.forbidden('spec.loadBalancerClass', only))
  }
  return causes
}

function validatePolicies(service: ServiceObject): Cause[] {
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort, type } = service.spec
  const { trafficDistribution } = service.spec
  const causes: Cause[] = []
  const field = 'spec.externalTrafficPolicy'
  if (isExternallyAccessible(service)) {
    if (externalTrafficPolicy !== 'Cluster' && externalTrafficPolicy !== 'Local') {
      causes.push(cause.unsupported(field, externalTrafficPolicy, ['Cluster', 'Local']))
    }
  } else if (externalTrafficPolicy) {
    const why = 'may only be set for externally-accessible services'
    causes.push(cause.invalid(field, externalTrafficPolicy, why))
  }
  if (!needsHealthCheck(service) && healthCheckNodePort) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    causes.push(cause.invalid('spec.healthCheckNodePort', healthCheckNodePort, why))
  }
  if (type !== 'ExternalName' && internalTrafficPolicy !== 'Cluster' && internalTrafficPolicy !== 'Local') {
    causes.push(cause.unsupported('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']))
  }
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode']
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    causes.push(cause.unsupported('spec.trafficDistribution', trafficDistribution, distributions))
  }
  return causes
}

/** ValidateLoadBalancerStatus. */
export function validateServiceStatus(object: ApiObject): Cause[] {
  const { spec, status } = asService(object)
  const ingress = status?.loadBalancer?.ingress ?? []
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    const why = "may only be used when `spec.type` is 'LoadBalancer'"
    return [cause.forbidden('status.loadBalancer.ingress', why)]
  }
  return ingress.flatMap((one, i) => validateIngress(one, `status.loadBalancer.ingress[${i}]`))
}

function validateIngress({ ip, ipMode, hostname }: LoadBalancerIngress, path: string): Cause[] {
  const causes: Cause[] = []
  if (ip) causes.push(...validateIP(`${path}.ip`, ip))
  if (ipMode !== undefined && !ip) {
    causes.push(cause.forbidden(`${path}.ipMode`, 'may not be specified when `ip` is not set'))
  } else if (ipMode !== undefined && ipMode !== 'VIP' && ipMode !== 'Proxy') {
    causes.push(cause.unsupported(`${path}.ipMode`, ipMode, ['Proxy', 'VIP']))
  }
  if (hostname && tryParseAddress(hostname) !== undefined) {
    causes.push(cause.invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'))
  } else if (hostname) causes.push(...validateDnsSubdomain(hostname, `${path}.hostname`))
  return causes
}

/** GetWarningsForService, as far as fields are concerned that do nothing or will not much longer. */
export function serviceWarnings(object: ApiObject): string[] {
  const { spec } = asService(object)
  const { type, externalIPs = [], trafficDistribution, externalName } = spec
  const warnings: string[] = []
  if (type === 'ClusterIP' && spec.clusterIP === 'None') {
    if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services')
    if (spec.sessionAffinity !== 'None')
      warnings.push('spec.SessionAffinity is ignored for headless services')
  } else if (externalIPs.length > 0 && type !== 'ExternalName') {
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  }
  if (type === 'ExternalName' && externalIPs.length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  }
  if (type !== 'ExternalName' && externalName) {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  }
  if (trafficDistribution === 'PreferClose') {
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  }
  return warnings
}
