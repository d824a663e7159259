import { compareAddresses, sameAddress, type Address, type Family } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { RangeIndex } from '#crds/parse/range-index.ts'
import { comparePools, PoolState, type PoolCounts } from './pool-state.ts'
import {
  alternatives,
  exhausted,
  refused,
  shortage,
  type AllocationOutcome,
  type Assignment,
  type Considered,
} from './outcome.ts'
import { quoteAddresses, sameFamilies, type AllocationRequest, type Claim, type Refusal } from './request.ts'
import { shareRefusal, Usages } from './usage.ts'

type Labels = Readonly<Record<string, string>>

/**
 * Who has which address. Synchronous and without I/O; the same calls in the same order give the same addresses.
 * An address belongs to one Service, or to several that agree to share it; all addresses of a Service come from one
 * pool. Finding a free address does not depend on how large or how full a pool is.
 */
export class Allocator {
  #pools = new Map<string, PoolState>()
  /** in the order in which they are tried */
  #order: readonly PoolState[] = []
  #index = new RangeIndex<string>()
  readonly #namespaces = new Map<string, Labels>()
  readonly #usages = new Usages()
  readonly #assignments = new Map<string, Assignment>()
  /** Service keys by pool; '' has those whose addresses no pool has any more */
  readonly #byPool = new Map<string, Set<string>>()
  #touched = new Set<string>()
  #freed = new Set<string>()

