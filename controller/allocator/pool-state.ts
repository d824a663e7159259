import type { Address, Family } from '#inet/address.ts'
import { intersectRange } from '#inet/range.ts'
import type { Pool } from '#crds/config.ts'
import { matchesAny, matchesSelector } from '#crds/selector.ts'
import { IntervalSet } from './intervals.ts'
import type { AllocationRequest, Claim } from './request.ts'
import { SharedPositions } from './shared-positions.ts'
import { AddressSpace } from './space.ts'

/** How many addresses a pool has and how many of them are in use or reserved. */
export interface PoolCounts {
  readonly capacity: { readonly v4: bigint; readonly v6: bigint }
  readonly assigned: { readonly v4: bigint; readonly v6: bigint }
  /** Services with addresses of this pool */
  readonly services: number
}

type Labels = Readonly<Record<string, string>>

/** One pool with its free addresses and those that may be shared. */
export class PoolState {
  readonly pool: Pool
  readonly #spaces: Record<Family, AddressSpace>
  readonly #free: Record<Family, IntervalSet>
  readonly #shared: Record<Family, SharedPositions> = { 4: new SharedPositions(), 6: new SharedPositions() }

  constructor(pool: Pool) {
    this.pool = pool
    this.#spaces = { 4: new AddressSpace(pool, 4), 6: new AddressSpace(pool, 6) }
    this.#free = { 4: everything(this.#spaces[4]), 6: everything(this.#spaces[6]) }
  }

  get name(): string {
    return this.pool.name
  }

  has(address: Address): boolean {
    return this.#position(address) !== undefined
  }

  /** Why an address inside the ranges of the pool is not given out. */
  whyNot({ family, value }: Address): string {
    const excluded =
      intersectRange({ family, first: value, last: value }, this.pool.excludes ?? []).length > 0
    return excluded ? `pool ${this.name} excludes it` : `pool ${this.name} avoids what ends in .0 or .255`
  }

  hasFamily(family: Family): boolean {
    return this.#spaces[family].size > 0n
  }

  hasFree(family: Family): boolean {
    return this.#free[family].size > 0n
  }

  /** All free addresses, in order: for small pools. */
  *free(family: Family): Generator<Address, void> {
    for (const { first, last } of this.#free[family].intervals()) {
      for (let position = first; position <= last; position++)
        yield { family, value: this.#spaces[family].valueAt(position) }
    }
  }

  /** Nobody else gets the address. */
  take(address: Address): void {
    const position = this.#position(address)
    if (position !== undefined) this.#free[address.family].delete(position)
  }

  /** @returns true when it is the only free address of its family */
  give(address: Address): boolean {
    const position = this.#position(address)
    if (position === undefined || !this.#free[address.family].add(position)) return false
    return this.#free[address.family].size === 1n
  }

  /** A Service uses the address, which others may share. */
  join(address: Address, claim: Claim): void {
    const position = this.#position(address)
    if (position !== undefined) this.#shared[address.family].add(claim, position)
  }

  /** @param last nobody uses the address any more */
  leave(address: Address, claim: Claim, last: boolean): void {
    const position = this.#position(address)
    if (position !== undefined) this.#shared[address.family].delete(claim, position, last)
  }

  /** The first address in order that is free or may be shared. */
  pick(family: Family, claim: Claim): Address | undefined {
    const free = this.#free[family].lowest
    const shared = this.#shared[family].lowest(claim)
    const first = free === undefined || (shared !== undefined && shared < free) ? shared : free
    return first === undefined ? undefined : { family, value: this.#spaces[family].valueAt(first) }
  }

  counts(services: number): PoolCounts {
    const used = (family: Family) => this.#spaces[family].size - this.#free[family].size
    return {
      capacity: { v4: this.#spaces[4].size, v6: this.#spaces[6].size },
      assigned: { v4: used(4), v6: used(6) },
      services,
    }
  }

  /**
   * Why the pool is not for this Service, '' when it is.
   * @param namespaceLabels labels of the namespace of the Service
   */
  incompatible(request: AllocationRequest, namespaceLabels: Labels): string {
    const { allocation } = this.pool
    if (allocation === undefined) return ''
    if (!this.isForNamespace(request.namespace, namespaceLabels))
      return `is not for namespace ${request.namespace}`
    return matchesAny(allocation.serviceSelectors, request.labels)
      ? ''
      : 'is not for Services with these labels'
  }

  /** Upstream lets every namespace in when a selector matches none; here a restriction stays one. */
  isForNamespace(namespace: string, labels: Labels): boolean {
    const { namespaces = [], namespaceSelectors = [] } = this.pool.allocation ?? {}
    return (
      (namespaces.length === 0 && namespaceSelectors.length === 0) ||
      namespaces.includes(namespace) ||
      namespaceSelectors.some((selector) => matchesSelector(selector, labels))
    )
  }

  #position({ family, value }: Address): bigint | undefined {
    return this.#spaces[family].positionOf(value)
  }
}

const everything = (space: AddressSpace): IntervalSet => new IntervalSet({ first: 0n, last: space.size - 1n })

/** Pools for some Services only go before those for all; among them by priority (0 last), then by name. */
export function comparePools(a: Pool, b: Pool): number {
  const [left, right] = [rank(a), rank(b)]
  if (left !== right) return left < right ? -1 : 1
  return a.name < b.name ? -1 : Number(a.name > b.name)
}

const rank = ({ allocation }: Pool): number =>
  allocation === undefined ? Number.POSITIVE_INFINITY : allocation.priority || Number.MAX_SAFE_INTEGER
