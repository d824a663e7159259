import type { Address, Family } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { matchesAny, matchesSelector } from '#crds/selector.ts'
import { IntervalSet } from './intervals.ts'
import type { AllocationRequest } from './request.ts'
import { AddressSpace } from './space.ts'
import { shareRefusal, type Usages } from './usage.ts'

/** How many addresses a pool has and how many of them are in use. */
export interface PoolCounts {
  readonly capacity: { readonly v4: bigint; readonly v6: bigint }
  readonly assigned: { readonly v4: bigint; readonly v6: bigint }
  /** Services with addresses of this pool */
  readonly services: number
}

/** One pool with its free addresses. */
export class PoolState {
  readonly pool: Pool
  readonly #spaces: Record<Family, AddressSpace>
  readonly #free: Record<Family, IntervalSet>

  constructor(pool: Pool) {
    this.pool = pool
    this.#spaces = {
      4: new AddressSpace(pool.ranges, 4, pool.avoidBuggyIPs),
      6: new AddressSpace(pool.ranges, 6, pool.avoidBuggyIPs),
    }
    this.#free = { 4: everything(this.#spaces[4]), 6: everything(this.#spaces[6]) }
  }

  has(address: Address): boolean {
    return this.#spaces[address.family].positionOf(address.value) !== undefined
  }

  hasFamily(family: Family): boolean {
    return this.#spaces[family].size > 0n
  }

  take(address: Address): void {
    const position = this.#spaces[address.family].positionOf(address.value)
    if (position !== undefined) this.#free[address.family].delete(position)
  }

  give(address: Address): void {
    const position = this.#spaces[address.family].positionOf(address.value)
    if (position !== undefined) this.#free[address.family].add(position)
  }

  /** The first address in order that is free or may be shared. */
  pick(family: Family, key: string, request: AllocationRequest, usages: Usages): Address | undefined {
    const space = this.#spaces[family]
    let best = this.#free[family].lowest
    for (const usage of usages.sharedBy(request.claim.sharingKey)) {
      if (usage.address.family !== family) continue
      const position = space.positionOf(usage.address.value)
      if (position === undefined || (best !== undefined && position >= best)) continue
      if (shareRefusal(key, request.claim, usage) === undefined) best = position
    }
    return best === undefined ? undefined : { family, value: space.valueAt(best) }
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
  incompatible(request: AllocationRequest, namespaceLabels: Readonly<Record<string, string>>): string {
    const { allocation } = this.pool
    if (allocation === undefined) return ''
    const { namespaces, namespaceSelectors, serviceSelectors } = allocation
    // Upstream lets every namespace in when a selector matches none; here a restriction stays one.
    const namespaceFits =
      (namespaces.length === 0 && namespaceSelectors.length === 0) ||
      namespaces.includes(request.namespace) ||
      namespaceSelectors.some((selector) => matchesSelector(selector, namespaceLabels))
    if (!namespaceFits) return `is not for namespace ${request.namespace}`
    return matchesAny(serviceSelectors, request.labels) ? '' : 'is not for Services with these labels'
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
