import { tryParseAddress, type Family } from '#inet/address.ts'
import { prefixContains, tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import { keyOf } from '#kube/api.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Protocol, Service, ServicePort } from '#kube/objects/service.ts'
import { BALANCE_ANNOTATION, balances, MAX_SLOTS, type Balance } from './balance.ts'
import type { NodeContext } from './config.ts'
import { tuple } from './model.ts'
import { chooseEndpoints, type Choice } from './endpoints.ts'
import { MAX_MEMBERS } from './register.ts'
import {
  addressesOf,
  badPorts,
  endpointsOfPort,
  isPort,
  skipReason,
  type Endpoint,
  type ServiceAddresses,
  type SkipReason,
} from './service-ports.ts'
import type { FrontendView } from './view.ts'

/** What meets a packet that no endpoint can take: nothing when some can. */
type NoEndpoints = '' | 'reject' | 'drop'

/** One address, protocol and port at which a Service can be reached. */
export interface Frontend {
  /** its key in the elements: `10.96.0.1 . tcp . 80`, or `tcp . 30080` for a NodePort */
  readonly key: string
  readonly kind: FrontendView['kind']
  readonly family: Family
  /** '' for NodePorts */
  readonly address: string
  readonly protocol: Protocol
  readonly port: number
  /** endpoints for everybody, or with `local` for pods and this node only */
  readonly endpoints: readonly Endpoint[]
  /** externalTrafficPolicy Local: the endpoints for everybody else */
  readonly local?: readonly Endpoint[]
  /** externalTrafficPolicy Cluster: the endpoint sees an address of this node instead of the client's */
  readonly masquerade: boolean
  readonly noEndpoints: NoEndpoints
  /** undefined: everybody may come */
  readonly sourceRanges?: readonly Prefix[]
  /** how a connection gets one of the endpoints; absent: at random */
  readonly balance?: Balance
  /** sessionAffinity ClientIP: a client comes back to the endpoint it had; absent: each connection chooses */
  readonly affinity?: FrontendAffinity
}

/** Frontends that name the same list send a client to the same endpoint. Names are unique within a Service. */
export interface FrontendAffinity {
  /** how long a client keeps its endpoint after its last connection */
  readonly seconds: number
  /** of `endpoints` */
  readonly list: string
  /** of `local` */
  readonly localList: string
}

export interface ServicePlan {
  readonly key: string
  /** for conflicts: the older Service keeps a frontend that two claim */
  readonly created: string
  readonly skipped: SkipReason
  /** what is wrong with the objects, in words */
  readonly problems: readonly string[]
  /** sessionAffinity ClientIP is asked for */
  readonly affinity: boolean
  readonly frontends: readonly Frontend[]
  readonly clusterIPs: readonly { readonly family: Family; readonly address: string }[]
  /** load balancer addresses that answer ping, as ClusterIPs do: this node does it for them */
  readonly pingable: readonly { readonly family: Family; readonly address: string }[]
}

/** The zone label that topology hints are about. */
export const ZONE_LABEL = 'topology.kubernetes.io/zone'

/** What this node should do for one Service. Pure: the same objects give the same plan. */
export function planService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeContext,
): ServicePlan {
  const skipped = skipReason(service)
  const affinity = service.sessionAffinity === 'ClientIP'
  const base = { key: keyOf(service), created: service.creationTimestamp, skipped, affinity }
  if (skipped !== '') return { ...base, problems: [], frontends: [], clusterIPs: [], pingable: [] }

  const frontends: Frontend[] = []
  const tooMany: string[] = []
  const clusterIPs: { family: Family; address: string }[] = []
  const pingable: { family: Family; address: string }[] = []
  for (const addresses of addressesOf(service)) {
    const { family, clusterIP, loadBalancerIPs } = addresses
    clusterIPs.push({ family, address: clusterIP })
    // External addresses are not in this list: they may belong to a machine that answers by itself.
    for (const address of loadBalancerIPs) {
      if (!node.localAddresses.includes(address)) pingable.push({ family, address })
    }
    for (const port of service.ports) {
      if (isPort(port.port)) frontends.push(...planPort(service, port, addresses, slices, node, tooMany))
    }
  }
  const problems = [...badPorts(service, slices), ...badBalance(service), ...tooMany]
  if (affinity && frontends.some((frontend) => frontend.affinity === undefined)) {
    problems.push(`sessionAffinity is not kept: more than ${MAX_MEMBERS} endpoints`)
  }
  const first = firstOfEach(frontends, problems)
  // Copies take the memory that they need; a list that grew by `push` takes that of seventeen.
  return {
    key: base.key,
    created: base.created,
    skipped,
    affinity,
    problems: problems.slice(),
    frontends: first,
    clusterIPs: clusterIPs.slice(),
    pingable: pingable.slice(),
  }
}

/** The API server refuses a port that is there twice; where it got in all the same the first one has it. */
function firstOfEach(frontends: readonly Frontend[], problems: string[]): Frontend[] {
  if (frontends.length < 2) return frontends.slice()
  const found = { 4: new Map<string, Frontend>(), 6: new Map<string, Frontend>() }
  for (const frontend of frontends) {
    const { key, family, address, protocol, port } = frontend
    if (!found[family].has(key)) found[family].set(key, frontend)
    else
      problems.push(
        `${address === '' ? 'nodePort' : 'port'} ${port}/${protocol} is there twice: the first one has it`,
      )
  }
  return [...found[4].values(), ...found[6].values()]
}

