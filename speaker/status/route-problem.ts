import { formatAddress, parseAddress } from '#inet/address.ts'
import { matchesAny } from '#crds/selector.ts'
import { planBgp, routedPeers } from '../bgp/advertise.ts'
import { advertisementsOf, vipsOf, type AnnouncedService, type World } from '../world.ts'

/** What keeps one node from telling routers of an address. */
export interface RouteRefusal {
  readonly node: string
  /** of planBgp, or of the speaker */
  readonly reason: string
  /** what the words of the reason should name, '' for nothing */
  readonly about: string
}

/** The Services that have an address, and the pools of their addresses. */
export interface RouteTarget {
  readonly services: readonly AnnouncedService[]
  /** the pool that has an address */
  readonly poolOf: (address: string) => string | undefined
}

/**
 * Why each node with a speaker does not announce an address by BGP; [] when one of them does. Forwarding on other
 * nodes is theirs to tell, so it counts as there.
 */
export function routeRefusals(address: string, target: RouteTarget, world: World): RouteRefusal[] {
  const refusals: RouteRefusal[] = []
  for (const node of [...world.speakers.keys()].sort()) {
    const refusal = refusalOn(node, address, target, world)
    if (refusal === undefined) return []
    refusals.push(refusal)
  }
  return refusals
}

function refusalOn(
  node: string,
  address: string,
  { services, poolOf }: RouteTarget,
  world: World,
): RouteRefusal | undefined {
  const speaker = world.speakers.get(node)
  if (speaker?.ready === false) return { node, reason: 'speakerLeaving', about: '' }
  if (speaker?.apiReachable === false) return { node, reason: 'speakerUnreachable', about: '' }
  const labels = world.nodes.get(node)?.labels ?? {}
  const names = world.config.peers
    .filter(({ nodeSelectors }) => matchesAny(nodeSelectors, labels))
    .map(({ name }) => name)
  const peers = routedPeers(world.config, names)
  const there = { ...world, self: node }
  const refused = services.flatMap((service) => {
    const planned = { ...service, programmed: true }
    const plan = (texts: readonly string[]) =>
      planBgp(
        planned,
        texts.map((text) => ({ address: parseAddress(text), pool: poolOf(text) })),
        peers,
        there,
      )
    // One conflict keeps all addresses of a Service back; apart from that each has reasons of its own.
    const all = plan(vipsOf(service.service).map((vip) => formatAddress(vip.address)))
    const { blockedBy, ...found } = all.reason === 'conflictingAdvertisements' ? all : plan([address])
    // Upstream asks for local endpoints first; that there is none at all is what people should know.
    const none = found.reason === 'noLocalEndpoints' && service.endpoints.total === 0
    const reason = none ? 'noEndpoints' : found.reason
    return [
      {
        reason,
        about: blockedBy ?? (reason === 'noPeers' ? missingPeers(service, poolOf(address), world) : ''),
      },
    ]
  })
  if (refused.some(({ reason }) => reason === '')) return undefined
  // Of Services that share it the one to look at is the one that is meant to be announced.
  const [first] = refused
  const told = refused.find(({ reason }) => reason !== 'noMatchingAdvertisement') ?? first
  return told === undefined ? { node, reason: 'noMatchingAdvertisement', about: '' } : { node, ...told }
}

/** The peers that advertisements of a Service name and that do not exist. */
function missingPeers({ service }: AnnouncedService, pool: string | undefined, { config }: World): string {
  const named = advertisementsOf(config.bgpAdvertisements, pool, service).flatMap(({ peers }) => peers)
  const missing = new Set(named.filter((one) => !config.peers.some(({ name }) => name === one)))
  return missing.size === 0 ? '' : `there is no BGPPeer ${[...missing].sort().join(', ')}`
}
