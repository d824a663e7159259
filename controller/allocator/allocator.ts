import { compareAddresses, sameAddress, type Address } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { sharedList } from '#kube/objects/shared.ts'
import { alternatives, choose, pickFrom, shortage, type Choice } from './choose.ts'
import { MultiMap } from './multi-map.ts'
import {
  exhausted,
  quoteAddresses,
  refused,
  type AllocationOutcome,
  type Assignment,
  type Considered,
} from './outcome.ts'
import type { PoolCounts, PoolState } from './pool-state.ts'
import { Register } from './register.ts'
import { sameClaim, sameFamilies, type AllocationRequest, type Refusal } from './request.ts'
import type { ReservedAddresses } from './reservations.ts'
import type { Wish } from './waiting.ts'

/**
 * Who has which address. Synchronous and without I/O; the same calls in the same order give the same addresses.
 * An address belongs to one Service, or to several that agree to share it; a Service has one, or one of each family.
 * Finding a free address does not depend on how large or how full a pool is.
 */
export class Allocator {
  /** what is free, used and reserved; for others to read */
  readonly register = new Register()
  readonly #assignments = new Map<string, Assignment>()
  /** Services by the pools of their addresses; '' has those of which no pool has some address any more */
  readonly #byPool = new MultiMap<string, string>()
  /** the Service that holds a reservation */
  readonly #holders = new Map<string, string>()

