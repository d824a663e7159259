import { isDeepStrictEqual } from 'node:util'
import type { Config, Problem } from '#crds/config.ts'
import type { ProblemCode } from '#crds/errors.ts'
import { parseConfig, type ConfigObjects, type RawObject } from '#crds/parse.ts'
import { isRecord } from '#crds/parse/fields.ts'
import type { Simulation } from '../simulate.ts'
import { clusterOverlaps, type ClusterAddresses } from './cluster-overlaps.ts'
import type { AdmissionRequest, AdmissionVerdict } from './review.ts'

/** What a request is judged against. */
export interface AdmissionWorld {
  /** the only namespace whose custom resources count */
  readonly namespace: string
  /** in force, and what is wrong with the objects that it was made from */
  readonly config: Config
  readonly problems: readonly Problem[]
  readonly objects: ConfigObjects
  /** absent when nodes and their addresses could not be listed */
  readonly cluster?: ClusterAddresses
  /** what another configuration would do to the Services */
  readonly simulate?: (
    config: Config,
    problems: readonly Problem[],
  ) => Pick<Simulation, 'moves' | 'loses'> | undefined
}

type Section = keyof ConfigObjects

/** The paths of MetalLB's webhook, and what is validated there. */
export const admissionPaths: ReadonlyMap<string, Section> = new Map([
  ['/validate-metallb-io-v1beta2-bgppeer', 'peers'],
  ['/validate-metallb-io-v1beta1-ipaddresspool', 'pools'],
  ['/validate-metallb-io-v1beta1-bgpadvertisement', 'bgpAdvertisements'],
  ['/validate-metallb-io-v1beta1-l2advertisement', 'l2Advertisements'],
  ['/validate-metallb-io-v1beta1-community', 'communities'],
  ['/validate-metallb-io-v1beta1-bfdprofile', 'bfdProfiles'],
])

const kinds: Readonly<Record<Section, string>> = {
  pools: 'IPAddressPool',
  l2Advertisements: 'L2Advertisement',
  bgpAdvertisements: 'BGPAdvertisement',
  peers: 'BGPPeer',
  bfdProfiles: 'BFDProfile',
  communities: 'Community',
}

/** An alias may be defined a moment later: objects that are applied together come in any order. */
const MAY_COME_LATER: ProblemCode = 'FL_COMMUNITY_UNKNOWN'
const DISABLE_MP = "disable mp is deprecated and has no effect since it's the default behavior now"
const EXAMPLES = 3

const allowed: AdmissionVerdict = { denied: '', warnings: [] }
const deny = (denied: string): AdmissionVerdict => ({ denied, warnings: [] })

/**
 * May this object be stored? The parser that makes the configuration reads all objects with the new one in its place;
 * what is an error then, and was none before, is refused. Problems that the change makes for objects of other kinds,
 * overlaps with the cluster's own addresses and what would happen to Services are warnings.
 */
export function admit(section: Section, request: AdmissionRequest, world: AdmissionWorld): AdmissionVerdict {
  if (request.kind !== kinds[section])
    return deny(`${request.kind} is not validated here, only ${kinds[section]}`)
  if (request.namespace !== world.namespace) return elsewhere(request, world)
  if (request.operation === 'DELETE') return admitDeletion(section, request, world)
  const object = asObject(request.object)
  // The last thing that finalizers do must not fail because of what the object says.
  if (object === undefined || 'deletionTimestamp' in object.metadata) return allowed
  return admitObject(section, object, request, world)
}

function elsewhere({ operation }: AdmissionRequest, { namespace }: AdmissionWorld): AdmissionVerdict {
  if (operation === 'CREATE') return deny(`resource must be created in ${namespace} namespace`)
  if (operation === 'DELETE') return allowed
  return { denied: '', warnings: [`this object has no effect: only those in namespace ${namespace} have`] }
}

