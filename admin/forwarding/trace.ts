import { formatAddress, parseAddress, tryParseAddress } from '#inet/address.ts'
import { parsePrefix, prefixContains } from '#inet/prefix.ts'
import { tuple, type Elements } from '#speaker/forwarding/model.ts'
import { trace, type TracePacket, type TraceResult } from '#speaker/forwarding/trace.ts'
import { loopback } from '#speaker/forwarding/localhost/local-ports.ts'
import type { ForwardingView, FrontendView } from '#speaker/forwarding/view.ts'
import type { Service } from '#kube/objects/service.ts'
import { serviceKey } from '../documents.ts'
import { frontendWords, targetText } from './words.ts'
import type { TraceRequest } from './trace-query.ts'

/** What a packet would meet, for people. */
export interface TraceDocument {
  readonly from: string
  /** `10.96.0.1:80/tcp`, `10.96.0.1/icmp` */
  readonly to: string
  /** 'unknown': this process does not forward, or does not know yet what the kernel holds */
  readonly verdict: TraceResult['verdict'] | 'unknown'
  /** the verdict in a sentence */
  readonly reason: string
  /** `namespace/name` of the Service whose frontend this is, '' when it is none's */
  readonly service: string
  /** the frontend in words, '' when it is none's */
  readonly frontend: string
  /** `sees` is the source address that the endpoint gets to see */
  readonly endpoints: readonly { readonly endpoint: string; readonly masquerade: boolean }[]
  readonly steps: TraceResult['steps']
  /** why the answer may be out of date, '' when it is not */
  readonly note: string
}

/**
 * Follows a packet through what the kernel was last known to hold.
 * @param services to say whose address it is when no frontend matches
 */
export function traceDocument(
  request: TraceRequest,
  forwarding: ForwardingView,
  services: Iterable<Service>,
): TraceDocument {
  const to = targetText(request.to, request.port, request.protocol)
  const unknown = (reason: string): TraceDocument => ({
    from: request.from,
    to,
    verdict: 'unknown',
    reason,
    service: '',
    frontend: '',
    endpoints: [],
    steps: [],
    note: '',
  })
  if (!forwarding.forwarding) return unknown(`this node does not forward: ${forwarding.reason}`)
  const { node, detector } = forwarding.inspection
  if (node === undefined || forwarding.lastSync === 0) {
    const { lastError } = forwarding
    return unknown(`nothing is programmed yet${lastError === undefined ? '' : `: ${lastError.text}`}`)
  }
  const local = new Set(node.localAddresses)
  const isLocal = (address: string) => local.has(address) || isLoopback(address)
  const elements = forwarding.inspection.elements()
  const result = trace(elements, packetOf(request), isLocal, detector)
  const target = findTarget(request, forwarding, services, isLocal)
  return {
    from: request.from,
    to,
    verdict: result.verdict,
    reason: reasonOf(request, result, target, elements, forwarding.inspection.localhostNodePorts),
    service: target.service,
    frontend: target.frontend === undefined ? '' : frontendWords(target.frontend),
    endpoints: result.endpoints,
    steps: onceEach(result.steps),
    note: noteOf(forwarding, request),
  }
}

/** A rule that each of several endpoints meets is told once. */
const onceEach = (steps: TraceResult['steps']): TraceResult['steps'] => [
  ...new Map(steps.map((step) => [`${step.chain} ${step.rule}`, step])).values(),
]

const packetOf = ({ from, to, protocol, port, interface: by }: TraceRequest): TracePacket => ({
  source: from,
  destination: to,
  protocol,
  port,
  ...(by === '' ? {} : { interface: by }),
})

function noteOf({ synced, lastError, inspection }: ForwardingView, request: TraceRequest): string {
  if (lastError !== undefined) return `the kernel is behind the plan: ${lastError.text}`
  if (!synced) return 'a change is being programmed'
  const { by } = inspection.detector
  return (by === 'bridge' || by === 'interface-prefix') && request.interface === ''
    ? 'pods are told from others by the interface, and none was given'
    : ''
}

interface Target {
  /** '' when no Service is concerned */
  readonly service: string
  readonly frontend: FrontendView | undefined
  /** Services that have the address, whatever the port */
  readonly atAddress: readonly string[]
  /** the NodePort that was met, '' when it was none */
  readonly nodePort: boolean
}

function findTarget(
  { to, protocol, port }: TraceRequest,
  forwarding: ForwardingView,
  services: Iterable<Service>,
  isLocal: (address: string) => boolean,
): Target {
  const { family } = parseAddress(to)
  const { inspection } = forwarding
  const name = protocol.toLowerCase()
  const direct = inspection.holder(family, tuple(to, name, port))
  const byNodePort =
    direct === undefined && isLocal(to) ? inspection.holder(family, tuple(name, port)) : undefined
  const service = direct ?? byNodePort ?? ''
  const address = byNodePort === undefined ? to : '*'
  const frontend = forwarding
    .service(service)
    ?.frontends.find((one) => one.address === address && one.port === port && one.protocol === protocol)
  const atAddress = service === '' ? holdersOf(to, services) : []
  return { service: service || (atAddress[0] ?? ''), frontend, atAddress, nodePort: byNodePort !== undefined }
}