  /**
   * Replaces the pools. Assignments stay: each address belongs to whatever pool now has it, or to none ('').
   * @returns the Services whose assignment a changed pool could affect
   */
  setPools(pools: readonly Pool[]): string[] {
    const changed = this.register.setPools(pools)
    // Pools are disjoint, so an address in a changed pool was in a changed pool before, or in none.
    const affected = new Set(['', ...changed].flatMap((name) => [...this.#byPool.get(name)]))
    for (const key of affected) {
      const assignment = this.#assignments.get(key) as Assignment
      for (const address of assignment.addresses) this.register.occupy(key, address, assignment.claim)
      this.#file(key, { ...assignment, pools: sharedList(this.register.pools.homes(assignment.addresses)) })
    }
    return [...affected]
  }

  /**
   * @param labels undefined when the namespace is gone
   * @returns true when some pool is for this namespace now and was not, or the other way round
   */
  setNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): boolean {
    if (!this.register.pools.setNamespace(name, labels)) return false
    for (const { key } of this.register.reservations.inNamespace(name)) this.register.refreshReservation(key)
    return true
  }

  /**
   * Keeps the addresses of a reservation for Services that name it. Who has one of them already keeps it.
   * @param reservation undefined when there is no such object any more
   * @returns the Services to look at again
   */
  setReservation(key: string, reservation: ReservedAddresses | undefined): string[] {
    this.register.setReservation(key, reservation)
    const holder = this.#holders.get(key)
    return holder === undefined ? [] : [holder]
  }

  /** The Service that holds a reservation. */
  holder(reservation: string): string | undefined {
    return this.#holders.get(reservation)
  }

  assignment(key: string): Assignment | undefined {
    return this.#assignments.get(key)
  }

  /**
   * Gives a Service exactly these addresses (IPv4 first), in place of those it has.
   * @param adopting it had them before anything here was decided
   */
  assign(
    key: string,
    request: AllocationRequest,
    addresses: readonly Address[],
    adopting = false,
  ): AllocationOutcome {
    const refusal = this.register.refusal(key, request, addresses, adopting)
    return refusal === undefined
      ? this.#give(key, request, addresses)
      : { ok: false, refusal, considered: [] }
  }

  /**
   * Keeps addresses of which no pool has some (their pool is in error) away from others.
   * @returns false when another Service has one of them
   */
  hold(key: string, request: AllocationRequest, addresses: readonly Address[]): boolean {
    const taken = (address: Address) => this.register.inUse(key, request, address, true) !== undefined
    if (addresses.some(taken)) return false
    this.#put(key, request, addresses)
    return true
  }

  /** Finds addresses for a Service, in place of those it has: what it asks for, else what the first pools have. */
  allocate(key: string, request: AllocationRequest): AllocationOutcome {
    const holder = this.#holders.get(request.reservation)
    if (holder !== undefined && holder !== key) {
      const message = `AddressReservation ${request.reservation} is held by Service ${holder}`
      return refused('ReservationInUse', message)
    }
    const reservation = this.register.reservations.get(request.reservation)
    if (reservation !== undefined) return this.#allocateReserved(key, request, reservation)
    if (request.addresses.length > 0) return this.#allocateExplicit(key, request)
    if (request.pool !== '') return this.#allocateFromPool(key, request)
    const { fitting, refused: unfit } = this.register.pools.forService(request)
    for (const families of alternatives(request)) {
      const choices = choose(fitting, families, request.claim)
      if (choices !== undefined) {
        return this.#give(key, request, addressesOf(choices))
      }
    }
    const considered = [...unfit, ...shortages(fitting, request)]
    return { ok: false, refusal: exhausted(considered, want(fitting, request)), considered }
  }

  /** Adds the family that a Service with one address lacks: from the pool it has the other from, else from another. */
  topUp(key: string, request: AllocationRequest): Address | undefined {
    const present = this.#assignments.get(key)
    if (present?.addresses.length !== 1) return undefined
    const added = this.#complement(key, request, present.addresses[0])
    if (added !== undefined) this.#put(key, request, [...present.addresses, added].sort(compareAddresses))
    return added
  }

  /** @returns false when the Service has nothing */
  release(key: string): boolean {
    const assignment = this.#assignments.get(key)
    if (assignment === undefined) return false
    this.#vacate(key, assignment)
    this.#file(key, undefined)
    return true
  }

  counts(pool: string): PoolCounts | undefined {
    return this.register.pools.get(pool)?.counts(this.#byPool.count(pool))
  }

  /** What a Service that was refused waits for. */
  wish(key: string, request: AllocationRequest): Wish {
    const { addresses, claim, reservation } = request
    const present = this.#assignments.get(key)
    const reserved = this.register.reservations.of(reservation, request.families)
    const fitted = reservation === '' || present?.reservation === reservation
    const has = fitted ? (present?.addresses ?? []) : reserved
    const missing = request.families.filter((family) => !has.some((one) => one.family === family))
    const states = addresses.length > 0 ? [] : this.#states(request, present?.addresses[0])
    return {
      free: states.flatMap(({ name }) => missing.map((family) => ({ pool: name, family }))),
      addresses: [...addresses, ...reserved],
      claim,
      reservation,
    }
  }

  #allocateExplicit(key: string, request: AllocationRequest): AllocationOutcome {
    const { addresses, pool } = request
    const text = `requested loadBalancer IP(s) ${quoteAddresses(addresses)}`
    const families = addresses.map(({ family }) => family)
    if (!sameFamilies(families, request.families))
      return refused('FamilyMismatch', `${text} does not match the ipFamily of the service`)
    if (this.#notFrom(pool, addresses))
      return refused('InvalidRequest', `${text} is not compatible with requested address pool ${pool}`)
    return this.assign(key, request, addresses)
  }

  #allocateFromPool(key: string, request: AllocationRequest): AllocationOutcome {
    const { pools } = this.register
    const state = pools.get(request.pool)
    if (state === undefined) return refused('UnknownPool', `unknown pool ${JSON.stringify(request.pool)}`)
    const incompatible = pools.incompatible(state, request)
    if (incompatible !== '') {
      const message = `pool ${state.name} not compatible for ip assignment: it ${incompatible}`
      return refused('PoolNotCompatible', message, [{ pool: state.name, refused: incompatible }])
    }
    for (const families of alternatives(request)) {
      const choices = choose([state], families, request.claim)
      if (choices !== undefined) return this.#give(key, request, addressesOf(choices))
    }
    const reason = want([state], request)
    const considered = shortages([state], request)
    const why = reason === 'FamilyNotInPools' ? `: it ${considered[0].refused}` : ''
    return refused(reason, `no available IPs in pool ${state.name}${why}`, considered)
  }

  #allocateReserved(
    key: string,
    request: AllocationRequest,
    { key: name, addresses: kept, invalid }: ReservedAddresses,
  ): AllocationOutcome {
    const mismatch = (why: string) => refused('ReservationMismatch', `AddressReservation ${name} ${why}`)
    if (invalid !== '') return mismatch(`is in error: ${invalid}`)
    const keeps = `keeps ${quoteAddresses(kept)}`
    const reserved = this.register.reservations.of(name, request.families)
    if (reserved.length === 0) return mismatch(`${keeps}, which does not match the ipFamily of the service`)
    const { addresses } = request
    const asked = (one: Address) => addresses.some((address) => sameAddress(address, one))
    if (addresses.length > 0 && !reserved.every(asked))
      return mismatch(`${keeps}, but the Service asks for ${quoteAddresses(addresses)}`)
    if (this.#notFrom(request.pool, reserved))
      return mismatch(`${keeps}, which is not from the requested pool ${request.pool}`)
    const refusal = this.register.refusal(key, request, reserved, false)
    if (refusal !== undefined) {
      const taken = refusal.reason === 'RequestedAddressInUse'
      const message = `AddressReservation ${name}: ${refusal.message}`
      return refused(taken ? 'ReservationInUse' : 'ReservationMismatch', message)
    }
    if (addresses.length > 0) return this.#allocateExplicit(key, request)
    if (reserved.length === request.families.length) return this.#give(key, request, reserved)
    const added = this.#complement(key, request, reserved[0])
    if (added !== undefined) return this.#give(key, request, [...reserved, added].sort(compareAddresses))
    if (request.preferDual) return this.#give(key, request, reserved)
    const considered = shortages(this.#states(request, reserved[0]), request)
    return { ok: false, refusal: exhausted(considered, 'PoolExhausted'), considered }
  }

  /** An address of the family that `other` is not of: the one that the Service has, else one from its pools. */
  #complement(key: string, request: AllocationRequest, other: Address): Address | undefined {
    const family = request.families.find((one) => one !== other.family)
    if (family === undefined) return undefined
    const present = this.#assignments.get(key)?.addresses.find((one) => one.family === family)
    if (present !== undefined && this.register.refusal(key, request, [present], false) === undefined)
      return present
    return pickFrom(this.#states(request, other), family, request.claim)?.address
  }

  /** The pools that may complete what a Service has, in order: that of `other` first. */
  #states(request: AllocationRequest, other?: Address): PoolState[] {
    const { pools } = this.register
    if (request.pool !== '') {
      const state = pools.get(request.pool)
      return state === undefined || pools.incompatible(state, request) !== '' ? [] : [state]
    }
    const own = other === undefined ? undefined : pools.of(other)
    const { fitting } = pools.forService(request)
    return own === undefined ? fitting : [own, ...fitting.filter((state) => state !== own)]
  }

  #notFrom(pool: string, addresses: readonly Address[]): boolean {
    return pool !== '' && this.register.pools.homes(addresses).some((home) => home !== '' && home !== pool)
  }

  #give(key: string, request: AllocationRequest, addresses: readonly Address[]): AllocationOutcome {
    return { ok: true, assignment: this.#put(key, request, addresses) }
  }

  #put(key: string, request: AllocationRequest, addresses: readonly Address[]): Assignment {
    const { claim } = request
    const reservation = this.#binding(key, request, addresses)
    const pools = sharedList(this.register.pools.homes(addresses))
    const next: Assignment = { addresses, pools, claim, reservation }
    const present = this.#assignments.get(key)
    if (present !== undefined && sameAssignment(present, next)) return present
    if (present !== undefined) this.#vacate(key, present)
    for (const address of addresses) this.register.occupy(key, address, claim)
    if (reservation !== '') this.#setHolder(reservation, key)
    this.#file(key, next)
    return next
  }

