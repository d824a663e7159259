import { compareAddresses, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import type { Service } from '#kube/objects/service.ts'
import { quoteAddresses, type AllocationRequest } from './allocator/request.ts'

/** Annotations of a Service that we read; each also with upstream's old prefix, the new one winning. */
const annotations = {
  addressPool: 'metallb.io/address-pool',
  loadBalancerIPs: 'metallb.io/loadBalancerIPs',
  allowSharedIp: 'metallb.io/allow-shared-ip',
} as const

/** The annotation that we write: the pool that the addresses are from. */
export const POOL_ANNOTATION = 'metallb.io/ip-allocated-from-pool'

const OLD_PREFIX = 'metallb.universe.tf/'

const oldName = (name: string): string => OLD_PREFIX + name.slice(name.indexOf('/') + 1)

/** The value of an annotation under its new or its old name, '' when absent. */
const annotation = ({ annotations: all }: Service, name: string): string =>
  all[name] ?? all[oldName(name)] ?? ''

/** The annotations with the old prefix that the Service has. */
export const deprecatedAnnotations = (service: Service): string[] =>
  Object.values(annotations)
    .map(oldName)
    .filter((name) => Object.hasOwn(service.annotations, name))

/** A Service about which nothing can be decided; `event` is upstream's reason and text for it, if it has one. */
export interface NotAllocatable {
  readonly reason: 'NoClusterIP' | 'DualStackImpossible'
  readonly message: string
  readonly event?: { readonly reason: string; readonly message: string }
}

export interface ServiceRequest {
  readonly request: AllocationRequest
  /** why the requested addresses cannot be read, '' when they can or there are none */
  readonly invalid: string
}

/** What a Service of ours asks for. Pure. */
export function readRequest(service: Service): ServiceRequest | NotAllocatable {
  const families = clusterFamilies(service)
  if (typeof families === 'string') return notAllocatable(service, families)
  if (service.ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    const message = `Service requires dual stack but not enough clusterips [${service.clusterIPs.join(' ')}]`
    return { reason: 'DualStackImpossible', message, event: { reason: 'not enough clusterips', message } }
  }
  if (service.ipFamilyPolicy === 'SingleStack' && families.length > 1)
    return notAllocatable(service, 'a single-stack Service has cluster IPs of two families')
  const addresses = readAddresses(service)
  return {
    invalid: typeof addresses === 'string' ? addresses : '',
    request: {
      namespace: service.namespace,
      labels: service.labels,
      families,
      preferDual: service.ipFamilyPolicy === 'PreferDualStack' && families.length > 1,
      primary: service.ipFamilies[0] === 'IPv6' ? 6 : 4,
      pool: annotation(service, annotations.addressPool).trim(),
      addresses: typeof addresses === 'string' ? [] : addresses,
      claim: {
        sharingKey: annotation(service, annotations.allowSharedIp),
        backendKey: service.externalTrafficPolicy === 'Local' ? selectorText(service.selector) : '',
        ports: service.ports.map(({ protocol, port }) => `${protocol}/${port}`),
      },
    },
  }
}

/** [4], [6] or [4, 6]; a text says why there are none. */
function clusterFamilies(service: Service): Family[] | string {
  const { clusterIPs } = service
  if (clusterIPs.length === 0) return ''
  const addresses = clusterIPs.map((ip) => tryParseAddress(ip))
  const wrong = addresses.indexOf(undefined)
  if (wrong >= 0) return `invalid clusterIP ${JSON.stringify(clusterIPs[wrong])}`
  const families = (addresses as Address[]).map(({ family }) => family).sort((a, b) => a - b)
  if (families.length > 2 || families[0] === families[1])
    return `[${clusterIPs.join(' ')}] has the same family twice`
  return families
}

function notAllocatable(service: Service, why: string): NotAllocatable {
  if (why === '') return { reason: 'NoClusterIP', message: 'the Service has no cluster IP yet' }
  const message = `Failed to retrieve clusterIPs IPFamily for "${service.namespace}/${service.name}": ${why}`
  return { reason: 'NoClusterIP', message, event: { reason: 'noclusterIPsIPFamily', message } }
}

/** The addresses that the Service asks for, IPv4 first; a text says what is wrong with them. */
function readAddresses(service: Service): Address[] | string {
  const listed = annotation(service, annotations.loadBalancerIPs)
  if (listed !== '' && service.loadBalancerIP !== '')
    return `service can not have both ${annotations.loadBalancerIPs} and svc.Spec.LoadBalancerIP`
  const text = listed === '' ? service.loadBalancerIP : listed
  if (text === '') return []
  const addresses: Address[] = []
  for (const part of text.split(',').map((one) => one.trim())) {
    const address = tryParseAddress(part)
    if (address === undefined) return `invalid IP address ${JSON.stringify(part)}`
    addresses.push(address)
  }
  if (addresses.length > 2) return `more than two addresses ${quoteAddresses(addresses)}`
  if (addresses.length === 2 && addresses[0].family === addresses[1].family)
    return `${quoteAddresses(addresses)} has the same family`
  return addresses.sort(compareAddresses)
}

/** As labels.Set prints itself: `a=1,b=2`. */
const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.keys(selector)
    .sort()
    .map((key) => `${key}=${selector[key]}`)
    .join(',')