/** Services that have an address, in whichever way. */
function holdersOf(address: string, services: Iterable<Service>): string[] {
  const found: string[] = []
  const same = (text: string) => text === address || (text.includes(':') && canonical(text) === address)
  for (const service of services) {
    const { clusterIPs, externalIPs, ingress } = service
    if ([...clusterIPs, ...externalIPs, ...ingress.map(({ ip = '' }) => ip)].some(same))
      found.push(serviceKey(service))
  }
  return found
}

function canonical(text: string): string {
  const address = tryParseAddress(text)
  return address === undefined ? text : formatAddress(address)
}

function reasonOf(
  request: TraceRequest,
  result: TraceResult,
  target: Target,
  elements: Elements,
  localhostNodePorts: boolean,
): string {
  const { service } = target
  switch (result.verdict) {
    case 'forward': {
      const { length } = result.endpoints
      const goes = length === 1 ? 'it goes to the one endpoint' : `it goes to one of ${length} endpoints`
      const { affinity } = result
      return affinity === undefined ? goes : `${goes}, and a client keeps its own for ${affinity} s`
    }
    case 'answer':
      return 'this node answers the ping itself'
    case 'untouched':
      return untouched(request, target, localhostNodePorts)
    case 'reject':
    case 'drop':
      return stopped(request, result, target, elements) ?? lastStep(result)
    default:
      return service
  }
}

function untouched({ to, protocol, port }: TraceRequest, target: Target, localhost: boolean): string {
  const { service, frontend, nodePort, atAddress } = target
  if (nodePort && localhost && to === loopback[parseAddress(to).family]) return atLoopback(protocol, target)
  if (nodePort) return `NodePorts are not accepted at ${to} (--nodeport-addresses)`
  if (atAddress.length === 0 && service === '') return 'no Service has this address and port'
  if (frontend !== undefined) return notYet(service)
  if (protocol === 'ICMP') return `${to} belongs to ${service}, for which this node does not answer ping`
  return `${service} has this address, but not port ${port}/${protocol.toLowerCase()}`
}

/** No rule of the kernel's is concerned. */
function atLoopback(protocol: TraceRequest['protocol'], { service, frontend }: Target): string {
  if (protocol !== 'TCP') return 'at localhost only TCP NodePorts are accepted (--nodeport-addresses)'
  return frontend?.verdict === 'reject'
    ? `${service} has no usable endpoint on any node, so its NodePort is not open at localhost`
    : 'the proxy in this speaker takes it (--nodeport-addresses localhost) and connects to an endpoint on any node'
}

/** undefined: by a rule that is not about endpoints, ranges or addresses */
function stopped(
  { from, to, protocol, port }: TraceRequest,
  { steps }: TraceResult,
  { service, frontend, nodePort }: Target,
  elements: Elements,
): string | undefined {
  const held = elements[parseAddress(to).family]
  const name = protocol.toLowerCase()
  const key = nodePort ? tuple(name, port) : tuple(to, name, port)
  if (steps.some(({ chain }) => chain === 'sources-check')) {
    return `loadBalancerSourceRanges of ${service} do not admit ${from}`
  }
  if (held[nodePort ? 'nodeport-reject' : 'reject-frontends'].has(key)) {
    return `${service} has no usable endpoint on any node`
  }
  if (held[nodePort ? 'nodeport-drop' : 'drop-frontends'].has(key)) {
    const policy = frontend?.kind === 'ClusterIP' ? 'internalTrafficPolicy' : 'externalTrafficPolicy'
    return `${policy} is Local and ${service} has no usable endpoint on this node, only on others`
  }
  if (held['cluster-ips'].has(to) && frontend === undefined) {
    return `${to} is a ClusterIP of ${service}, which has no port ${port}/${name}`
  }
  if (service === '') return `${to} lies in a range of ClusterIPs, and no Service has it`
  return held[nodePort ? 'nodeports' : 'frontends'].has(key) ? undefined : notYet(service)
}

const notYet = (service: string): string => `${service} wants it, and the kernel does not have it yet`

const lastStep = ({ steps }: TraceResult): string => steps.at(-1)?.text ?? ''

const loopbackRanges = [parsePrefix('127.0.0.0/8'), parsePrefix('::1/128')]

const isLoopback = (text: string): boolean => {
  const address = parseAddress(text)
  return loopbackRanges.some((prefix) => prefixContains(prefix, address))
}
