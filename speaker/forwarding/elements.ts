import { tryParseAddress, type Family } from '#inet/address.ts'
import { formatPrefix, hostPrefix, prefixContains, tryParsePrefix, type Prefix } from '#inet/prefix.ts'
import type { ForwardingConfig, LocalDetector, NodeContext } from './config.ts'
import { endpointsOf, families, tuple, type Collection, type Counting, type Element } from './model.ts'
import type { Frontend, ServicePlan } from './plan.ts'
import type { Endpoint } from './service-ports.ts'

/** From what should happen to the elements that make it happen. */

/** `10.96.0.1 . tcp . 80`, or `tcp . 30080` for a NodePort. */
export const frontendKey = (frontend: Frontend): string => {
  const protocol = frontend.protocol.toLowerCase()
  return frontend.kind === 'NodePort'
    ? tuple(protocol, frontend.port)
    : tuple(frontend.address, protocol, frontend.port)
}

const endpointText = (endpoint: Endpoint): string => tuple(endpoint.address, endpoint.port)

interface Names {
  readonly all: Counting
  readonly local: Counting
  readonly masquerade: Collection
  readonly externalLocal: Collection
  readonly drop: Collection
  readonly reject: Collection
}

const addressed: Names = {
  all: 'frontends',
  local: 'local-frontends',
  masquerade: 'external-cluster',
  externalLocal: 'external-local',
  drop: 'drop-frontends',
  reject: 'reject-frontends',
}

const nodePorts: Names = {
  all: 'nodeports',
  local: 'local-nodeports',
  masquerade: 'nodeport-external-cluster',
  externalLocal: 'nodeport-external-local',
  drop: 'nodeport-drop',
  reject: 'nodeport-reject',
}

/** The endpoints that a frontend has now, slot by slot; [] for a frontend that is not there. */
export type Slots = (family: Family, over: Counting, key: string) => readonly string[]

const noSlots: Slots = () => []

/**
 * The elements of a plan, for those of its frontends that `granted` (no other Service has them). Endpoints keep the
 * slots they have, so that one that comes or goes moves at most one other.
 */
export function elementsOf(
  plan: ServicePlan,
  granted: (frontend: Frontend) => boolean = () => true,
  slots: Slots = noSlots,
): Element[] {
  const elements: Element[] = []
  for (const { family, address } of plan.clusterIPs) {
    elements.push({ family, collection: 'cluster-ips', key: address, value: '' })
  }
  for (const { family, address, by } of plan.pingable) {
    elements.push({ family, collection: 'pingable', key: address, value: by })
  }
  for (const frontend of plan.frontends) if (granted(frontend)) addFrontend(elements, frontend, slots)
  return elements
}

function addFrontend(elements: Element[], frontend: Frontend, slots: Slots): void {
  const { family, endpoints, local, sourceRanges } = frontend
  const key = frontendKey(frontend)
  const names = frontend.kind === 'NodePort' ? nodePorts : addressed
  const put = (collection: Collection, elementKey: string, value = '') =>
    elements.push({ family, collection, key: elementKey, value })

  const spread = (over: Counting, some: readonly Endpoint[]) => {
    if (some.length === 0) return
    const placed = assignSlots(slots(family, over, key), some.map(endpointText))
    for (const [slot, text] of placed.entries()) put(endpointsOf[over], tuple(key, slot), text)
    put(over, key, String(placed.length))
    for (const endpoint of some) if (endpoint.local) addHairpin(put, frontend, endpoint)
  }
  spread(names.all, endpoints)
  if (local !== undefined) {
    spread(names.local, local)
    put(names.externalLocal, key)
  }
  if (frontend.masquerade) put(names.masquerade, key)
  if (frontend.noEndpoints === 'drop') put(names.drop, key)
  if (frontend.noEndpoints === 'reject') put(names.reject, key)
  if (sourceRanges !== undefined) {
    put('restricted-frontends', key)
    for (const range of new Set(sourceRanges.map(formatPrefix))) put('allowed-sources', tuple(key, range))
  }
}

function addHairpin(
  put: (collection: Collection, key: string) => void,
  frontend: Frontend,
  endpoint: Endpoint,
): void {
  const { address, port } = endpoint
  put('hairpin', tuple(address, address, frontend.protocol.toLowerCase(), port))
}

/**
 * Who goes where: endpoints that stay keep their slot, the others fill the holes in the order given, and what lies
 * beyond the new count moves into a hole.
 */
export function assignSlots(previous: readonly string[], next: readonly string[]): string[] {
  const waiting = new Set(next)
  const placed: (string | undefined)[] = Array.from({ length: waiting.size }, (_, slot) => {
    const text = previous[slot]
    return text !== undefined && waiting.delete(text) ? text : undefined
  })
  const rest = waiting.values()
  return placed.map((text) => text ?? (rest.next().value as string))
}

/** The elements that do not come from a Service. */
export function nodeElements(node: NodeContext, config: ForwardingConfig): Element[] {
  const elements: Element[] = []
  for (const family of families) {
    const all: Prefix = { address: { family, value: 0n }, length: 0 }
    const ours = (prefixes: readonly Prefix[]) =>
      outermost(prefixes.filter((prefix) => prefix.address.family === family))
    const put = (collection: Collection, prefixes: readonly Prefix[]) => {
      for (const prefix of prefixes)
        elements.push({ family, collection, key: formatPrefix(prefix), value: '' })
    }
    const pods = ours(podPrefixes(node, config.detector))
    put('pod-sources', pods)
    // Without a detector everybody is taken for a pod, but nobody is short-circuited (kube-proxy's no-op detector).
    if (!config.masqueradeAll) put('unmasqueraded-sources', pods.length > 0 ? pods : [all])
    put('service-cidrs', ours(node.serviceCIDRs.flatMap((text) => tryParsePrefix(text) ?? [])))
    put('nodeport-addresses', nodePortPrefixes(family, node, config, all, ours))
  }
  return elements
}

/** Sources that are pods by their address. */
const podPrefixes = (node: NodeContext, detector: LocalDetector): readonly Prefix[] => {
  if (detector.by === 'cluster-cidrs') return detector.cidrs
  return detector.by === 'node-cidrs' ? node.podCIDRs.flatMap((text) => tryParsePrefix(text) ?? []) : []
}

function nodePortPrefixes(
  family: Family,
  node: NodeContext,
  config: ForwardingConfig,
  all: Prefix,
  ours: (prefixes: readonly Prefix[]) => readonly Prefix[],
): readonly Prefix[] {
  if (config.nodePortAddresses === 'primary') {
    const primary = node.internalIPs
      .map((text) => tryParseAddress(text))
      .find((address) => address?.family === family)
    return primary === undefined ? [] : [hostPrefix(primary)]
  }
  const prefixes = ours(config.nodePortAddresses)
  // A family without a range of its own accepts everywhere, even when the other family has ranges.
  return prefixes.length > 0 ? prefixes : [all]
}

/** Without prefixes that lie inside another one. */
function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const unique = [...new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix])).values()]
  return unique.filter(
    (inner) => !unique.some((outer) => outer.length < inner.length && prefixContains(outer, inner.address)),
  )
}
