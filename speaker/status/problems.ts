import { tryParseAddress } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import type { Candidate } from '../layer2/elect.ts'
import type { Layer2Plan } from '../layer2/advertise.ts'
import type { WireHolder, WireInterface } from '../wire/protocol.ts'
import type { SpeakerInfo } from '../world.ts'
import { isLinkLocal, LIST_LIMIT } from './layer2-part.ts'
import type { RouteRefusal } from './route-problem.ts'

/** Why nobody announces an address, or what is odd about how it is announced: an entry of a SpeakerStatus. */
export interface AddressProblem {
  readonly address: string
  /** a key of `problemWords` */
  readonly reason: string
  /** for people; the same state has the same words on every node */
  readonly message: string
  /** of the machine that uses the address */
  readonly mac?: string
}

/** The words of each reason. Those of a candidate follow the name of the node. */
export const problemWords = {
  noMatchingAdvertisement: 'no advertisement speaks for it',
  sharedIPWithServiceSelector:
    'an L2Advertisement with serviceSelectors cannot announce what several Services share',
  noEndpoints: 'it has no endpoint that can take traffic',
  noLocalEndpoints: 'no endpoint there (externalTrafficPolicy Local)',
  nodeUnknown: 'there is no such Node',
  nodeNetworkUnavailable: 'the Node has the condition NetworkUnavailable',
  nodeLabeledExcludeBalancers: 'the Node is labelled exclude-from-external-load-balancers',
  nodeDraining: 'the Node drains',
  speakerLeaving: 'its speaker is not ready',
  noUsableInterface: 'no interface that ARP and NDP can be spoken on',
  interfaceMissing: 'none of the interfaces that the advertisements name',
  noEligibleNode: 'no node may announce it',
  speakerUnreachable: 'nothing is heard of its speaker',
  notOwner: 'no BGPAdvertisement of its pool selects the Node',
  invalidAdvertisement: 'the BGPAdvertisement for it is in error',
  conflictingAdvertisements: 'BGPAdvertisements say different things of one route of the Service',
  noPeers: 'no BGPPeer that an advertisement names selects the Node',
  familyNotOffered: 'no BGPPeer that it is told to has this address family',
  notServed: 'forwarding for it is not in the kernel of the node that should announce it',
  noInterface: 'the node that should announce it has no usable interface for it',
  addressInUse: 'another machine on the wire uses it',
  invalidAddress: 'it is not an address',
  outsideSubnets: 'it is in no subnet of the interfaces that it is announced on',
  contested: 'another machine on the wire claims it, too',
} as const satisfies Record<string, string>

/** What the wire thread says of an address that this node should hold and does not. */
const ownTroubles: ReadonlySet<string> = new Set([
  'notServed',
  'noInterface',
  'addressInUse',
  'invalidAddress',
])
const NODES_NAMED = 5

/** What `problemOf` looks at besides the address. */
export interface ProblemContext {
  readonly plan: Layer2Plan | undefined
  readonly holder: WireHolder | undefined
  /** an advertisement of BGP speaks for the address */
  readonly routed: boolean
  /** forwarding keeps this node from announcing it by BGP */
  readonly routeNotServed: boolean
  /** why no node announces it by BGP; [] when some node does */
  readonly routeRefusals: () => readonly RouteRefusal[]
  /** the MAC of a machine that claimed the address a moment ago while it was held here */
  readonly contestedBy: string | undefined
  readonly interfaces: readonly WireInterface[]
  /** this node speaks for all when the problem is everybody's */
  readonly spokesman: boolean
}

/**
 * What this node has to say about an address that is not announced, undefined for nothing. A trouble of its own every
 * node tells itself; what all nodes see alike is told by one of them only.
 */
export function problemOf(address: string, context: ProblemContext): AddressProblem | undefined {
  const { plan, holder, routed, interfaces, spokesman, contestedBy } = context
  if (plan === undefined) return undefined
  if (holder?.held) {
    if (contestedBy !== undefined) return withMac(address, 'contested', contestedBy)
    return outsideSubnets(address, holder, interfaces)
  }
  if (holder !== undefined && ownTroubles.has(holder.reason))
    return withMac(address, holder.reason, holder.foreignMac)
  const { wire, reason, blockedBy } = plan
  if (wire === undefined && context.routeNotServed) return withMac(address, 'notServed', undefined)
  if (!spokesman) return undefined
  if (wire === undefined) {
    if (routed && reason === 'noMatchingAdvertisement') return nobodyRoutes(address, context.routeRefusals())
    return {
      address,
      reason,
      message: `${wordsOf(reason)}${blockedBy === undefined ? '' : ` (${blockedBy})`}`,
    }
  }
  return wire.candidates.some(({ eligible }) => eligible) ? undefined : nobody(address, wire.candidates, plan)
}

function withMac(address: string, reason: string, mac: string | undefined): AddressProblem {
  const message = `${wordsOf(reason)}${mac === undefined ? '' : ` (${mac})`}`
  return { address, reason, message, ...(mac === undefined ? {} : { mac }) }
}

