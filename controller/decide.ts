import { compareAddresses, formatAddress, sameAddress, tryParseAddress, type Address } from '#inet/address.ts'
import { keyOf } from '#kube/api.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Allocator } from './allocator/allocator.ts'
import type { Considered } from './allocator/outcome.ts'
import {
  quoteAddresses,
  sameFamilies,
  type AllocationRequest,
  type RefusalReason,
} from './allocator/request.ts'
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
  readonly pool: string
  /** `Assigned`, `PoolInvalid` (kept although its pool is in error), or why it has no address */
  readonly reason: 'Assigned' | 'PoolInvalid' | RefusalReason
  readonly message: string
  readonly considered: readonly Considered[]
  /** has no address, or one where it would like two: to be looked at again when something becomes free */
  readonly wantsMore: boolean
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
export function decide(service: Service, scope: Scope): Decision | NotOurs {
  const key = keyOf(service)
  const notOurs = classRefusal(service, scope.loadBalancerClass)
  if (notOurs !== '') {
    scope.allocator.release(key)
    return { notOurs }
  }
  const events: ServiceEvent[] = []
  const outcome = decideOurs(key, service, scope, events)
  const wanted = service.ipFamilyPolicy === 'PreferDualStack' ? service.clusterIPs.length : 1
  return { ...outcome, wantsMore: outcome.addresses.length < wanted, events }
}

type Outcome = Omit<Decision, 'events' | 'wantsMore'>

function decideOurs(key: string, service: Service, scope: Scope, events: ServiceEvent[]): Outcome {
  const { allocator } = scope
  const read = readRequest(service)
  if ('reason' in read) {
    allocator.release(key)
    if (read.event !== undefined) events.push({ type: 'Warning', ...read.event })
    return nothing(read.reason, read.message)
  }
  const { request, invalid } = read
  const broken = keep(key, service, request, scope, events)
  if (broken !== undefined) return broken
  if (scope.noPools) {
    allocator.release(key)
    return nothing('NoPools', 'there are no address pools in force')
  }
  if (invalid !== '') {
    const message = `invalid requested loadbalancer IPs: ${invalid}`
    events.push({ type: 'Warning', reason: 'LoadBalancerFailed', message })
    // What it has it keeps: a slip of the pen must not take a Service off the network.
    const kept = assigned(key, allocator)
    return kept === undefined
      ? nothing('InvalidRequest', message)
      : { ...kept, message: `${kept.message}; ${message}` }
  }
  if (!asRequested(key, request, allocator)) allocator.release(key)
  const present = assigned(key, allocator)
  if (present === undefined) return allocateNew(key, request, allocator, events)
  const added =
    request.preferDual && request.addresses.length === 0 ? allocator.topUp(key, request) : undefined
  if (added !== undefined) {
    const message = `Assigned additional IP ${JSON.stringify(formatAddress(added))}`
    events.push({ type: 'Normal', reason: 'IPAllocated', message })
  }
  return assigned(key, allocator) ?? present
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
  const outcome = allocator.assign(key, request, current)
  if (outcome.ok) return undefined
  const pool = service.annotations[POOL_ANNOTATION] ?? ''
  const why = scope.brokenPools.get(pool)
  if (why !== undefined && outcome.refusal.reason === 'RequestedAddressNotInPool') {
    if (allocator.hold(key, request, current)) return heldFor(current, pool, why)
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
export function adopt(service: Service, scope: Scope): void {
  if (classRefusal(service, scope.loadBalancerClass) !== '') return
  const read = readRequest(service)
  if (!('reason' in read)) keep(keyOf(service), service, read.request, scope, [])
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
  if (request.pool !== '' && request.pool !== present.pool) return false
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
  allocator: Allocator,
  events: ServiceEvent[],
): Outcome {
  const outcome = allocator.allocate(key, request)
  if (!outcome.ok) {
    const message = `Failed to allocate IP for ${JSON.stringify(key)}: ${outcome.refusal.message}`
    events.push({ type: 'Warning', reason: 'AllocationFailed', message })
    return nothing(outcome.refusal.reason, outcome.refusal.message, outcome.considered)
  }
  const { addresses } = outcome.assignment
  events.push({ type: 'Normal', reason: 'IPAllocated', message: `Assigned IP ${quoteAddresses(addresses)}` })
  return { ...(assigned(key, allocator) as Outcome), considered: outcome.considered }
}

function assigned(key: string, allocator: Allocator): Outcome | undefined {
  const assignment = allocator.assignment(key)
  if (assignment === undefined) return undefined
  const { addresses, pool } = assignment
  return {
    addresses,
    pool,
    reason: 'Assigned',
    message: `${addresses.map(formatAddress).join(', ')} from pool ${pool}`,
    considered: [{ pool, refused: '' }],
  }
}

const heldFor = (addresses: readonly Address[], pool: string, why: string): Outcome => ({
  addresses,
  pool,
  reason: 'PoolInvalid',
  message: `kept although IPAddressPool ${pool} is in error: ${why}`,
  considered: [{ pool, refused: 'is in error' }],
})

const nothing = (
  reason: RefusalReason,
  message: string,
  considered: readonly Considered[] = [],
): Outcome => ({ addresses: [], pool: '', reason, message, considered })