  #vacate(key: string, { addresses, claim, reservation }: Assignment): void {
    for (const address of addresses) this.register.vacate(key, address, claim)
    if (reservation !== '') this.#setHolder(reservation, undefined)
  }

  #setHolder(reservation: string, key: string | undefined): void {
    if (key === undefined) this.#holders.delete(reservation)
    else this.#holders.set(reservation, key)
    this.register.changes.touchReservation(reservation)
    this.register.changes.open({ kind: 'reservation', reservation })
  }

  /** The reservation that a Service with these addresses holds. */
  #binding(key: string, { reservation, families }: AllocationRequest, addresses: readonly Address[]): string {
    if (reservation === '' || (this.#holders.get(reservation) ?? key) !== key) return ''
    return this.register.reservations.fits(reservation, families, addresses) ? reservation : ''
  }

  #file(key: string, assignment: Assignment | undefined): void {
    const before = this.#assignments.get(key)?.pools ?? []
    const after = assignment?.pools ?? []
    if (assignment === undefined) this.#assignments.delete(key)
    else this.#assignments.set(key, assignment)
    for (const pool of before) if (!after.includes(pool)) this.#byPool.delete(pool, key)
    for (const pool of after) this.#byPool.add(pool, key)
    for (const pool of [...before, ...after]) this.register.changes.touchPool(pool)
  }
}

const addressesOf = (choices: readonly Choice[]): Address[] => choices.map(({ address }) => address)

/** What pools that may serve the Service want for it. */
function want(fitting: readonly PoolState[], { families }: AllocationRequest): Refusal['reason'] {
  if (fitting.length === 0) return 'NoMatchingPool'
  const everywhere = families.every((family) => fitting.some((state) => state.hasFamily(family)))
  return everywhere ? 'PoolExhausted' : 'FamilyNotInPools'
}

const shortages = (states: readonly PoolState[], request: AllocationRequest): Considered[] =>
  states.map((state) => ({ pool: state.name, refused: shortage(state, request) }))

const sameAssignment = (a: Assignment, b: Assignment): boolean =>
  a.addresses.length === b.addresses.length &&
  a.addresses.every((address, index) => sameAddress(address, b.addresses[index])) &&
  a.pools.join() === b.pools.join() &&
  a.reservation === b.reservation &&
  sameClaim(a.claim, b.claim)
