import type { Address } from '#inet/address.ts'
import { formatPrefix, prefixOf } from '#inet/prefix.ts'
import { rangeContains } from '#inet/range.ts'
import type { AddressFamily } from '#bgp-ts/config.ts'
import type { BgpAdvertisement, Community, Config } from '#crds/config.ts'
import { communityKey, compareCommunities } from '#crds/parse/community.ts'
import { matchesAny } from '#crds/selector.ts'
import { nodeRefusal, type AnnouncedService, type World } from '../world.ts'
import type { WireRoute } from '../wire/protocol.ts'
import { familiesOf } from './peers.ts'

/** What BGP should say for one Service from this node. */
export interface BgpPlan {
  readonly routes: readonly WireRoute[]
  /** '' when announced, otherwise why not (upstream's words, metallb `ShouldAnnounce`) */
  readonly reason: string
  /** peers it is announced to, sorted */
  readonly peers: readonly string[]
  /** with `invalidAdvertisement`: the BGPAdvertisement that would announce it, were it not in error */
  readonly blockedBy?: string
}

const nothing = (reason: string): BgpPlan => ({ routes: [], reason, peers: [] })

/** A session of this node: routes of other families than its BGPPeer offers are not for it. */
export interface RoutedPeer {
  readonly name: string
  readonly families: readonly AddressFamily[]
}

/** @param names of the BGPPeers that select this node */
export const routedPeers = (config: Config, names: readonly string[]): RoutedPeer[] =>
  config.peers
    .filter(({ name }) => names.includes(name))
    .map((peer) => ({ name: peer.name, families: familiesOf(peer) }))

/**
 * The routes of one Service: each of its addresses by each matching advertisement, cut to the aggregation length,
 * for each peer of this node that the advertisement names. The reasons come in upstream's order; those that
 * upstream does not have, come where they do the least harm to it.
 */
export function planBgp(
  target: AnnouncedService,
  addresses: readonly { readonly address: Address; readonly pool: string | undefined }[],
  peers: readonly RoutedPeer[],
  world: World,
): BgpPlan {
  const labels = world.nodes.get(world.self)?.labels ?? {}
  const found = { ofPool: false, here: false, forService: false }
  const routes = new Map<string, WireRoute>()
  let conflict = false
  let invalid: string | undefined
  let foreign = false
  for (const { address, pool } of addresses) {
    if (pool === undefined) continue
    for (const ad of world.config.bgpAdvertisements) {
      if (!ad.pools.has(pool)) continue
      found.ofPool = true
      if (!matchesAny(ad.nodeSelectors, labels)) continue
      found.here = true
      if (!matchesAny(ad.serviceSelectors, target.service.labels)) continue
      if (ad.withheld?.some((range) => rangeContains(range, address))) {
        invalid ??= ad.name
        continue
      }
      found.forService = true
      for (const { name, families } of peers) {
        if (ad.peers.length > 0 && !ad.peers.includes(name)) continue
        if (!families.includes(address.family === 4 ? 'ipv4-unicast' : 'ipv6-unicast')) {
          foreign = true
          continue
        }
        const route = routeOf(target, address, ad, name, world.self)
        const key = `${name} ${route.prefix}`
        const merged = mergeRoutes(routes.get(key), route)
        if (merged === undefined) conflict = true
        else routes.set(key, merged)
      }
    }
  }
  // Upstream calls a pool without any advertisement notOwner, too: nobody would look for the right thing then.
  if (!found.ofPool) return nothing('noMatchingAdvertisement')
  if (!found.here) return nothing('notOwner')
  if (!found.forService && invalid !== undefined)
    return { ...nothing('invalidAdvertisement'), blockedBy: invalid }
  if (!found.forService) return nothing('noMatchingAdvertisement')
  if (conflict) return nothing('conflictingAdvertisements')
  const refusal = nodeRefusal(world, world.self) || endpointRefusal(target, world.self)
  if (refusal !== '') return nothing(refusal)
  if (!target.programmed) return nothing('notProgrammed')
  if (routes.size === 0) return nothing(foreign ? 'familyNotOffered' : 'noPeers')
  const all = [...routes.values()]
  return { routes: all, reason: '', peers: [...new Set(all.map(({ peer }) => peer))].sort() }
}

/** Upstream looks for local endpoints first: with none anywhere, a Service of policy Local has noLocalEndpoints. */
function endpointRefusal({ service, endpoints }: AnnouncedService, node: string): string {
  if (service.externalTrafficPolicy === 'Local' && !endpoints.byNode.has(node)) return 'noLocalEndpoints'
  return endpoints.total === 0 ? 'noEndpoints' : ''
}

function routeOf(
  target: AnnouncedService,
  address: Address,
  ad: BgpAdvertisement,
  peer: string,
  node: string,
): WireRoute {
  const { localPref, med, asPathPrepend, communities } = ad
  const length = address.family === 4 ? ad.aggregationLength : ad.aggregationLengthV6
  // A node that passes everything on has no bandwidth of its own to promise; routers take 0 for "not told".
  const endpoints = target.endpoints.byNode.get(node) ?? 0
  const linkBandwidth =
    ad.linkBandwidth === undefined || endpoints === 0 ? undefined : ad.linkBandwidth * endpoints
  return {
    peer,
    prefix: formatPrefix(prefixOf(address, length)),
    ...(localPref === undefined ? {} : { localPref }),
    ...(med === undefined ? {} : { med }),
    ...(asPathPrepend === undefined ? {} : { asPathPrepend }),
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
    communities,
  }
}

/**
 * Two advertisements of one prefix of one Service to one peer: communities are united, all else must agree.
 * @returns undefined when they conflict
 */
function mergeRoutes(a: WireRoute | undefined, b: WireRoute): WireRoute | undefined {
  if (a === undefined) return b
  const agreed =
    a.localPref === b.localPref &&
    a.med === b.med &&
    a.asPathPrepend === b.asPathPrepend &&
    a.linkBandwidth === b.linkBandwidth
  return agreed ? { ...a, communities: unite(a.communities, b.communities) } : undefined
}

/**
 * The routes of several Services to one prefix and peer as one: an aggregate, or an address that they share.
 * Communities are united; bandwidths add up, since each is of the Service's own endpoints; of anything else that
 * differs the first route's counts.
 */
export function mergeServices(routes: readonly WireRoute[]): WireRoute | undefined {
  const [first, ...others] = routes
  if (first === undefined || others.length === 0) return first
  const bandwidths = routes.flatMap(({ linkBandwidth }) => linkBandwidth ?? [])
  const { communities: own, ...rest } = first
  // The keys in the order of every route: one that comes out the same is not sent again.
  return {
    ...rest,
    ...(bandwidths.length > 0 && { linkBandwidth: bandwidths.reduce((sum, one) => sum + one, 0) }),
    communities: others.reduce<readonly Community[]>(
      (united, { communities }) => unite(united, communities),
      own,
    ),
  }
}

function unite(a: readonly Community[], b: readonly Community[]): readonly Community[] {
  if (b.length === 0) return a
  const united = new Map([...a, ...b].map((community) => [communityKey(community), community]))
  return [...united.values()].sort(compareCommunities)
}
