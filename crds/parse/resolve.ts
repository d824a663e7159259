import { formatRange, rangesOverlap, rangeToPrefixes, type AddressRange } from '#inet/range.ts'
import type { BgpAdvertisement, BgpPeer, Community, L2Advertisement, Pool } from '../config.ts'
import { matchesSelector } from '../selector.ts'
import type { BgpDraft, L2Draft, PoolSelection } from './advertisement.ts'
import { communityKey, compareCommunities, parseCommunity } from './community.ts'
import type { Issue, Located } from './fields.ts'
import { nodeOverlap } from './overlap.ts'

/** What advertisements refer to: only what is in force. */
export interface Scope {
  readonly pools: ReadonlyMap<string, Pool>
  readonly peers: ReadonlyMap<string, BgpPeer>
  readonly communities: ReadonlyMap<string, Community>
}

export function resolveL2(draft: L2Draft, scope: Scope, issues: Issue[]): L2Advertisement {
  return { ...draft.advertisement, pools: selectPools(draft, scope.pools, issues) }
}

/** An advertisement that was in force, and the pools of then. */
export interface Earlier {
  readonly advertisement: BgpAdvertisement
  readonly pools: ReadonlyMap<string, Pool>
}

/** Where an aggregate is wider than a range, that is an error, and the advertisement as returned leaves the range out. */
export function resolveBgp(
  draft: BgpDraft,
  scope: Scope,
  issues: Issue[],
  earlier: Earlier | undefined,
): BgpAdvertisement {
  const pools = selectPools(draft, scope.pools, issues)
  warnUnknown(draft.peers, scope.peers, 'BGPPeer', issues)
  const advertisement: BgpAdvertisement = {
    ...draft.advertisement,
    pools,
    communities: resolveCommunities(draft.communities, scope, issues),
    peers: draft.peers.map(({ value }) => value),
  }
  for (const name of pools) {
    const issue = tooWide(advertisement, scope.pools.get(name) as Pool)
    if (issue !== undefined) issues.push(issue)
  }
  return withholding(advertisement, scope, earlier)
}

/** The last good version of an advertisement under a new configuration: without the pools that are gone. */
export function refitL2(advertisement: L2Advertisement, scope: Scope): L2Advertisement {
  return { ...advertisement, pools: inForce(advertisement.pools, scope) }
}

/** The same for BGP, and without the ranges that it does not fit. */
export function refitBgp(earlier: Earlier, scope: Scope): BgpAdvertisement {
  const { withheld: _then, ...advertisement } = earlier.advertisement
  return withholding({ ...advertisement, pools: inForce(advertisement.pools, scope) }, scope, earlier)
}

const inForce = (names: ReadonlySet<string>, { pools }: Scope): Set<string> =>
  new Set([...names].filter((name) => pools.has(name)))

/**
 * Leaves out the ranges that are narrower than the aggregates. One that was announced stays: a pool that was cut down
 * under its Services would else take their routes away.
 */
function withholding(
  advertisement: BgpAdvertisement,
  scope: Scope,
  earlier: Earlier | undefined,
): BgpAdvertisement {
  const withheld = [...advertisement.pools].sort().flatMap((name) => {
    const ranges = scope.pools.get(name)?.ranges ?? []
    return ranges.filter(
      (range) => isNarrower(range, advertisement) && !wasAnnounced(range, name, advertisement, earlier),
    )
  })
  return withheld.length === 0 ? advertisement : { ...advertisement, withheld }
}

/** By an aggregate of the same length. */
function wasAnnounced(
  range: AddressRange,
  pool: string,
  now: BgpAdvertisement,
  earlier: Earlier | undefined,
): boolean {
  if (earlier === undefined) return false
  const { advertisement: then, pools } = earlier
  const ranges = then.pools.has(pool) ? (pools.get(pool)?.ranges ?? []) : []
  return (
    lengthFor(range, then) === lengthFor(range, now) &&
    ranges.some(
      ({ family, first, last }) => family === range.family && first <= range.first && last >= range.last,
    ) &&
    !then.withheld?.some((one) => rangesOverlap(one, range))
  )
}

function selectPools(draft: PoolSelection, pools: ReadonlyMap<string, Pool>, issues: Issue[]): Set<string> {
  const { poolNames, poolSelectors } = draft
  if (poolNames.length === 0 && poolSelectors.length === 0) return new Set(pools.keys())
  warnUnknown(poolNames, pools, 'IPAddressPool', issues)
  const wanted = new Set(poolNames.map(({ value }) => value))
  const chosen = [...pools.values()].filter(
    (pool) => wanted.has(pool.name) || poolSelectors.some((one) => matchesSelector(one, pool.labels)),
  )
  return new Set(chosen.map(({ name }) => name))
}

