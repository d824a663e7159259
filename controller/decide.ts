import { compareAddresses, formatAddress, sameAddress, tryParseAddress, type Address } from '#inet/address.ts'
import { keyOf } from '#kube/api.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Allocator } from './allocator/allocator.ts'
import { poolsText, quoteAddresses, type Assignment, type Considered } from './allocator/outcome.ts'
import { sameFamilies, type AllocationRequest, type RefusalReason } from './allocator/request.ts'
import type { Wish } from './allocator/waiting.ts'
import { withBrokenPools, type Refused } from './broken-pools.ts'
import { POOL_ANNOTATION, readRequest } from './request.ts'

/** What decisions depend on besides the Service. */
export interface Scope {
  readonly allocator: Allocator
  readonly loadBalancerClass: string
  /** pools that exist, are in error and have no last good version, with what is wrong */
  readonly brokenPools: ReadonlyMap<string, string>
  /** no pool is in force */
  readonly noPools: boolean
}

export interface ServiceEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** What should be true of a Service of ours. */
export interface Decision {
  readonly addresses: readonly Address[]
  /** the pools of the addresses as `poolsText` has them */
  readonly pool: string
  /**
   * `Assigned`, `PoolInvalid` (kept although its pool is in error), or why it has no address; with addresses, why it
   * has not those of its AddressReservation
   */
  readonly reason: 'Assigned' | RefusalReason
  readonly message: string
  /** the pools that have refused it; [] for one that is served */
  readonly considered: readonly Considered[]
  /** the AddressReservation that it holds, `namespace/name`; '' for none */
  readonly reservation: string
  /** has not all that it wants: to be looked at again when the configuration changes */
  readonly wantsMore: boolean
  /** what it waits for besides; undefined when nothing that others have can help */
  readonly wish?: Wish
  readonly events: readonly ServiceEvent[]
}

/** Nothing is allocated. */
export interface NotOurs {
  readonly notOurs: 'NotLoadBalancer' | 'ClassNotOurs'
}

/**
 * Decides what a Service gets and takes it from the allocator: no I/O, no clock. Deciding again without a change
 * gives the same addresses. Addresses that the Service has are kept as long as the configuration allows it.
 */
export function decide(service: Service, scope: Scope, key = keyOf(service)): Decision | NotOurs {
  const notOurs = classRefusal(service, scope.loadBalancerClass)
  if (notOurs !== '') {
    scope.allocator.release(key)
    return { notOurs }
  }
  const events: ServiceEvent[] = []
  const outcome = decideOurs(key, service, scope, events)
  const wanted = service.ipFamilyPolicy === 'PreferDualStack' ? service.clusterIPs.length : 1
  const { addresses, pool, reason, message, considered, reservation, request, unmet = false } = outcome
  const wantsMore = unmet || addresses.length < wanted
  const wish = wantsMore && request !== undefined ? { wish: scope.allocator.wish(key, request) } : {}
  return {
    addresses,
    pool,
    reason,
    message: clipped(message),
    considered,
    reservation,
    wantsMore,
    events: events.length === 0 ? NONE : events.map(clippedEvent),
    ...wish,
  }
}

/** What is decided about a Service that has all that it wants: its assignment tells it. */
export function served(assignment: Assignment): Decision {
  const outcome = outcomeOf(assignment)
  return { ...outcome, message: clipped(outcome.message), wantsMore: false, events: NONE }
}

/** Is this what `served` says of the assignment? Events aside. */
export const isServed = (decision: Decision, assignment: Assignment): boolean =>
  !decision.wantsMore &&
  decision.reason === 'Assigned' &&
  decision.addresses === assignment.addresses &&
  decision.message === clipped(outcomeOf(assignment).message)

const NONE: readonly never[] = Object.freeze([])

/** What people wrote is in messages, and the API server takes 32768 characters of a condition. */
const LONGEST = 1024
const clipped = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text)
const clippedEvent = (event: ServiceEvent): ServiceEvent => ({ ...event, message: clipped(event.message) })

interface Outcome extends Omit<Decision, 'events' | 'wantsMore' | 'wish'> {
  /** what it waits for, when it is not served */
  readonly request?: AllocationRequest
  /** has addresses, but not those of its reservation */
  readonly unmet?: boolean
}

