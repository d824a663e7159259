import type { Address, Family } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { Changes } from './changes.ts'
import { MultiMap } from './multi-map.ts'
import { quoteAddress, quoteAddresses } from './outcome.ts'
import { Pools } from './pools.ts'
import type { AllocationRequest, Claim, Refusal } from './request.ts'
import { Reservations, type ReservedAddresses } from './reservations.ts'
import { holdersText, shareRefusal, Usages } from './usage.ts'

/** Every reason for which an address of an AddressReservation is not kept for it. */
export interface NotKept {
  readonly reason: 'NotInPool' | 'Excluded' | 'PoolNotCompatible' | 'AlreadyReserved' | 'AddressInUse'
  readonly message: string
}

/**
 * The addresses of all pools, by whom they are used and for what they are reserved. An address is free when neither
 * is the case; whoever changes one of the two says so to the pool through `occupy`, `vacate` or a reservation.
 */
export class Register {
  readonly pools = new Pools()
  readonly reservations = new Reservations()
  readonly changes = new Changes()
  readonly #usages = new Usages()
  /** reservations by the pools around their addresses, '' for none */
  readonly #reservedByPool = new MultiMap<string, string>()
  /** under which pools a reservation is filed there */
  readonly #filed = new Map<string, readonly string[]>()

