import { compareAddresses, tryParseAddress, type Address, type Family } from '#inet/address.ts'
import type { Service } from '#kube/objects/service.ts'
import { sharedList } from '#kube/objects/shared.ts'
import { quoteAddress } from './allocator/outcome.ts'
import { claimOf, type AllocationRequest } from './allocator/request.ts'

/** Annotations of a Service that we read; each also with upstream's old prefix, the new one winning. */
const annotations = {
  addressPool: 'metallb.io/address-pool',
  loadBalancerIPs: 'metallb.io/loadBalancerIPs',
  allowSharedIp: 'metallb.io/allow-shared-ip',
} as const

/** Names the AddressReservation, in the namespace of the Service, that keeps its addresses. */
export const RESERVE_ANNOTATION = 'fairlead.io/reserve'

/** The annotation that we write: the pools that the addresses are from, as `poolsText` has them. */
export const POOL_ANNOTATION = 'metallb.io/ip-allocated-from-pool'

const OLD_PREFIX = 'metallb.universe.tf/'

const oldName = (name: string): string => OLD_PREFIX + name.slice(name.indexOf('/') + 1)

/** The value of an annotation under its new or its old name, '' when absent. */
const annotation = ({ annotations: all }: Service, name: string): string =>
  all[name] ?? all[oldName(name)] ?? ''

const oldNames = Object.values(annotations).map(oldName)

/** The annotations with the old prefix that the Service has. */
export const deprecatedAnnotations = (service: Service): string[] =>
  oldNames.filter((name) => Object.hasOwn(service.annotations, name))

/** A Service about which nothing can be decided; `event` is upstream's reason and text for it, if it has one. */
export interface NotAllocatable {
  readonly reason: 'NoClusterIP' | 'DualStackImpossible'
  readonly message: string
  readonly event?: { readonly reason: string; readonly message: string }
}

export interface ServiceRequest {
  readonly request: AllocationRequest
  /** why what it asks for cannot be read, '' when it can */
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
  const reserve = (service.annotations[RESERVE_ANNOTATION] ?? '').trim()
  const nameless = reserve !== '' && !isObjectName(reserve)
  const wrong = nameless ? `invalid reservation name ${clipped(reserve)}` : ''
  return {
    invalid: typeof addresses === 'string' ? `invalid requested loadbalancer IPs: ${addresses}` : wrong,
    request: {
      namespace: service.namespace,
      labels: service.labels,
      families,
      preferDual: service.ipFamilyPolicy === 'PreferDualStack' && families.length > 1,
      primary: service.ipFamilies[0] === 'IPv6' ? 6 : 4,
      pool: annotation(service, annotations.addressPool).trim(),
      addresses: typeof addresses === 'string' ? [] : addresses,
      reservation: reserve === '' || nameless ? '' : `${service.namespace}/${reserve}`,
      claim: claimOf(
        annotation(service, annotations.allowSharedIp),
        service.externalTrafficPolicy === 'Local' ? selectorText(service.selector) : '',
        sharedList(service.ports.map(({ protocol, port }) => `${protocol}/${port}`)),
      ),
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
  const parts = text.split(',')
  for (const part of parts.slice(0, MOST_ADDRESSES + 1).map((one) => one.trim())) {
    const address = tryParseAddress(part)
    if (address === undefined) return `invalid IP address ${clipped(part)}`
    addresses.push(address)
  }
  const quoted = addresses.map(quoteAddress).join(' ')
  if (addresses.length > MOST_ADDRESSES) {
    const more = parts.length - addresses.length
    return `more than two addresses [${quoted}]${more > 0 ? ` and ${more} more` : ''}`
  }
  if (addresses.length === 2 && addresses[0].family === addresses[1].family)
    return `[${quoted}] has the same family`
  return addresses.sort(compareAddresses)
}

const MOST_ADDRESSES = 2
const LONGEST = 80

/** What people wrote, quoted; not all of it when it is long. */
const clipped = (text: string): string =>
  JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

/** RFC 1123 as Kubernetes names its objects. */
const isObjectName = (text: string): boolean =>
  text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)

/** As labels.Set prints itself: `a=1,b=2`. */
const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.keys(selector)
    .sort()
    .map((key) => `${key}=${selector[key]}`)
    .join(',')