function decideOurs(key: string, service: Service, scope: Scope, events: ServiceEvent[]): Outcome {
  const { allocator } = scope
  const read = readRequest(service)
  if ('reason' in read) {
    allocator.release(key)
    if (read.event !== undefined) events.push({ type: 'Warning', ...read.event })
    return nothing(read.reason, read.message)
  }
  const { request, invalid } = read
  if (invalid === '' && leavesReservation(key, request, allocator)) leave(key, allocator, events)
  const broken = keep(key, service, request, scope, events)
  if (broken !== undefined) return broken
  if (scope.noPools) {
    allocator.release(key)
    const refusal = { reason: 'NoPools', message: 'there are no address pools in force' } as const
    const why = withBrokenPools({ refusal, considered: NONE }, request, scope.brokenPools)
    return nothing(why.refusal.reason, why.refusal.message, why.considered)
  }
  if (invalid !== '') {
    events.push({ type: 'Warning', reason: 'LoadBalancerFailed', message: invalid })
    // What it has it keeps: a slip of the pen must not take a Service off the network.
    const kept = assigned(key, allocator)
    return kept === undefined
      ? nothing('InvalidRequest', invalid)
      : { ...kept, message: `${kept.message}; ${invalid}` }
  }
  return { ...decideReadable(key, request, scope, events), request }
}

function decideReadable(
  key: string,
  request: AllocationRequest,
  scope: Scope,
  events: ServiceEvent[],
): Outcome {
  const { allocator } = scope
  if (!asRequested(key, request, allocator)) {
    // Addresses are changed for those of a reservation only when these are to be had.
    if (request.reservation === '') allocator.release(key)
    return allocateNew(key, request, scope, events)
  }
  const present = assigned(key, allocator)
  if (present === undefined) return allocateNew(key, request, scope, events)
  const added =
    request.preferDual && request.addresses.length === 0 ? allocator.topUp(key, request) : undefined
  if (added !== undefined) {
    const message = `Assigned additional IP ${JSON.stringify(formatAddress(added))}`
    events.push({ type: 'Normal', reason: 'IPAllocated', message })
  }
  return assigned(key, allocator) ?? present
}

/** Its addresses belong to a reservation, and it names that one no longer. */
function leavesReservation(key: string, { reservation }: AllocationRequest, allocator: Allocator): boolean {
  const held = allocator.assignment(key)?.reservation ?? ''
  return held !== '' && held !== reservation && allocator.register.reservations.get(held) !== undefined
}

function leave(key: string, allocator: Allocator, events: ServiceEvent[]): void {
  const held = allocator.assignment(key)?.reservation
  allocator.release(key)
  const message = `current IP for ${JSON.stringify(key)} stays with AddressReservation ${held}, will attempt for new IP assignment`
  events.push({ type: 'Normal', reason: 'ClearAssignment', message })
}

/**
 * Registers the addresses that the Service has, or releases them when it may not have them any more.
 * @returns the outcome for a Service that keeps its addresses because their pool is in error
 */
function keep(
  key: string,
  service: Service,
  request: AllocationRequest,
  scope: Scope,
  events: ServiceEvent[],
  adopting = false,
): Outcome | undefined {
  const { allocator } = scope
  const current = currentAddresses(key, service, allocator)
  if (current.length === 0) return undefined
  const families = current.map(({ family }) => family)
  if (new Set(families).size < families.length) {
    const message = `Failed to retrieve LBIPs IPFamily for ${JSON.stringify(key)}: ${quoteAddresses(current)} is not one address, nor one of each family`
    events.push({ type: 'Warning', reason: 'nolbIPsIPFamily', message })
    allocator.release(key)
    return undefined
  }
  const enough = request.preferDual && families.length === 1
  if (!sameFamilies(families, request.families) && !enough) {
    allocator.release(key)
    return undefined
  }
  const outcome = allocator.assign(key, request, current, adopting)
  if (outcome.ok) return undefined
  const pool = service.annotations[POOL_ANNOTATION] ?? ''
  const broken = pool.split(',').find((name) => scope.brokenPools.has(name))
  if (broken !== undefined && outcome.refusal.reason === 'RequestedAddressNotInPool') {
    if (allocator.hold(key, request, current))
      return heldFor(current, pool, broken, scope.brokenPools.get(broken) as string)
  }
  allocator.release(key)
  const message = `current IP for ${JSON.stringify(key)} not allowed by config, will attempt for new IP assignment: ${outcome.refusal.message}`
  events.push({ type: 'Normal', reason: 'ClearAssignment', message })
  return undefined
}

