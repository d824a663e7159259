import { compareAddresses, formatAddress, tryParseAddress, type Address } from '#inet/address.ts'
import type { Config } from '#crds/config.ts'
import { matchesAny } from '#crds/selector.ts'
import { EXCLUDE_LABEL, type Node } from '#kube/objects/node.ts'
import type { Service } from '#kube/objects/service.ts'
import { drainReason } from './drain/reason.ts'
import type { EndpointSummary } from './endpoints.ts'

/** Everything but the Services that decides what is announced, and from where. */
export interface World {
  /** the node this speaker runs on */
  readonly self: string
  readonly config: Config
  readonly nodes: ReadonlyMap<string, Node>
  /** nodes with a speaker, and what it said of itself */
  readonly speakers: ReadonlyMap<string, SpeakerInfo>
  /** upstream's --ignore-exclude-lb */
  readonly ignoreExcludeLabel: boolean
  /** a cordon or a taint of shutting down drains a node, too (--drain-on-cordon) */
  readonly drainOnCordon?: boolean
  /** a node that drains is as any other: routes stay for a while when addresses are handed over already */
  readonly ignoreDrain?: boolean
}

/** What a speaker says of itself, and others of it, in its SpeakerStatus. */
export interface SpeakerInfo {
  /** false: the speaker said that it is leaving */
  readonly ready: boolean
  /** its word about that was put in doubt while it was away, and it is back */
  readonly doubted?: boolean
  /** its usable interfaces by name; undefined: not known yet, taken as having all */
  readonly interfaces?: ReadonlyMap<string, SpeakerInterface>
  /** MACs of its other interfaces; absent as none */
  readonly otherMacs?: readonly string[]
  /** false: its Lease ran out; absent as true */
  readonly apiReachable?: boolean
  /** the speakers that it watches, and whether it takes them for dead; absent as none */
  readonly neighbors?: ReadonlyMap<string, 'alive' | 'dead'>
}

export interface SpeakerInterface {
  readonly mac: string
  /** `address/length` */
  readonly prefixes: readonly string[]
}

/** One Service as announcing sees it. */
export interface AnnouncedService {
  readonly key: string
  readonly service: Service
  readonly endpoints: EndpointSummary
  /** forwarding for it is in this node's kernel, or forwarding is not ours */
  readonly programmed: boolean
}

/** The addresses of a Service that are delivered as they are (ipMode VIP), with their canonical text. */
export const vipsOf = (service: Service): { readonly text: string; readonly address: Address }[] =>
  service.ingress.flatMap(({ ip, ipMode }) => {
    const address = ip === undefined || (ipMode ?? 'VIP') !== 'VIP' ? undefined : tryParseAddress(ip)
    return address === undefined ? [] : [{ text: formatAddress(address), address }]
  })

/** Why a node may not announce at all, '' when it may. Words as upstream's where it has them. */
export function nodeRefusal(world: World, name: string): string {
  const node = world.nodes.get(name)
  if (node === undefined) return 'nodeUnknown'
  if (node.networkUnavailable) return 'nodeNetworkUnavailable'
  if (!world.ignoreExcludeLabel && EXCLUDE_LABEL in node.labels) return 'nodeLabeledExcludeBalancers'
  if (world.ignoreDrain !== true && drainReason(node, world.drainOnCordon ?? false) !== '')
    return 'nodeDraining'
  return ''
}

/** Why a node may not announce this Service for want of endpoints, '' when it may. */
export function endpointRefusal({ service, endpoints }: AnnouncedService, node: string): string {
  if (endpoints.total === 0) return 'noEndpoints'
  if (service.externalTrafficPolicy === 'Local' && !endpoints.byNode.has(node)) return 'noLocalEndpoints'
  return ''
}

/** The advertisements that speak for an address of a Service: pool and Service labels must match. */
export function advertisementsOf<
  T extends {
    readonly pools: ReadonlySet<string>
    readonly serviceSelectors: Parameters<typeof matchesAny>[0]
  },
>(advertisements: readonly T[], pool: string | undefined, service: Service): T[] {
  if (pool === undefined) return []
  return advertisements.filter((ad) => ad.pools.has(pool) && matchesAny(ad.serviceSelectors, service.labels))
}

/** Finds the pool of an address in O(log ranges). Ranges of all pools are disjoint, so their starts order them. */
export class PoolIndex {
  readonly #ranges: readonly { first: Address; last: bigint; pool: string }[]

  constructor(config: Config) {
    this.#ranges = config.pools
      .flatMap((pool) =>
        pool.ranges.map((range) => ({
          first: { family: range.family, value: range.first },
          last: range.last,
          pool: pool.name,
        })),
      )
      .sort((a, b) => compareAddresses(a.first, b.first))
  }

  poolOf(address: Address): string | undefined {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareAddresses(this.#ranges[middle].first, address) <= 0) low = middle + 1
      else high = middle
    }
    const range = this.#ranges[low - 1]
    const inside = range !== undefined && range.first.family === address.family && address.value <= range.last
    return inside ? range.pool : undefined
  }
}
