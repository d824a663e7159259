import { matchesAny, matchesSelector } from '#crds/selector.ts'
import type { L2Advertisement } from '#crds/config.ts'
import {
  advertisementsOf,
  endpointRefusal,
  nodeRefusal,
  type AnnouncedService,
  type World,
} from '../world.ts'
import type { WireAddress } from '../wire/protocol.ts'
import type { Candidate } from './elect.ts'

/** What layer 2 should do for one address. */
export interface Layer2Plan {
  /** undefined when no node may announce it */
  readonly wire?: WireAddress
  /** '' when this node is a candidate, otherwise why not (upstream's words) */
  readonly reason: string
  /** names of the advertisements that speak for it */
  readonly advertisements: readonly string[]
}

/**
 * Who may hold an address, seen from this node. Services that share an address share its holder, so a node is a
 * candidate only if it is one for each of them that has endpoints at all.
 * @param pool name of the pool that holds the address
 */
export function planLayer2(
  address: string,
  pool: string | undefined,
  services: readonly AnnouncedService[],
  world: World,
): Layer2Plan {
  const perService = services.map((service) => ({
    service,
    ads: advertisementsOf(world.config.l2Advertisements, pool, service.service),
  }))
  const advertisements = [...new Set(perService.flatMap(({ ads }) => ads.map((ad) => ad.name)))].sort()
  if (perService.length === 0 || perService.some(({ ads }) => ads.length === 0)) {
    return { reason: 'noMatchingAdvertisement', advertisements }
  }
  // A Service that lost its endpoints must not silence those that share the address with it.
  const live = perService.filter(({ service }) => service.endpoints.total > 0)
  const serving = live.length === 0 ? perService : live
  const candidates = [...world.speakers.keys()].sort().map((node) => candidate(node, serving, world))
  const own = candidates.find((one) => one.node === world.self)
  return {
    wire: {
      address,
      interfaces: interfacesOn(
        world.self,
        serving.flatMap(({ ads }) => ads),
        world,
      ),
      candidates,
      served: serving.every(({ service }) => service.programmed),
    },
    reason: own === undefined ? 'speakerUnknown' : own.reason,
    advertisements,
  }
}

interface ServiceAds {
  readonly service: AnnouncedService
  readonly ads: readonly L2Advertisement[]
}

function candidate(node: string, perService: readonly ServiceAds[], world: World): Candidate {
  let reason = world.speakers.get(node)?.ready === false ? 'speakerLeaving' : nodeRefusal(world, node)
  let preference = 0
  for (const { service, ads } of perService) {
    const here = ads.filter((ad) => selectsNode(ad, node, world))
    if (reason === '' && here.length === 0) reason = 'noMatchingAdvertisement'
    if (reason === '') reason = endpointRefusal(service, node)
    if (reason === '') reason = interfaceRefusal(node, here, world)
    preference += preferenceOf(here, node, world)
  }
  return { node, preference, eligible: reason === '', reason, stale: false }
}

const labelsOf = (node: string, world: World) => world.nodes.get(node)?.labels ?? {}

const selectsNode = (ad: L2Advertisement, node: string, world: World): boolean =>
  matchesAny(ad.nodeSelectors, labelsOf(node, world))

/** Sum of the weights that match the node, over all advertisements (upstream's preferredNodeSelectors). */
const preferenceOf = (ads: readonly L2Advertisement[], node: string, world: World): number =>
  ads
    .flatMap((ad) => ad.preferredNodes)
    .filter(({ preference }) => matchesSelector(preference, labelsOf(node, world)))
    .reduce((sum, { weight }) => sum + weight, 0)

/** The union of what the advertisements name; one that names none means all ([]). */
function interfacesOn(node: string, ads: readonly L2Advertisement[], world: World): string[] {
  const here = ads.filter((ad) => selectsNode(ad, node, world))
  if (here.some((ad) => ad.interfaces.length === 0)) return []
  return [...new Set(here.flatMap((ad) => ad.interfaces))].sort()
}

/** A node that has none of the named interfaces could not answer: upstream elects it all the same. */
function interfaceRefusal(node: string, ads: readonly L2Advertisement[], world: World): string {
  const known = world.speakers.get(node)?.interfaces
  if (known === undefined) return ''
  if (known.size === 0) return 'noUsableInterface'
  const named = interfacesOn(node, ads, world)
  return named.length === 0 || named.some((name) => known.has(name)) ? '' : 'interfaceMissing'
}