/**
 * Puts the addresses of a Service into the allocator as they are, without a decision: for start-up, where all
 * that have addresses go before all that want some.
 */
export function adopt(service: Service, scope: Scope, key = keyOf(service)): void {
  if (classRefusal(service, scope.loadBalancerClass) !== '') return
  const read = readRequest(service)
  if (!('reason' in read)) keep(key, service, read.request, scope, [], true)
}

/** What the allocator knows goes before what the Service says: its status may be old, or edited by others. */
function currentAddresses(key: string, service: Service, allocator: Allocator): readonly Address[] {
  const known = allocator.assignment(key)
  if (known !== undefined) return known.addresses
  const addresses: Address[] = []
  for (const { ip } of service.ingress) {
    const address = tryParseAddress(ip ?? '')
    if (address !== undefined) addresses.push(address)
  }
  return addresses.sort(compareAddresses)
}

/** Does the Service have what it asks for by name? */
function asRequested(key: string, request: AllocationRequest, allocator: Allocator): boolean {
  const present = allocator.assignment(key)
  if (present === undefined) return true
  if (request.reservation !== present.reservation) return false
  if (request.pool !== '' && present.pools.some((pool) => pool !== request.pool)) return false
  const { addresses } = request
  if (addresses.length === 0) return true
  return (
    addresses.length === present.addresses.length &&
    addresses.every((address, index) => sameAddress(address, present.addresses[index]))
  )
}

function allocateNew(
  key: string,
  request: AllocationRequest,
  { allocator, brokenPools }: Scope,
  events: ServiceEvent[],
): Outcome {
  const before = allocator.assignment(key)
  const outcome = allocator.allocate(key, request)
  if (!outcome.ok) return notAllocated(key, withBrokenPools(outcome, request, brokenPools), allocator, events)
  const { addresses } = outcome.assignment
  const present = assigned(key, allocator) as Outcome
  if (before?.addresses.every((one) => addresses.some((other) => sameAddress(one, other))) !== true) {
    const message = `Assigned IP ${quoteAddresses(addresses)}`
    events.push({ type: 'Normal', reason: 'IPAllocated', message })
  }
  return present
}

/** Without what it asks for a Service has nothing, or, when that is a reservation, what it had before. */
function notAllocated(
  key: string,
  { refusal, considered }: Refused,
  allocator: Allocator,
  events: ServiceEvent[],
): Outcome {
  const message = `Failed to allocate IP for ${JSON.stringify(key)}: ${refusal.message}`
  events.push({ type: 'Warning', reason: 'AllocationFailed', message })
  const kept = assigned(key, allocator)
  if (kept === undefined) return nothing(refusal.reason, refusal.message, considered)
  return { ...kept, reason: refusal.reason, message: `${kept.message}; ${refusal.message}`, unmet: true }
}

function assigned(key: string, allocator: Allocator): Outcome | undefined {
  const assignment = allocator.assignment(key)
  return assignment === undefined ? undefined : outcomeOf(assignment)
}

function outcomeOf({ addresses, pools, reservation }: Assignment): Outcome {
  const pool = poolsText(pools)
  const [only, ...others] = new Set(pools)
  const from =
    others.length === 0
      ? `${addresses.map(formatAddress).join(', ')} from pool ${only}`
      : addresses.map((address, index) => `${formatAddress(address)} from pool ${pools[index]}`).join(', ')
  return { addresses, pool, reason: 'Assigned', message: from, considered: NONE, reservation }
}

const heldFor = (addresses: readonly Address[], pool: string, broken: string, why: string): Outcome => ({
  addresses,
  pool,
  reason: 'PoolInvalid',
  message: `kept although IPAddressPool ${broken} is in error: ${why}`,
  considered: [{ pool: broken, refused: 'is in error' }],
  reservation: '',
})

const nothing = (
  reason: RefusalReason,
  message: string,
  considered: readonly Considered[] = [],
): Outcome => ({ addresses: [], pool: '', reason, message, considered, reservation: '' })
