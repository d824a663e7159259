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
  /** '' when this node is a candidate, otherwise why not (upstream's words where it has them) */
  readonly reason: string
  /** key of the Service that `reason` is about, where several share the address */
  readonly blockedBy?: string
  /** names of the advertisements that speak for it */
  readonly advertisements: readonly string[]
}

/** On a Service: its addresses are announced although another machine on the wire uses one of them. */
const FORCE_ANNOTATION = 'fairlead.io/announce-despite-conflict'
/** Presence counts, as upstream. */
const SHARED_IP_ANNOTATIONS = ['metallb.io/allow-shared-ip', 'metallb.universe.tf/allow-shared-ip']

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
  const all = services.map((service) => ({
    service,
    ads: advertisementsOf(world.config.l2Advertisements, pool, service.service),
  }))
  const advertisements = [...new Set(all.flatMap(({ ads }) => ads.map((ad) => ad.name)))].sort()
  // A Service that lost its endpoints must not silence those that share the address with it.
  const live = all.filter(({ service }) => service.endpoints.total > 0)
  const serving = live.length === 0 ? all : live
  const blocking = serving.find((one) => serviceRefusal(one) !== '')
  if (serving.length === 0 || blocking !== undefined) {
    const reason = blocking === undefined ? 'noMatchingAdvertisement' : serviceRefusal(blocking)
    return { reason, ...blockedBy(blocking, all), advertisements }
  }
  const judged = [...world.speakers.keys()].sort().map((node) => judge(node, serving, world))
  const own = judged.find(({ candidate }) => candidate.node === world.self)
  const ads = serving.flatMap((one) => one.ads)
  return {
    wire: {
      address,
      interfaces: interfacesOn(world.self, ads, world),
      candidates: judged.map(({ candidate }) => candidate),
      served: serving.every(({ service }) => service.programmed),
      ...(serving.some(({ service }) => service.service.annotations[FORCE_ANNOTATION] === 'true')
        ? { force: true }
        : {}),
    },
    reason: own === undefined ? 'speakerUnknown' : own.candidate.reason,
    ...blockedBy(own?.blocking, all),
    advertisements,
  }
}

interface ServiceAds {
  readonly service: AnnouncedService
  readonly ads: readonly L2Advertisement[]
}

const blockedBy = (blocking: ServiceAds | undefined, all: readonly ServiceAds[]): { blockedBy?: string } =>
  blocking === undefined || all.length < 2 ? {} : { blockedBy: blocking.service.key }

/** Why no node may announce a Service by layer 2, '' when some may. */
function serviceRefusal({ service, ads }: ServiceAds): string {
  if (ads.length === 0) return 'noMatchingAdvertisement'
  // Upstream elects by Service, so two Services with different advertisements could take one address apart.
  const shares = SHARED_IP_ANNOTATIONS.some((name) => Object.hasOwn(service.service.annotations, name))
  return shares && ads.some(({ serviceSelectors }) => serviceSelectors.length > 0)
    ? 'sharedIPWithServiceSelector'
    : ''
}

/** One node as a candidate, and the Service that keeps it from being one. */
interface Judged {
  readonly candidate: Candidate
  readonly blocking: ServiceAds | undefined
}

function judge(node: string, serving: readonly ServiceAds[], world: World): Judged {
  const speaker = world.speakers.get(node)
  let reason = speaker?.ready === false ? 'speakerLeaving' : nodeRefusal(world, node)
  let blocking: ServiceAds | undefined
  let preference = 0
  for (const one of serving) {
    const here = one.ads.filter((ad) => selectsNode(ad, node, world))
    preference += preferenceOf(here, node, world)
    if (reason !== '') continue
    reason =
      (here.length === 0 ? 'noMatchingAdvertisement' : '') ||
      endpointRefusal(one.service, node) ||
      interfaceRefusal(node, here, world)
    if (reason !== '') blocking = one
  }
  const stale = speaker?.apiReachable === false
  return { candidate: { node, preference, eligible: reason === '', reason, stale }, blocking }
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