/** No node tells routers of it: why, together where that is the same for all. */
function nobodyRoutes(address: string, refusals: readonly RouteRefusal[]): AddressProblem | undefined {
  if (refusals.length === 0) return undefined
  const words = ({ reason, about }: RouteRefusal) => `${wordsOf(reason)}${about === '' ? '' : `: ${about}`}`
  // Nodes that are gone, or that have no endpoint by design, are named beside the others; those have the reason.
  const there = refusals.filter(({ reason }) => !absences.has(reason))
  const meant = there.filter(({ reason }) => reason !== 'noLocalEndpoints')
  const decisive = meant.length > 0 ? meant : there.length > 0 ? there : refusals
  const reasons = new Set(decisive.map(({ reason }) => reason))
  const byWords = Map.groupBy(refusals, words)
  const [only] = reasons
  const reason = reasons.size === 1 ? only : 'noEligibleNode'
  if (reasons.size === 1 && everywhere.has(only)) return { address, reason, message: words(decisive[0]) }
  const parts = [...byWords]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([text, nodes]) => `${namesOf(nodes)}: ${text}`)
  return { address, reason, message: parts.join('; ') }
}

const absences: ReadonlySet<string> = new Set(['speakerLeaving', 'speakerUnreachable'])
/** Reasons that are about no node. */
const everywhere: ReadonlySet<string> = new Set([
  'noMatchingAdvertisement',
  'invalidAdvertisement',
  'noEndpoints',
])

/** No node is a candidate: what keeps them from it, told together where it is the same for all. */
function nobody(
  address: string,
  candidates: readonly Candidate[],
  { blockedBy }: Layer2Plan,
): AddressProblem {
  const byReason = Map.groupBy(candidates, ({ reason }) => reason)
  const [only] = byReason.keys()
  if (byReason.size === 1 && only === 'noEndpoints')
    return { address, reason: only, message: problemWords.noEndpoints }
  const service = blockedBy === undefined ? '' : ` (${blockedBy})`
  const parts = [...byReason]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, nodes]) => `${namesOf(nodes)}: ${wordsOf(reason)}${isEndpoints(reason) ? service : ''}`)
  const reason = byReason.size === 1 && only !== undefined ? only : 'noEligibleNode'
  return { address, reason, message: parts.length === 0 ? problemWords.noEligibleNode : parts.join('; ') }
}

const isEndpoints = (reason: string): boolean => reason === 'noLocalEndpoints'

function namesOf(nodes: readonly { readonly node: string }[]): string {
  const more = nodes.length > NODES_NAMED ? ` and ${nodes.length - NODES_NAMED} more` : ''
  const named = nodes.slice(0, NODES_NAMED).map(({ node }) => node)
  return `${named.join(', ')}${more}`
}

function outsideSubnets(
  address: string,
  { interfaces: names }: WireHolder,
  interfaces: readonly WireInterface[],
): AddressProblem | undefined {
  const parsed = tryParseAddress(address)
  const on = interfaces.filter(({ name }) => names.includes(name))
  if (parsed === undefined || on.length === 0) return undefined
  const inside = on.some(({ prefixes }) =>
    prefixes.some((text) => {
      const prefix = isLinkLocal(text) ? undefined : tryParsePrefix(text)
      return prefix !== undefined && prefixContains(prefix, parsed)
    }),
  )
  return inside ? undefined : { address, reason: 'outsideSubnets', message: problemWords.outsideSubnets }
}

const wordsOf = (reason: string): string =>
  Object.hasOwn(problemWords, reason) ? problemWords[reason as keyof typeof problemWords] : reason

/** Names of the speakers that can tell something: those that are ready and reach the API, sorted. */
export const tellingSpeakers = (speakers: ReadonlyMap<string, SpeakerInfo>): string[] =>
  [...speakers]
    .flatMap(([name, { ready, apiReachable }]) => (ready && apiReachable !== false ? [name] : []))
    .sort()

/**
 * Which of these speakers tells what all of them see alike: another one for each address, the same one whoever asks.
 * @param ready of `tellingSpeakers`
 */
export function spokesmanFor(address: string, ready: readonly string[]): string | undefined {
  // FNV-1a: looked at for each address whenever the world changes.
  let hash = 0x811c9dc5
  for (let index = 0; index < address.length; index++)
    hash = Math.imul(hash ^ address.charCodeAt(index), 0x01000193) >>> 0
  return ready[hash % ready.length]
}

/** A problem that is over within this many milliseconds is told nobody: a new Service has one until it is programmed. */
export const SETTLE_MS = 1000

/** The problems that this node tells, brought up to date address by address. */
export class AddressProblems {
  readonly #context: (address: string) => ProblemContext
  /** in the order in which they were first seen, so that a new one displaces none from a list that is full */
  readonly #problems = new Map<string, { readonly problem: AddressProblem; readonly since: number }>()

  constructor(context: (address: string) => ProblemContext) {
    this.#context = context
  }

  /**
   * Looks at an address again.
   * @returns whether there is something else to say about it
   */
  look(address: string, now: number): boolean {
    const before = this.#problems.get(address)
    const problem = problemOf(address, this.#context(address))
    if (problem === undefined) return this.#problems.delete(address)
    const same = before?.problem.reason === problem.reason && before.problem.message === problem.message
    if (!same) this.#problems.set(address, { problem, since: now })
    return !same
  }

  of(address: string): AddressProblem | undefined {
    return this.#problems.get(address)?.problem
  }

  /** The first of those that have lasted for a while. */
  list(now: number): AddressProblem[] {
    const lasting = [...this.#problems.values()].filter(({ since }) => now - since >= SETTLE_MS)
    return lasting.slice(0, LIST_LIMIT).map(({ problem }) => problem)
  }

  /** Some are too young to be told. */
  settling(now: number): boolean {
    return [...this.#problems.values()].some(({ since }) => now - since < SETTLE_MS)
  }
}