  /** @returns the pools that changed: all of their addresses are free until they are occupied again */
  setPools(pools: readonly Pool[]): string[] {
    const changed = this.pools.set(pools)
    const affected = new Set(['', ...changed].flatMap((name) => [...this.#reservedByPool.get(name)]))
    for (const key of affected) this.#file(key)
    for (const name of changed) this.changes.touchPool(name)
    return changed
  }

  setReservation(key: string, reservation: ReservedAddresses | undefined): void {
    const before = this.reservations.get(key)?.addresses ?? []
    this.reservations.set(key, reservation)
    this.#file(key)
    for (const address of before) this.#refresh(address)
    this.changes.open({ kind: 'reservation', reservation: key })
  }

  refreshReservation(key: string): void {
    this.changes.touchReservation(key)
    for (const address of this.reservations.get(key)?.addresses ?? []) this.#refresh(address)
  }

  /** A Service uses an address; saying it again changes nothing. */
  occupy(key: string, address: Address, claim: Claim): void {
    this.#usages.add(key, address, claim)
    const state = this.pools.of(address)
    state?.take(address)
    state?.join(address, claim)
    for (const { key: claimant } of this.reservations.claiming(address))
      this.changes.touchReservation(claimant)
    this.changes.open({ kind: 'address', address })
  }

  /** A Service does not use an address any more. */
  vacate(key: string, address: Address, claim: Claim): void {
    const last = this.#usages.delete(key, address)
    this.pools.of(address)?.leave(address, claim, last)
    this.#refresh(address)
  }

  /** The reservation for which an address is kept. */
  owner(address: Address): ReservedAddresses | undefined {
    const claiming = this.reservations.claiming(address)
    const state = claiming.length === 0 ? undefined : this.pools.of(address)
    if (state === undefined) return undefined
    return claiming.find(({ namespace }) => this.pools.isForNamespace(state, namespace))
  }

  /**
   * Why a Service may not have these addresses, undefined when it may.
   * @param adopting it had them before anything here was decided
   */
  refusal(
    key: string,
    request: AllocationRequest,
    addresses: readonly Address[],
    adopting: boolean,
  ): Refusal | undefined {
    if (addresses.length > 2)
      return { reason: 'InvalidRequest', message: `more than two addresses ${quoteAddresses(addresses)}` }
    if (addresses.length === 2 && addresses[0].family === addresses[1].family) {
      const [first, second] = addresses.map(quoteAddress)
      return { reason: 'InvalidRequest', message: `${first} ${second} has the same family` }
    }
    const notAllowed = `${quoteAddresses(addresses)} is not allowed in config`
    for (const address of addresses) {
      const around = this.pools.around(address)
      if (around === undefined) return { reason: 'RequestedAddressNotInPool', message: notAllowed }
      if (!around.has(address))
        return { reason: 'RequestedAddressExcluded', message: `${notAllowed}: ${around.whyNot(address)}` }
      const incompatible = this.pools.incompatible(around, request)
      if (incompatible === '') continue
      const message = `pool ${around.name} not compatible for ip assignment: it ${incompatible}`
      return { reason: 'PoolNotCompatible', message }
    }
    for (const address of addresses) {
      const message = this.inUse(key, request, address, adopting)
      if (message !== undefined) return { reason: 'RequestedAddressInUse', message }
    }
    return undefined
  }

  /** Why others keep a Service from an address, undefined when they do not. */
  inUse(key: string, request: AllocationRequest, address: Address, adopting: boolean): string | undefined {
    const usage = this.#usages.get(address)
    if (usage !== undefined) return shareRefusal(key, request.claim, usage)
    const owner = this.owner(address)
    if (owner === undefined || owner.key === request.reservation) return undefined
    // Who had an address before it was reserved keeps it; who had it by the reservation does not.
    if (adopting && owner.recordedHolder !== key) return undefined
    return `address ${quoteAddress(address)} is kept by AddressReservation ${owner.key}`
  }

  /** Could a Service share this address with those that use it? */
  isOpen(address: Address, claim: Claim): boolean {
    const usage = this.#usages.get(address)
    return usage !== undefined && shareRefusal('', claim, usage) === undefined
  }

  /** How the Services on an address share it, undefined when there are none. */
  claimOn(address: Address): Claim | undefined {
    return this.#usages.get(address)?.claimBeside('')
  }

  hasFree(pool: string, family: Family): boolean {
    return this.pools.get(pool)?.hasFree(family) === true
  }

  /**
   * Why an address of a reservation is not kept for it, undefined when it is.
   * @param holder the Service that holds the reservation, '' for none
   */
  whyNotKept(reservation: string, holder: string, address: Address): NotKept | undefined {
    const text = quoteAddress(address)
    const around = this.pools.around(address)
    if (around === undefined) return { reason: 'NotInPool', message: `${text} is in no pool` }
    if (!around.has(address)) return { reason: 'Excluded', message: `${text}: ${around.whyNot(address)}` }
    const owner = this.owner(address)
    if (owner === undefined)
      return { reason: 'PoolNotCompatible', message: `pool ${around.name} is not for this namespace` }
    if (owner.key !== reservation)
      return { reason: 'AlreadyReserved', message: `${text} is kept by AddressReservation ${owner.key}` }
    const usage = this.#usages.get(address)
    return usage === undefined || usage.holds(holder)
      ? undefined
      : { reason: 'AddressInUse', message: `${text} is in use by Service ${holdersText('', usage)}` }
  }

  /** After the users or the reservations of an address changed. */
  #refresh(address: Address): void {
    for (const { key } of this.reservations.claiming(address)) this.changes.touchReservation(key)
    this.changes.open({ kind: 'address', address })
    const state = this.pools.of(address)
    if (state === undefined) return
    this.changes.touchPool(state.name)
    if (this.#usages.get(address) !== undefined || this.owner(address) !== undefined)
      return state.take(address)
    if (state.give(address)) this.changes.open({ kind: 'free', pool: state.name, family: address.family })
  }

  #file(key: string): void {
    for (const pool of this.#filed.get(key) ?? []) this.#reservedByPool.delete(pool, key)
    const addresses = this.reservations.get(key)?.addresses ?? []
    const pools = addresses.map((address) => this.pools.around(address)?.name ?? '')
    for (const pool of pools) this.#reservedByPool.add(pool, key)
    if (pools.length > 0) this.#filed.set(key, pools)
    else this.#filed.delete(key)
    this.refreshReservation(key)
  }
}
