import { tryParseAddress } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import type { Candidate } from '../layer2/elect.ts'
import type { Layer2Plan } from '../layer2/advertise.ts'
import type { WireHolder, WireInterface } from '../wire/protocol.ts'
import { isLinkLocal, LIST_LIMIT } from './layer2-part.ts'

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
  notServed: 'forwarding for it is not in the kernel of the node that should announce it',
  noInterface: 'the node that should announce it has no usable interface for it',
  addressInUse: 'another machine on the wire uses it',
  invalidAddress: 'it is not an address',
  outsideSubnets: 'it is in no subnet of the interfaces that it is announced on',
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
  readonly interfaces: readonly WireInterface[]
  /** this node speaks for all when the problem is everybody's */
  readonly spokesman: boolean
}

/**
 * What this node has to say about an address that is not announced, undefined for nothing. A trouble of its own every
 * node tells itself; what all nodes see alike is told by one of them only.
 */
export function problemOf(address: string, context: ProblemContext): AddressProblem | undefined {
  const { plan, holder, routed, interfaces, spokesman } = context
  if (plan === undefined) return undefined
  if (holder?.held) return outsideSubnets(address, holder, interfaces)
  if (holder !== undefined && ownTroubles.has(holder.reason)) return own(address, holder)
  if (!spokesman) return undefined
  const { wire, reason, blockedBy } = plan
  if (wire === undefined) {
    if (routed && reason === 'noMatchingAdvertisement') return undefined
    return {
      address,
      reason,
      message: `${wordsOf(reason)}${blockedBy === undefined ? '' : ` (${blockedBy})`}`,
    }
  }
  return wire.candidates.some(({ eligible }) => eligible) ? undefined : nobody(address, wire.candidates, plan)
}

function own(address: string, { reason, foreignMac }: WireHolder): AddressProblem {
  const mac = foreignMac === undefined ? {} : { mac: foreignMac }
  return {
    address,
    reason,
    message: `${wordsOf(reason)}${foreignMac === undefined ? '' : ` (${foreignMac})`}`,
    ...mac,
  }
}

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

function namesOf(nodes: readonly Candidate[]): string {
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

/**
 * Which of these speakers tells what all of them see alike: another one for each address, the same one whoever asks.
 * @param ready names of the speakers that are ready
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
