import type { Address } from '#inet/address.ts'
import { formatPrefix, prefixOf } from '#inet/prefix.ts'
import type { BgpAdvertisement } from '#crds/config.ts'
import { matchesAny } from '#crds/selector.ts'
import {
  advertisementsOf,
  endpointRefusal,
  nodeRefusal,
  type AnnouncedService,
  type World,
} from '../world.ts'
import type { WireRoute } from '../wire/protocol.ts'

/** What BGP should say for one Service from this node. */
export interface BgpPlan {
  readonly routes: readonly WireRoute[]
  /** '' when announced, otherwise why not (upstream's words, metallb `ShouldAnnounce`) */
  readonly reason: string
  /** peers it is announced to, sorted */
  readonly peers: readonly string[]
}

const nothing = (reason: string): BgpPlan => ({ routes: [], reason, peers: [] })

/**
 * The routes of one Service: each of its addresses by each matching advertisement, cut to the aggregation length,
 * for each peer of this node that the advertisement names.
 * @param peers names of the BGPPeers that select this node
 */
export function planBgp(
  target: AnnouncedService,
  addresses: readonly { readonly address: Address; readonly pool: string | undefined }[],
  peers: readonly string[],
  world: World,
): BgpPlan {
  const labels = world.nodes.get(world.self)?.labels ?? {}
  const routes = new Map<string, WireRoute>()
  let matched = false
  let selected = false
  for (const { address, pool } of addresses) {
    for (const ad of advertisementsOf(world.config.bgpAdvertisements, pool, target.service)) {
      matched = true
      if (!matchesAny(ad.nodeSelectors, labels)) continue
      selected = true
      for (const peer of peers.filter((name) => ad.peers.length === 0 || ad.peers.includes(name))) {
        const route = routeOf(address, ad, peer)
        const key = `${peer} ${route.prefix}`
        const merged = mergeRoutes(routes.get(key), route)
        if (merged === undefined) return nothing('conflictingAdvertisements')
        routes.set(key, merged)
      }
    }
  }
  if (!matched) return nothing('noMatchingAdvertisement')
  if (!selected) return nothing('notOwner')
  const refusal = nodeRefusal(world, world.self) || endpointRefusal(target, world.self)
  if (refusal !== '') return nothing(refusal)
  if (!target.programmed) return nothing('notProgrammed')
  if (routes.size === 0) return nothing('noPeers')
  const all = [...routes.values()]
  return { routes: all, reason: '', peers: [...new Set(all.map(({ peer }) => peer))].sort() }
}

function routeOf(address: Address, ad: BgpAdvertisement, peer: string): WireRoute {
  const length = address.family === 4 ? ad.aggregationLength : ad.aggregationLengthV6
  return {
    peer,
    prefix: formatPrefix(prefixOf(address, length)),
    ...(ad.localPref === undefined ? {} : { localPref: ad.localPref }),
    communities: ad.communities,
  }
}

/**
 * Two advertisements of one prefix to one peer: communities are united, local preferences must agree.
 * @returns undefined when they conflict
 */
export function mergeRoutes(a: WireRoute | undefined, b: WireRoute): WireRoute | undefined {
  if (a === undefined) return b
  if (a.localPref !== b.localPref) return undefined
  const communities = new Map([...a.communities, ...b.communities].map((one) => [one.value.join(':'), one]))
  return { ...a, communities: [...communities.keys()].sort().map((key) => communities.get(key)!) }
}