function warnUnknown(
  names: readonly Located<string>[],
  known: ReadonlyMap<string, unknown>,
  kind: string,
  issues: Issue[],
): void {
  for (const { value, path } of names) {
    if (known.has(value)) continue
    const message = `there is no ${kind} ${JSON.stringify(value)} in force`
    issues.push({ severity: 'warning', code: 'FL_CRD_UNKNOWN_REFERENCE', field: path, message })
  }
}

/**
 * Literals, aliases and, where no alias is called so, well-known names as numbers. An unknown alias is an error, as upstream: leaving it out could let a route
 * travel further than its community (no-export …) was meant to allow.
 */
function resolveCommunities(texts: readonly Located<string>[], scope: Scope, issues: Issue[]): Community[] {
  const found = new Map<string, Community>()
  for (const { value, path } of texts) {
    const literal = parseCommunity(value)
    const community = value.includes(':') ? literal : (scope.communities.get(value) ?? literal)
    if (typeof community === 'string' && !value.includes(':')) {
      const message = `invalid community format: ${value}: it is no community, and no Community object defines it`
      issues.push({ severity: 'error', code: 'FL_COMMUNITY_UNKNOWN', field: path, message })
    } else if (typeof community !== 'string') {
      found.set(communityKey(community), community)
    }
  }
  return [...found.values()].sort(compareCommunities)
}

/** What is wrong with an advertisement of a pool, if so: the first of its ranges that is too narrow. */
function tooWide(advertisement: BgpAdvertisement, pool: Pool): Issue | undefined {
  const range = pool.ranges.find((one) => isNarrower(one, advertisement))
  if (range === undefined) return undefined
  const text = `invalid aggregation length ${lengthFor(range, advertisement)}: prefix ${widestPrefix(range)} in this pool is more specific than the aggregation length for addresses`
  const what = `of pool ${JSON.stringify(pool.name)} (${formatRange(range)})`
  return {
    severity: 'error',
    code: 'FL_ADVERTISEMENT_AGGREGATION',
    field: `spec.${lengthField(range)}`,
    message: `${text} ${what}: what was announced stays, and addresses that were not are not announced`,
  }
}

const lengthField = ({ family }: AddressRange) => (family === 4 ? 'aggregationLength' : 'aggregationLengthV6')

const lengthFor = (range: AddressRange, advertisement: BgpAdvertisement): number =>
  advertisement[lengthField(range)]

/** An aggregate of an address in it would cover addresses that are not. */
const isNarrower = (range: AddressRange, advertisement: BgpAdvertisement): boolean =>
  widestPrefix(range) > lengthFor(range, advertisement)

/** The length of the largest aligned block in the range; a range is too narrow only if every block is. */
const widestPrefix = (range: AddressRange): number =>
  rangeToPrefixes(range).reduce((lowest, { length }) => Math.min(lowest, length), 128)

/** What the advertisements of one route must agree on: the field, upstream's words for it, and what absent means. */
const routeAttributes = [
  { field: 'localPref', words: 'local preference', absent: 0 },
  { field: 'med', words: 'MED', absent: undefined },
  { field: 'asPathPrepend', words: 'AS_PATH prepending', absent: 0 },
  { field: 'linkBandwidth', words: 'link bandwidth', absent: undefined },
] as const

export interface RouteConflict {
  /** 'maybe' when only the labels of real nodes and Services can tell (the speaker then refuses to announce) */
  readonly certain: 'yes' | 'maybe'
  readonly field: (typeof routeAttributes)[number]['field']
  readonly words: string
  /** of the first and of the second advertisement, as text */
  readonly values: readonly [string, string]
}

/** Whether two advertisements would give the same route two values of an attribute: the first such, if any. */
export function routeConflict(
  a: BgpAdvertisement,
  b: BgpAdvertisement,
  pools: ReadonlyMap<string, Pool>,
): RouteConflict | undefined {
  const differing = routeAttributes.find(({ field, absent }) => (a[field] ?? absent) !== (b[field] ?? absent))
  if (differing === undefined) return undefined
  if (a.peers.length > 0 && b.peers.length > 0 && !a.peers.some((peer) => b.peers.includes(peer)))
    return undefined
  const families = [...a.pools]
    .filter((name) => b.pools.has(name))
    .flatMap((name) => pools.get(name)?.ranges.map(({ family }) => family) ?? [])
  const sameRoute =
    (families.includes(4) && a.aggregationLength === b.aggregationLength) ||
    (families.includes(6) && a.aggregationLengthV6 === b.aggregationLengthV6)
  if (!sameRoute) return undefined
  const nodes = nodeOverlap(a.nodeSelectors, b.nodeSelectors)
  const services = nodeOverlap(a.serviceSelectors, b.serviceSelectors)
  if (nodes === 'no' || services === 'no') return undefined
  const { field, words, absent } = differing
  return {
    certain: nodes === 'yes' && services === 'yes' ? 'yes' : 'maybe',
    field,
    words,
    values: [`${a[field] ?? absent ?? 'none'}`, `${b[field] ?? absent ?? 'none'}`],
  }
}
