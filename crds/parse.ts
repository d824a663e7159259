import { isDeepStrictEqual } from 'node:util'
import { emptyConfig, type Config, type Problem } from './config.ts'
import { parseBgpAdvertisement, parseL2Advertisement } from './parse/advertisement.ts'
import { Batch, compareText } from './parse/batch.ts'
import { parseBfdProfile } from './parse/bfd.ts'
import { parseAliases } from './parse/community.ts'
import type { RawObject } from './parse/metadata.ts'
import { parsePeer } from './parse/peer.ts'
import { parsePool } from './parse/pool.ts'
import type { Scope } from './parse/resolve.ts'
import { settle, settleAliases, settleBgp, settleL2, settlePeers, settlePools } from './parse/settle.ts'

export type { RawObject } from './parse/metadata.ts'

/** The custom resources as they were listed. */
export interface ConfigObjects {
  readonly pools: readonly RawObject[]
  readonly l2Advertisements: readonly RawObject[]
  readonly bgpAdvertisements: readonly RawObject[]
  readonly peers: readonly RawObject[]
  readonly bfdProfiles: readonly RawObject[]
  readonly communities: readonly RawObject[]
}

/**
 * Checks the custom resources, each by itself and against the others; never throws, whatever the objects hold.
 * Every error and warning is reported with its field path. An object in error affects only itself and what depends
 * on it: its last good version (by name, from `previous`) stays in force as far as the rest allows; without one it
 * is left out. Where two objects exclude each other the older one (creation time, then name) wins.
 *
 * What did not change keeps its identity: objects, lists, and the Config itself when nothing changed at all.
 * @param previous the configuration in force until now
 */
export function parseConfig(
  objects: ConfigObjects,
  previous: Config = emptyConfig,
): { config: Config; problems: Problem[] } {
  const pools = new Batch('IPAddressPool', objects.pools, parsePool)
  const bfdProfiles = new Batch('BFDProfile', objects.bfdProfiles, parseBfdProfile)
  const communities = new Batch('Community', objects.communities, (_metadata, spec) => parseAliases(spec))
  const peers = new Batch('BGPPeer', objects.peers, parsePeer)
  const l2 = new Batch('L2Advertisement', objects.l2Advertisements, parseL2Advertisement)
  const bgp = new Batch('BGPAdvertisement', objects.bgpAdvertisements, parseBgpAdvertisement)

  const aliases = settleAliases(communities, previous)
  const settledPools = settlePools(pools, byName(previous.pools))
  const settledProfiles = settle(bfdProfiles, byName(previous.bfdProfiles))
  const settledPeers = settlePeers(peers, byName(previous.peers), settledProfiles)
  const scope: Scope = {
    pools: settledPools,
    peers: settledPeers,
    communities: aliases.communities,
  }
  const config: Config = {
    pools: list(settledPools, previous.pools),
    l2Advertisements: list(settleL2(l2, byName(previous.l2Advertisements), scope), previous.l2Advertisements),
    bgpAdvertisements: list(
      settleBgp(bgp, byName(previous.bgpAdvertisements), byName(previous.pools), scope),
      previous.bgpAdvertisements,
    ),
    peers: list(settledPeers, previous.peers),
    bfdProfiles: list(settledProfiles, previous.bfdProfiles),
    communities: same(aliases.communities, previous.communities),
    communityOwners: same(aliases.communityOwners, previous.communityOwners),
  }
  const batches = [pools, l2, bgp, peers, bfdProfiles, communities]
  return {
    config: unchanged(config, previous) ? previous : config,
    problems: batches.flatMap((one) => one.problems()),
  }
}

interface Named {
  readonly name: string
}

const byName = <T extends Named>(values: readonly T[]): Map<string, T> =>
  new Map(values.map((value) => [value.name, value]))

/** In name order, with the former object wherever it is equal, and the former list when nothing differs. */
function list<T extends Named>(settled: ReadonlyMap<string, T>, previous: readonly T[]): readonly T[] {
  const former = byName(previous)
  const next = [...settled.values()]
    .sort((a, b) => compareText(a.name, b.name))
    .map((value) => same(value, former.get(value.name)))
  const equal = next.length === previous.length && next.every((value, index) => value === previous[index])
  return equal ? previous : next
}

const same = <T>(value: T, former: T | undefined): T =>
  former !== undefined && isDeepStrictEqual(value, former) ? former : value

const unchanged = (config: Config, previous: Config): boolean =>
  (Object.keys(config) as (keyof Config)[]).every((key) => config[key] === previous[key])
