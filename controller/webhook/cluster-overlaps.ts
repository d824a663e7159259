import { tryParseAddress } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import { mergeRanges, rangeOfPrefix, rangesOverlap, subtractRanges, type AddressRange } from '#inet/range.ts'
import type { Pool } from '#crds/config.ts'
import type { Node } from '#kube/objects/node.ts'

/** Addresses that the cluster has for itself. */
export interface ClusterAddresses {
  readonly nodes: readonly Pick<Node, 'name' | 'internalIPs' | 'podCIDRs'>[]
  /** ranges of ClusterIPs */
  readonly serviceCIDRs: readonly string[]
}

interface Claim {
  readonly range: AddressRange
  readonly what: string
}

/** Named one by one; a pool over all nodes of a large cluster needs no list of them. */
const EXAMPLES = 3

/**
 * What a pool would give out although the cluster uses it: addresses of nodes, of pods, of Services. A warning and no
 * error, because a cluster may know better (pods that no node routes, addresses that are about to go).
 * @returns one sentence for each kind of overlap
 */
export function clusterOverlaps(
  pool: Pick<Pool, 'name' | 'ranges' | 'excludes'>,
  cluster: ClusterAddresses,
): string[] {
  const excludes = pool.excludes ?? []
  const given = mergeRanges(pool.ranges.flatMap((range) => subtractRanges(range, excludes)))
  const met = (claims: readonly Claim[]) =>
    claims.filter(({ range }) => given.some((one) => rangesOverlap(one, range))).map(({ what }) => what)
  const nodes = cluster.nodes.flatMap(({ name, internalIPs }) =>
    internalIPs.flatMap((text) => {
      const address = tryParseAddress(text)
      if (address === undefined) return []
      const { family, value } = address
      return [{ range: { family, first: value, last: value }, what: `${text} of node ${name}` }]
    }),
  )
  const pods = cluster.nodes.flatMap(({ name, podCIDRs }) => claims(podCIDRs, ` of node ${name}`))
  return [
    ...sentence(pool.name, 'addresses of nodes', met(nodes)),
    ...sentence(pool.name, 'addresses of pods', met(pods)),
    ...sentence(pool.name, 'ClusterIPs', met(claims(cluster.serviceCIDRs, ''))),
  ]
}

const claims = (cidrs: readonly string[], whose: string): Claim[] =>
  cidrs.flatMap((text) => {
    const prefix = tryParsePrefix(text)
    return prefix === undefined ? [] : [{ range: rangeOfPrefix(prefix), what: `${text}${whose}` }]
  })

function sentence(pool: string, kind: string, found: readonly string[]): string[] {
  if (found.length === 0) return []
  const rest = found.length - EXAMPLES
  const examples = found.slice(0, EXAMPLES).join(', ')
  return [`pool ${pool} overlaps with ${kind}: ${examples}${rest > 0 ? ` and ${rest} more` : ''}`]
}
