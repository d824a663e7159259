import type { Family } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'
import { apiAddress, apiPrefix } from '#kube/api-address.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Protocol, Service, ServicePort } from '#kube/objects/service.ts'
import { tuple } from './model.ts'

/** Which Services and slices are ours to forward, and what they say for one address family. */

/** Present with any value: another proxy serves it. */
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'
/** Put on the slices of headless Services. */
const HEADLESS_LABEL = 'service.kubernetes.io/headless'

type Labels = Readonly<Record<string, string>>
const excluded = (labels: Labels): boolean => PROXY_NAME_LABEL in labels || HEADLESS_LABEL in labels

export type SkipReason = 'ExternalName' | 'headless' | 'other proxy' | 'headless label' | 'invalid' | ''

/** Why nothing is forwarded for a Service; '' when it is ours. */
export function skipReason(service: Service): SkipReason {
  if (PROXY_NAME_LABEL in service.labels) return 'other proxy'
  if (HEADLESS_LABEL in service.labels) return 'headless label'
  if (service.type === 'ExternalName') return 'ExternalName'
  const first = service.clusterIPs[0]
  return first === undefined || first === 'None' ? 'headless' : ''
}

/** What one Service says for one family. Addresses are canonical text. */
export interface ServiceAddresses {
  readonly family: Family
  readonly clusterIP: string
  readonly externalIPs: readonly string[]
  /** ingress addresses whose ipMode is VIP; an address of ipMode Proxy is served by somebody else */
  readonly loadBalancerIPs: readonly string[]
  /** undefined: everybody may come */
  readonly sourceRanges?: readonly Prefix[]
}

/** The families for which a Service has a ClusterIP; addresses of other families are silently ignored. */
export function addressesOf(service: Service): ServiceAddresses[] {
  const found: ServiceAddresses[] = []
  for (const family of [4, 6] as const) {
    const [clusterIP] = ofFamily(service.clusterIPs, family)
    if (clusterIP === undefined) continue
    const sourceRanges = rangesOf(service.loadBalancerSourceRanges, family)
    found.push({
      family,
      clusterIP,
      externalIPs: ofFamily(service.externalIPs, family),
      loadBalancerIPs: service.type === 'LoadBalancer' ? ofFamily(virtualIPs(service), family) : [],
      ...(sourceRanges === undefined ? {} : { sourceRanges }),
    })
  }
  return found
}

const virtualIPs = (service: Service): string[] =>
  service.ingress.flatMap(({ ip, ipMode }) => (ip !== undefined && (ipMode ?? 'VIP') === 'VIP' ? [ip] : []))

/** Canonical text of the addresses of a family, each once. */
function ofFamily(texts: readonly string[], family: Family): string[] {
  if (texts.length === 0) return []
  const found = new Set<string>()
  for (const text of texts) {
    const address = apiAddress(text, family)
    if (address !== undefined) found.add(address)
  }
  return [...found]
}

function rangesOf(texts: readonly string[], family: Family): Prefix[] | undefined {
  const prefixes = texts.flatMap((text) => apiPrefix(text) ?? [])
  const ours = prefixes.filter((prefix) => prefix.address.family === family)
  return ours.length === 0 || ours.some((prefix) => prefix.length === 0) ? undefined : ours
}

/** An endpoint of a Service port, from whichever slice. */
export interface Endpoint {
  /** canonical text */
  readonly address: string
  readonly port: number
  /** as elements say it, `10.1.2.3 . 8080` */
  readonly text: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** on this node */
  readonly local: boolean
  readonly zoneHints: readonly string[]
  readonly nodeHints: readonly string[]
}

/**
 * The endpoints of one port in all slices, in the order of their addresses as text. The port number comes from the
 * slice, because a named target port may differ from Pod to Pod. An endpoint that is in two slices while it moves
 * counts once, as the better of its two states.
 */
export function endpointsOfPort(
  port: ServicePort,
  family: Family,
  slices: readonly EndpointSlice[],
  node: string,
): Endpoint[] {
  const addressType = family === 4 ? 'IPv4' : 'IPv6'
  const all: Endpoint[] = []
  for (const slice of slices) {
    if (slice.addressType !== addressType || excluded(slice.labels)) continue
    for (const one of endpointsOfSlice(slice, port, family, node)) all.push(one)
  }
  // What comes from the slices is sorted already, a slice at a time.
  all.sort(byText)
  let kept = 0
  for (const one of all) {
    if (kept === 0 || all[kept - 1].text !== one.text) all[kept++] = one
    else if (quality(one) > quality(all[kept - 1])) all[kept - 1] = one
  }
  all.length = kept
  return all
}

/** Slices are never changed but replaced, so what was read from a large one is read once. */
const read = new WeakMap<EndpointSlice, Map<string, readonly Endpoint[]>>()
const LARGE = 16

function endpointsOfSlice(
  slice: EndpointSlice,
  port: ServicePort,
  family: Family,
  node: string,
): readonly Endpoint[] {
  if (slice.endpoints.length < LARGE) return readSlice(slice, port, family, node)
  const ofSlice = read.get(slice) ?? new Map<string, readonly Endpoint[]>()
  read.set(slice, ofSlice)
  const name = `${port.protocol} ${port.name} ${node}`
  const known = ofSlice.get(name) ?? readSlice(slice, port, family, node)
  ofSlice.set(name, known)
  return known
}

function readSlice(slice: EndpointSlice, port: ServicePort, family: Family, node: string): Endpoint[] {
  const found: Endpoint[] = []
  for (const number of portNumbers(slice, port)) {
    for (const one of slice.endpoints) {
      const address = apiAddress(one.address, family)
      if (address === undefined) continue
      found.push({
        address,
        port: number,
        text: tuple(address, number),
        ready: one.ready,
        serving: one.serving,
        terminating: one.terminating,
        local: one.nodeName !== '' && one.nodeName === node,
        zoneHints: one.zoneHints,
        nodeHints: one.nodeHints,
      })
    }
  }
  return found.sort(byText)
}

const byText = (a: Endpoint, b: Endpoint): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)

/** The API server checks the ports of a Service, but not those of an EndpointSlice. */
export const isPort = (number: number): boolean => Number.isInteger(number) && number >= 1 && number <= 65_535

const portNumbers = (slice: EndpointSlice, port: { name: string; protocol: Protocol }): number[] =>
  slice.ports
    .filter((one) => isPort(one.port) && one.name === port.name && one.protocol === port.protocol)
    .map((one) => one.port)

/** What the objects of a Service name as ports and is none, in words; it is left out and the rest is forwarded. */
export function badPorts(service: Service, slices: readonly EndpointSlice[]): string[] {
  const found = new Set<string>()
  const look = (what: string, number: number) => {
    if (number !== 0 && !isPort(number)) found.add(`${what} ${number} is not a port and is left out`)
  }
  for (const { port, nodePort } of service.ports) {
    look('port', port)
    look('nodePort', nodePort)
  }
  for (const slice of slices) {
    if (excluded(slice.labels)) continue
    for (const { port } of slice.ports) look(`EndpointSlice ${slice.name}: port`, port)
  }
  return [...found]
}

const quality = (endpoint: Endpoint): number =>
  Number(endpoint.local) * 4 + Number(endpoint.ready) * 2 + Number(endpoint.serving)