  /**
   * Replaces the pools. Assignments stay: those whose pool changed belong to whatever pool now has all their
   * addresses, or to none ('').
   * @returns the Services whose assignment a changed pool could affect
   */
  setPools(pools: readonly Pool[]): string[] {
    const next = new Map(
      pools.map((pool) => {
        const present = this.#pools.get(pool.name)
        return [pool.name, present?.pool === pool ? present : new PoolState(pool)]
      }),
    )
    const changed = [...new Set([...this.#pools.keys(), ...next.keys()])].filter(
      (name) => this.#pools.get(name) !== next.get(name),
    )
    this.#pools = next
    this.#order = [...next.values()].sort((a, b) => comparePools(a.pool, b.pool))
    this.#index = indexOf(pools)
    // Pools are disjoint, so an address in a changed pool was in a changed pool before, or in none.
    const affected = ['', ...changed].flatMap((name) => [...(this.#byPool.get(name) ?? [])])
    for (const key of affected) {
      const assignment = this.#assignments.get(key) as Assignment
      for (const address of assignment.addresses) this.#poolOf(address)?.take(address)
      this.#file(key, { ...assignment, pool: this.#home(assignment.addresses) })
    }
    for (const name of changed) {
      this.#touched.add(name)
      this.#freed.add(name)
    }
    return affected
  }

  /** @param labels undefined when the namespace is gone */
  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#namespaces.delete(name)
    else this.#namespaces.set(name, labels)
  }

  assignment(key: string): Assignment | undefined {
    return this.#assignments.get(key)
  }

  /** Gives a Service exactly these addresses (IPv4 first), in place of those it has. */
  assign(key: string, request: AllocationRequest, addresses: readonly Address[]): AllocationOutcome {
    const refusal = this.#assignRefusal(key, request, addresses)
    if (refusal !== undefined) return { ok: false, refusal, considered: [] }
    const pool = this.#home(addresses)
    return {
      ok: true,
      assignment: this.#put(key, { addresses, pool, claim: request.claim }),
      considered: [{ pool, refused: '' }],
    }
  }

  /**
   * Keeps addresses that no pool has (their pool is in error) away from others.
   * @returns false when another Service has one of them
   */
  hold(key: string, request: AllocationRequest, addresses: readonly Address[]): boolean {
    if (addresses.some((address) => this.#inUse(key, request, address) !== undefined)) return false
    this.#put(key, { addresses, pool: this.#home(addresses), claim: request.claim })
    return true
  }

  /** Finds addresses for a Service: those it asks for, else the first of the first pool that will do. */
  allocate(key: string, request: AllocationRequest): AllocationOutcome {
    if (request.addresses.length > 0) return this.#allocateExplicit(key, request)
    if (request.pool !== '') return this.#allocateFromPool(key, request)
    const considered: Considered[] = []
    const fitting = this.#order.filter((state) => {
      const refused = state.pool.autoAssign ? this.#incompatible(state, request) : 'autoAssign is off'
      if (refused !== '') considered.push({ pool: state.pool.name, refused })
      return refused === ''
    })
    // A Service with a pool of its own takes from the common ones only what its own cannot give.
    const own = fitting.filter(({ pool }) => pool.allocation !== undefined)
    const common = fitting.filter(({ pool }) => pool.allocation === undefined)
    for (const families of alternatives(request)) {
      for (const state of [...own, ...common]) {
        const addresses = this.#pick(state, families, key, request)
        if (addresses !== undefined) {
          considered.push(...this.#passedOver(fitting, state, request), {
            pool: state.pool.name,
            refused: '',
          })
          const assignment = { addresses, pool: state.pool.name, claim: request.claim }
          return { ok: true, assignment: this.#put(key, assignment), considered }
        }
      }
    }
    considered.push(...fitting.map((state) => ({ pool: state.pool.name, refused: shortage(state, request) })))
    return { ok: false, refusal: exhausted(considered, fitting.length > 0), considered }
  }

  /** Adds the family that a Service with one address lacks, from the pool it has the other from. */
  topUp(key: string, request: AllocationRequest): Address | undefined {
    const present = this.#assignments.get(key)
    const state = this.#pools.get(present?.pool ?? '')
    const missing = request.families.find((family) =>
      present?.addresses.every((one) => one.family !== family),
    )
    if (present === undefined || state === undefined || missing === undefined) return undefined
    const address = state.pick(missing, key, request, this.#usages)
    if (address !== undefined)
      this.#put(key, { ...present, addresses: [...present.addresses, address].sort(compareAddresses) })
    return address
  }

  /** @returns false when the Service has nothing */
  release(key: string): boolean {
    const assignment = this.#assignments.get(key)
    if (assignment === undefined) return false
    for (const address of assignment.addresses) {
      const state = this.#poolOf(address)
      if (this.#usages.delete(key, address)) state?.give(address)
      // A port of a shared address is worth having too.
      if (state !== undefined) this.#freed.add(state.pool.name)
    }
    this.#unfile(key, assignment)
    this.#assignments.delete(key)
    return true
  }

  /** Pools whose counts may have changed since the last call. */
  takeTouched(): string[] {
    const touched = [...this.#touched]
    this.#touched = new Set()
    return touched
  }

  /** Pools that may have something to give, since the last call, to a Service that they refused before. */
  takeFreed(): string[] {
    const freed = [...this.#freed]
    this.#freed = new Set()
    return freed
  }

  counts(pool: string): PoolCounts | undefined {
    return this.#pools.get(pool)?.counts(this.#byPool.get(pool)?.size ?? 0)
  }

  #allocateExplicit(key: string, request: AllocationRequest): AllocationOutcome {
    const { addresses, pool } = request
    const text = `requested loadBalancer IP(s) ${quoteAddresses(addresses)}`
    const families = addresses.map(({ family }) => family)
    if (!sameFamilies(families, request.families))
      return refused('RequestedFamilyMismatch', `${text} does not match the ipFamily of the service`)
    const home = this.#home(addresses)
    if (pool !== '' && home !== '' && home !== pool)
      return refused('InvalidRequest', `${text} is not compatible with requested address pool ${pool}`)
    return this.assign(key, request, addresses)
  }

  #allocateFromPool(key: string, request: AllocationRequest): AllocationOutcome {
    const state = this.#pools.get(request.pool)
    if (state === undefined) return refused('UnknownPool', `unknown pool ${JSON.stringify(request.pool)}`)
    const { name } = state.pool
    const incompatible = this.#incompatible(state, request)
    if (incompatible !== '') {
      const message = `pool ${name} not compatible for ip assignment: it ${incompatible}`
      return refused('PoolNotCompatible', message, [{ pool: name, refused: incompatible }])
    }
    for (const families of alternatives(request)) {
      const addresses = this.#pick(state, families, key, request)
      if (addresses === undefined) continue
      const assignment = this.#put(key, { addresses, pool: name, claim: request.claim })
      return { ok: true, assignment, considered: [{ pool: name, refused: '' }] }
    }
    const considered = [{ pool: name, refused: shortage(state, request) }]
    return refused('PoolExhausted', `no available IPs in pool ${name}`, considered)
  }

  #assignRefusal(
    key: string,
    request: AllocationRequest,
    addresses: readonly Address[],
  ): Refusal | undefined {
    if (addresses.length > 2)
      return { reason: 'InvalidRequest', message: `more than two addresses ${quoteAddresses(addresses)}` }
    if (addresses.length === 2 && addresses[0].family === addresses[1].family) {
      const [first, second] = addresses.map((address) => quoteAddresses([address]).slice(1, -1))
      return { reason: 'InvalidRequest', message: `${first} ${second} has the same family` }
    }
    const state = this.#pools.get(this.#home(addresses))
    if (state === undefined) {
      const message = `${quoteAddresses(addresses)} is not allowed in config`
      return { reason: 'RequestedAddressNotInPool', message }
    }
    const incompatible = this.#incompatible(state, request)
    if (incompatible !== '') {
      const message = `pool ${state.pool.name} not compatible for ip assignment: it ${incompatible}`
      return { reason: 'PoolNotCompatible', message }
    }
    const message = addresses.map((one) => this.#inUse(key, request, one)).find((text) => text !== undefined)
    return message === undefined ? undefined : { reason: 'RequestedAddressInUse', message }
  }

  #inUse(key: string, request: AllocationRequest, address: Address): string | undefined {
    const usage = this.#usages.get(address)
    return usage === undefined ? undefined : shareRefusal(key, request.claim, usage)
  }

  #incompatible(state: PoolState, request: AllocationRequest): string {
    return state.incompatible(request, this.#namespaces.get(request.namespace) ?? {})
  }

  /** One address of each family, or undefined unless the pool has all. */
  #pick(
    state: PoolState,
    families: readonly Family[],
    key: string,
    request: AllocationRequest,
  ): Address[] | undefined {
    const picked = families.map((family) => state.pick(family, key, request, this.#usages))
    return picked.every((address) => address !== undefined) ? picked : undefined
  }

  #passedOver(fitting: readonly PoolState[], chosen: PoolState, request: AllocationRequest): Considered[] {
    return fitting
      .slice(0, fitting.indexOf(chosen))
      .map((state) => ({ pool: state.pool.name, refused: shortage(state, request) }))
  }

  #put(key: string, assignment: Assignment): Assignment {
    const present = this.#assignments.get(key)
    const same =
      present !== undefined &&
      present.addresses.length === assignment.addresses.length &&
      present.addresses.every((address, index) => sameAddress(address, assignment.addresses[index])) &&
      present.pool === assignment.pool &&
      sameClaim(present.claim, assignment.claim)
    if (same) return present
    this.release(key)
    for (const address of assignment.addresses) {
      if (this.#usages.add(key, address, assignment.claim)) this.#poolOf(address)?.take(address)
    }
    this.#file(key, assignment)
    return assignment
  }

  #file(key: string, assignment: Assignment): void {
    const present = this.#assignments.get(key)
    if (present !== undefined) this.#unfile(key, present)
    this.#assignments.set(key, assignment)
    const keys = this.#byPool.get(assignment.pool) ?? new Set()
    this.#byPool.set(assignment.pool, keys.add(key))
    this.#touch(assignment)
  }

  #unfile(key: string, assignment: Assignment): void {
    const keys = this.#byPool.get(assignment.pool)
    keys?.delete(key)
    if (keys?.size === 0) this.#byPool.delete(assignment.pool)
    this.#touch(assignment)
  }

  #touch({ pool, addresses }: Assignment): void {
    this.#touched.add(pool)
    for (const address of addresses) this.#touched.add(this.#poolOf(address)?.pool.name ?? '')
    this.#touched.delete('')
  }

  /** The pool that has all of these addresses, '' when there is none. */
  #home(addresses: readonly Address[]): string {
    const pools = addresses.map((address) => this.#poolOf(address)?.pool.name)
    return (pools.every((pool) => pool === pools[0]) && pools[0]) || ''
  }

  #poolOf(address: Address): PoolState | undefined {
    const { family, value } = address
    const owner = this.#index.overlapping({ family, first: value, last: value })?.owner
    const state = owner === undefined ? undefined : this.#pools.get(owner)
    return state?.has(address) ? state : undefined
  }
}

const sameClaim = (a: Claim, b: Claim): boolean =>
  a.sharingKey === b.sharingKey && a.backendKey === b.backendKey && a.ports.join() === b.ports.join()

function indexOf(pools: readonly Pool[]): RangeIndex<string> {
  const index = new RangeIndex<string>()
  for (const pool of pools) for (const range of pool.ranges) index.add(range, pool.name)
  return index
}
