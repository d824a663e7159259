import { formatAddress } from '#inet/address.ts'
import { formatPrefix } from '#inet/prefix.ts'
import { formatRange, rangeToPrefixes, type AddressRange } from '#inet/range.ts'
import type { BfdProfile, BgpAdvertisement, BgpPeer, Community, L2Advertisement, Pool } from '../config.ts'
import type { BgpDraft, L2Draft } from './advertisement.ts'
import type { Batch, Entry } from './batch.ts'
import type { Alias } from './community.ts'
import { nodeOverlap } from './overlap.ts'
import { RangeIndex } from './range-index.ts'
import { refitBgp, refitL2, resolveBgp, resolveL2, routeConflict, type Scope } from './resolve.ts'

/**
 * Which version of each object is in force: the new one when it is valid and fits the others, else the last good
 * one when that still fits, else none. Of objects that exclude each other the oldest wins; of pools the one that is
 * in force already.
 */
type ByName<T> = ReadonlyMap<string, T>

/** For kinds whose objects do not depend on each other. */
export function settle<T>(batch: Batch<T>, last: ByName<T>): Map<string, T> {
  const settled = new Map<string, T>()
  for (const entry of batch.entries) {
    const value = entry.valid ? entry.value : last.get(entry.name)
    if (value !== undefined) settled.set(entry.name, value)
  }
  return settled
}

export function settlePools(batch: Batch<Pool>, last: ByName<Pool>): Map<string, Pool> {
  const taken = new RangeIndex<string>()
  const settled = new Map<string, Pool>()
  for (const entry of batch.byPrecedence(last)) {
    if (entry.valid) noteOverlaps(entry, taken)
    const pool = entry.valid ? entry.value : last.get(entry.name)
    if (pool === undefined) continue
    if (!entry.valid && pool.ranges.some((range) => taken.overlapping(range) !== undefined)) continue
    for (const range of pool.ranges) taken.add(range, entry.name)
    settled.set(entry.name, pool)
  }
  return settled
}

function noteOverlaps(entry: Entry<Pool>, taken: RangeIndex<string>): void {
  // Of a valid pool the ranges stand in the order of spec.addresses, one for one.
  for (const [index, range] of entry.value.ranges.entries()) {
    const other = taken.overlapping(range)
    if (other === undefined) continue
    const message = `CIDR "${rangeText(range)}" in pool "${entry.name}" overlaps with already defined CIDR "${rangeText(other.range)}" of pool "${other.owner}"`
    entry.note('error', 'FL_POOL_OVERLAP', `spec.addresses[${index}]`, message)
  }
}

function rangeText(range: AddressRange): string {
  const prefixes = rangeToPrefixes(range)
  return prefixes.length === 1 ? formatPrefix(prefixes[0]) : formatRange(range)
}

/** Aliases are global over all Community objects; only the alias that is there twice is refused. */
export function settleAliases(
  batch: Batch<Alias[]>,
  last: { readonly communities: ByName<Community>; readonly communityOwners?: ByName<string> },
): { communities: Map<string, Community>; communityOwners: Map<string, string> } {
  const communities = new Map<string, Community>()
  const communityOwners = new Map<string, string>()
  for (const entry of batch.byAge()) {
    const aliases = entry.valid
      ? entry.value.map(({ name, community }) => ({ ...name, community }))
      : lastAliases(entry.name, last)
    for (const { value, path, community } of aliases) {
      const owner = communityOwners.get(value)
      if (owner !== undefined) {
        const message = `duplicate definition of community ${JSON.stringify(value)}, already defined by ${owner}`
        entry.note('error', 'FL_CRD_DUPLICATE', path, message)
      } else {
        communities.set(value, community)
        communityOwners.set(value, entry.name)
      }
    }
  }
  return { communities, communityOwners }
}

const lastAliases = (
  object: string,
  last: { readonly communities: ByName<Community>; readonly communityOwners?: ByName<string> },
) =>
  [...(last.communityOwners ?? [])]
    .filter(([alias, owner]) => owner === object && last.communities.has(alias))
    .map(([value]) => ({
      value,
      path: 'spec.communities',
      community: last.communities.get(value) as Community,
    }))

export function settlePeers(
  batch: Batch<BgpPeer>,
  last: ByName<BgpPeer>,
  bfdProfiles: ByName<BfdProfile>,
): Map<string, BgpPeer> {
  const bySession = new Map<string, BgpPeer[]>()
  const settled = new Map<string, BgpPeer>()
  for (const entry of batch.byAge()) {
    if (entry.valid) noteSameSession(entry, bySession.get(sessionOf(entry.value)) ?? [])
    let peer = entry.valid ? entry.value : last.get(entry.name)
    if (peer === undefined) continue
    const rivals = bySession.get(sessionOf(peer)) ?? []
    const { nodeSelectors, bfdProfile } = peer
    if (!entry.valid && rivals.some((rival) => nodeOverlap(rival.nodeSelectors, nodeSelectors) === 'yes'))
      continue
    if (bfdProfile !== undefined && !bfdProfiles.has(bfdProfile)) {
      const message = `peer ${peer.name} referencing non existing bfd profile ${bfdProfile}: the session runs without BFD`
      entry.note('warning', 'FL_CRD_UNKNOWN_REFERENCE', 'spec.bfdProfile', message)
      const { bfdProfile: _unknown, ...without } = peer
      peer = without
    }
    bySession.set(sessionOf(peer), [...rivals, peer])
    settled.set(entry.name, peer)
  }
  return settled
}

