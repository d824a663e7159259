import type { Address } from '#inet/address.ts'
import type { Pool } from '#crds/config.ts'
import { RangeIndex } from '#crds/parse/range-index.ts'
import { comparePools, PoolState } from './pool-state.ts'
import type { AllocationRequest } from './request.ts'

type Labels = Readonly<Record<string, string>>

/** The pools in force, and which of them are for whom. */
export class Pools {
  #byName: ReadonlyMap<string, PoolState> = new Map()
  /** in the order in which they are tried */
  #order: readonly PoolState[] = []
  #index = new RangeIndex<string>()
  readonly #namespaces = new Map<string, Labels>()

  /** @returns the names of pools that came, went or are not what they were; they begin with all addresses free */
  set(pools: readonly Pool[]): string[] {
    const next = new Map(
      pools.map((pool) => {
        const present = this.#byName.get(pool.name)
        return [pool.name, present?.pool === pool ? present : new PoolState(pool)]
      }),
    )
    const names = new Set([...this.#byName.keys(), ...next.keys()])
    const changed = [...names].filter((name) => this.#byName.get(name) !== next.get(name))
    if (changed.length === 0) return changed
    this.#byName = next
    this.#order = [...next.values()].sort((a, b) => comparePools(a.pool, b.pool))
    this.#index = new RangeIndex()
    for (const { name, ranges } of pools) for (const range of ranges) this.#index.add(range, name)
    return changed
  }

  /**
   * @param labels undefined when the namespace is gone
   * @returns true when some pool is for this namespace now and was not, or the other way round
   */
  setNamespace(name: string, labels: Labels | undefined): boolean {
    const before = this.#order.map((state) => this.isForNamespace(state, name))
    if (labels === undefined) this.#namespaces.delete(name)
    else this.#namespaces.set(name, labels)
    return this.#order.some((state, index) => this.isForNamespace(state, name) !== before[index])
  }

  get(name: string): PoolState | undefined {
    return this.#byName.get(name)
  }

  /** The pool that gives out this address. */
  of(address: Address): PoolState | undefined {
    const state = this.around(address)
    return state?.has(address) === true ? state : undefined
  }

  /** The pool among whose ranges the address is, whether it gives it out or not. */
  around({ family, value }: Address): PoolState | undefined {
    const owner = this.#index.overlapping({ family, first: value, last: value })?.owner
    return owner === undefined ? undefined : this.#byName.get(owner)
  }

  /** The pool of each address, '' where none has it. */
  homes(addresses: readonly Address[]): string[] {
    return addresses.map((address) => this.of(address)?.name ?? '')
  }

  /** Why a pool is not for a Service, '' when it is. */
  incompatible(state: PoolState, request: AllocationRequest): string {
    return state.incompatible(request, this.#namespaces.get(request.namespace) ?? {})
  }

  isForNamespace(state: PoolState, namespace: string): boolean {
    return state.isForNamespace(namespace, this.#namespaces.get(namespace) ?? {})
  }

  /** The pools that a Service may get an address from without asking for it, and why not the others; in order. */
  forService(request: AllocationRequest): {
    fitting: PoolState[]
    refused: { pool: string; refused: string }[]
  } {
    const refused: { pool: string; refused: string }[] = []
    const fitting = this.#order.filter((state) => {
      const why = state.pool.autoAssign ? this.incompatible(state, request) : 'autoAssign is off'
      if (why !== '') refused.push({ pool: state.name, refused: why })
      return why === ''
    })
    return { fitting, refused }
  }
}