function admitDeletion(
  section: Section,
  { name }: AdmissionRequest,
  world: AdmissionWorld,
): AdmissionVerdict {
  const { objects } = world
  if (section === 'bfdProfiles') {
    const user = objects.peers.find(({ spec }) => isRecord(spec) && spec['bfdProfile'] === name)
    if (user !== undefined)
      return deny(`failed to delete BFDProfile ${name}, used by BGPPeer ${user.metadata.name}`)
  }
  const rest = objects[section].filter(({ metadata }) => metadata.name !== name)
  const after = parseConfig({ ...objects, [section]: rest }, world.config)
  return {
    denied: '',
    warnings: [...newProblems(after.problems, world).map(about), ...effects(after, world)],
  }
}

function admitObject(
  section: Section,
  object: RawObject,
  { name, oldObject }: AdmissionRequest,
  world: AdmissionWorld,
): AdmissionVerdict {
  const others = world.objects[section].filter(({ metadata }) => metadata.name !== name)
  const after = parseConfig({ ...world.objects, [section]: [...others, object] }, world.config)
  const isOwn = (problem: Problem) => problem.kind === kinds[section] && problem.name === name
  const own = after.problems.filter(isOwn)
  const foreign = newProblems(after.problems, world).filter((problem) => !isOwn(problem))
  const wrong = [
    ...own.filter(isRefused).map(said),
    ...foreign.filter((problem) => isRefused(problem) && problem.kind === kinds[section]).map(about),
  ]
  const warnings = [
    ...(isRecord(object.spec) && object.spec['disableMP'] === true ? [DISABLE_MP] : []),
    ...own.filter((problem) => !isRefused(problem)).map(said),
    ...foreign.filter((problem) => !isRefused(problem) || problem.kind !== kinds[section]).map(about),
    ...(section === 'pools' ? overlaps(name, after.config, world) : []),
    ...effects(after, world),
  ]
  // Labels and annotations of an object that was let in before may change, whatever its spec says.
  const former = asObject(oldObject)
  if (wrong.length > 0 && former !== undefined && isDeepStrictEqual(former.spec, object.spec))
    return { denied: '', warnings: [...wrong, ...warnings] }
  return wrong.length > 0 ? { denied: wrong.join('; '), warnings: [] } : { denied: '', warnings }
}

const isRefused = ({ severity, code }: Problem): boolean => severity === 'error' && code !== MAY_COME_LATER

const identity = ({ kind, name, field, message }: Problem): string =>
  JSON.stringify([kind, name, field, message])

function newProblems(problems: readonly Problem[], world: AdmissionWorld): Problem[] {
  const known = new Set(world.problems.map(identity))
  return problems.filter((problem) => !known.has(identity(problem)))
}

const said = ({ field, message }: Problem): string => (field === '' ? message : `${field}: ${message}`)

const about = (problem: Problem): string => `${problem.kind} ${problem.name}: ${said(problem)}`

function overlaps(name: string, config: Config, { cluster }: AdmissionWorld): string[] {
  const pool = config.pools.find((one) => one.name === name)
  if (pool === undefined) return []
  if (cluster === undefined) return ['the addresses of nodes and pods could not be compared with the pool']
  return clusterOverlaps(pool, cluster)
}

function effects(after: { config: Config; problems: readonly Problem[] }, world: AdmissionWorld): string[] {
  if (after.config.pools === world.config.pools) return []
  const found = world.simulate?.(after.config, after.problems)
  if (found === undefined) return []
  return [
    ...sentence(found.loses, 'would lose their address'),
    ...sentence(found.moves, 'would get another address'),
  ]
}

function sentence(changes: Simulation['moves'], what: string): string[] {
  if (changes.length === 0) return []
  const rest = changes.length - EXAMPLES
  const names = changes.slice(0, EXAMPLES).map(({ service, from }) => `${service} (${from.join(', ')})`)
  return [`Services that ${what}: ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`]
}

/** The parser trusts nothing but that there is a name. */
function asObject(object: AdmissionRequest['object']): RawObject | undefined {
  const metadata = object?.['metadata']
  return isRecord(metadata) ? (object as unknown as RawObject) : undefined
}