/** Two sessions between the same pair of ends would be taken for one that collides with itself (RFC 4271 6.8). */
function noteSameSession(entry: Entry<BgpPeer>, rivals: readonly BgpPeer[]): void {
  for (const rival of rivals) {
    const overlap = nodeOverlap(rival.nodeSelectors, entry.value.nodeSelectors)
    if (overlap === 'no') continue
    const severity = overlap === 'yes' ? 'error' : 'warning'
    const message = `peer ${rival.name} already exists with the same address, port and VRF, and ${overlap === 'yes' ? 'selects' : 'may select'} the same nodes`
    entry.note(
      severity,
      'FL_PEER_CONFLICT',
      entry.value.interface === undefined ? 'spec.peerAddress' : 'spec.interface',
      message,
    )
  }
}

const sessionOf = ({ peerAddress, sourceAddress, peerPort, vrf, ...peer }: BgpPeer): string =>
  JSON.stringify([
    peerAddress === undefined ? peer.interface : formatAddress(peerAddress),
    sourceAddress === undefined ? '' : formatAddress(sourceAddress),
    peerPort,
    vrf,
  ])

export function settleL2(
  batch: Batch<L2Draft>,
  last: ByName<L2Advertisement>,
  scope: Scope,
): Map<string, L2Advertisement> {
  const settled = new Map<string, L2Advertisement>()
  for (const entry of batch.entries) {
    const lastGood = last.get(entry.name)
    if (entry.valid) settled.set(entry.name, resolveL2(entry.value, scope, entry.issues))
    else if (lastGood !== undefined) settled.set(entry.name, refitL2(lastGood, scope))
  }
  return settled
}

/** @param lastPools the pools that were in force with `last` */
export function settleBgp(
  batch: Batch<BgpDraft>,
  last: ByName<BgpAdvertisement>,
  lastPools: ByName<Pool>,
  scope: Scope,
): Map<string, BgpAdvertisement> {
  const settled = new Map<string, BgpAdvertisement>()
  for (const entry of batch.byAge()) {
    const advertisement = last.get(entry.name)
    const earlier = advertisement && { advertisement, pools: lastPools }
    const versions = earlier === undefined ? [] : [refitBgp(earlier, scope)]
    if (entry.valid) {
      const resolved = resolveBgp(entry.value, scope, entry.issues, earlier)
      if (isUsable(entry)) noteRouteConflicts(entry, resolved, settled, scope)
      const first = entry.valid || earlier === undefined || hasLengthsOf(advertisement, resolved)
      if (isUsable(entry)) versions.splice(first ? 0 : 1, 0, resolved)
    }
    const conflicts = (one: BgpAdvertisement) =>
      [...settled.values()].some((other) => routeConflict(other, one, scope.pools)?.certain === 'yes')
    const version = versions.find((one) => !conflicts(one))
    if (version !== undefined) settled.set(entry.name, version)
  }
  return settled
}

/** All of it can be in force but for some ranges that its aggregates do not fit. */
const isUsable = ({ issues }: Entry<BgpDraft>): boolean =>
  issues.every(({ severity, code }) => severity !== 'error' || code === 'FL_ADVERTISEMENT_AGGREGATION')

/** Then nothing that was announced is lost by taking the new version of an advertisement that is in error. */
const hasLengthsOf = (last: BgpAdvertisement | undefined, next: BgpAdvertisement): boolean =>
  last?.aggregationLength === next.aggregationLength && last.aggregationLengthV6 === next.aggregationLengthV6

function noteRouteConflicts(
  entry: Entry<BgpDraft>,
  advertisement: BgpAdvertisement,
  settled: ByName<BgpAdvertisement>,
  scope: Scope,
): void {
  for (const other of settled.values()) {
    const conflict = routeConflict(other, advertisement, scope.pools)
    if (conflict === undefined) continue
    const { certain, field, words, values } = conflict
    const text = `invalid ${words} ${values[1]}: ${words} ${values[0]} was already set for the same type of BGP update`
    const message = `${text} by ${other.name}. Check existing BGP advertisements with common pools and aggregation lengths`
    const where = certain === 'yes' ? '' : ' (nodes that both select will not announce)'
    entry.note(
      certain === 'yes' ? 'error' : 'warning',
      field === 'localPref' ? 'FL_ADVERTISEMENT_LOCAL_PREF' : 'FL_ADVERTISEMENT_CONFLICT',
      `spec.${field}`,
      message + where,
    )
  }
}