const balanceOf = (service: Service): Balance | undefined =>
  balances.find((one) => one === service.annotations[BALANCE_ANNOTATION])

function badBalance(service: Service): string[] {
  const text = service.annotations[BALANCE_ANNOTATION]
  if (text === undefined || balanceOf(service) !== undefined) return []
  return [`${BALANCE_ANNOTATION} "${text}" is none of ${balances.join(', ')}: random is used`]
}

function planPort(
  service: Service,
  port: ServicePort,
  addresses: ServiceAddresses,
  slices: readonly EndpointSlice[],
  node: NodeContext,
  problems: string[],
): Frontend[] {
  const { family, clusterIP, externalIPs, loadBalancerIPs } = addresses
  const externalLocal = service.externalTrafficPolicy === 'Local'
  const internalLocal = service.internalTrafficPolicy === 'Local'
  const external = isPort(port.nodePort) || externalIPs.length > 0 || loadBalancerIPs.length > 0
  const all = chooseEndpoints(
    endpointsOfPort(port, family, slices, node.name),
    { internalLocal, externalLocal, external },
    { node: node.name, zone: node.labels[ZONE_LABEL] ?? '' },
  )
  const choice = withinSlots(all)
  if (choice !== all) {
    const count = Math.max(all.cluster.length, all.local.length)
    problems.push(`port ${port.port} has ${count} endpoints: ${MAX_SLOTS} of them are used`)
  }
  const balance = balanceOf(service)
  const affinity = affinityOf(service, port, choice)
  const common = {
    family,
    protocol: port.protocol,
    ...(balance === undefined || balance === 'random' ? {} : { balance }),
  }
  const internal = internalLocal ? choice.local : choice.cluster
  const outside = {
    ...common,
    endpoints: choice.cluster,
    ...(externalLocal ? { local: choice.local } : {}),
    masquerade: !externalLocal,
    noEndpoints: verdict(externalLocal ? choice.local : choice.cluster, choice),
    ...(affinity === undefined ? {} : { affinity }),
  }
  const sourceRanges = allowedSources(addresses, node)
  const ranged = sourceRanges === undefined ? {} : { sourceRanges }

  const found = new Map<string, Frontend>()
  const protocol = port.protocol.toLowerCase()
  const add = (frontend: Omit<Frontend, 'key'>) => {
    const { address, kind } = frontend
    if (found.has(address)) return
    const key = kind === 'NodePort' ? tuple(protocol, frontend.port) : tuple(address, protocol, frontend.port)
    found.set(address, { ...frontend, key })
  }
  add({
    ...common,
    kind: 'ClusterIP',
    address: clusterIP,
    port: port.port,
    endpoints: internal,
    masquerade: false,
    noEndpoints: verdict(internal, choice),
    ...(affinity === undefined
      ? {}
      : { affinity: internalLocal ? { ...affinity, list: affinity.localList } : affinity }),
  })
  // Before external addresses: where one address is both, the source ranges hold.
  for (const address of loadBalancerIPs)
    add({ ...outside, ...ranged, kind: 'LoadBalancer', address, port: port.port })
  for (const address of externalIPs) add({ ...outside, kind: 'ExternalIP', address, port: port.port })
  // NodePorts are not subject to source ranges, as in kube-proxy.
  if (isPort(port.nodePort)) add({ ...outside, kind: 'NodePort', address: '', port: port.nodePort })
  return [...found.values()]
}

/** The same ones on every node, by their order. */
const withinSlots = (choice: Choice): Choice =>
  choice.cluster.length <= MAX_SLOTS && choice.local.length <= MAX_SLOTS
    ? choice
    : { ...choice, cluster: choice.cluster.slice(0, MAX_SLOTS), local: choice.local.slice(0, MAX_SLOTS) }

/** One list for all endpoints of a port, and one for those of this node. */
function affinityOf(service: Service, port: ServicePort, choice: Choice): FrontendAffinity | undefined {
  if (service.sessionAffinity !== 'ClientIP') return undefined
  if (choice.cluster.length > MAX_MEMBERS || choice.local.length > MAX_MEMBERS) return undefined
  const name = `${port.protocol} ${port.port}`
  return { seconds: service.sessionAffinityTimeout, list: `${name} cluster`, localList: `${name} local` }
}

/** Refuse when nobody in the cluster can answer; stay silent when only this node cannot, so that clients retry. */
const verdict = (usable: readonly Endpoint[], choice: Choice): NoEndpoints =>
  usable.length > 0 ? '' : choice.any ? 'drop' : 'reject'

/**
 * The source ranges of a Service's load balancer addresses. When they admit this node they admit the addresses
 * themselves too: where one of them is bound to an interface, the kernel takes it as source.
 */
function allowedSources(addresses: ServiceAddresses, node: NodeContext): readonly Prefix[] | undefined {
  const { sourceRanges, loadBalancerIPs, family } = addresses
  if (sourceRanges === undefined) return undefined
  const own = node.internalIPs.flatMap((text) => tryParseAddress(text) ?? [])
  const admitsNode = own.some((address) => sourceRanges.some((range) => prefixContains(range, address)))
  if (!admitsNode) return sourceRanges
  const bits = family === 4 ? 32 : 128
  return [...sourceRanges, ...loadBalancerIPs.flatMap((ip) => tryParsePrefix(`${ip}/${bits}`) ?? [])]
}
