import { hashSlots } from './elements.ts'
import type { Frontend, ServicePlan } from './plan.ts'

/**
 * Elements that choice by a hash of the client may take on a node. A table has up to 65,521 slots for every address of
 * a Service, so that a few hundred of them could take all memory; a million elements are about 150 MB of the kernel's
 * and of ours, and load in some seconds.
 */
export const MAX_HASH_ELEMENTS = 1_000_000

interface Wish {
  readonly created: string
  readonly elements: number
}

/** What the tables of a plan take: with session affinity each slot is two elements. */
export function hashElements({ frontends }: Pick<ServicePlan, 'frontends'>): number {
  let elements = 0
  for (const { balance, endpoints, local = [], affinity } of frontends) {
    if (balance !== 'source-hash') continue
    const slots = (hashSlots(endpoints.length) ?? 0) + (hashSlots(local.length) ?? 0)
    elements += affinity === undefined ? slots : 2 * slots
  }
  return elements
}

/** As the plan, with random choice. */
export const withoutHash = (plan: ServicePlan): ServicePlan => ({
  ...plan,
  frontends: plan.frontends.map((frontend): Frontend => {
    const { balance, ...rest } = frontend
    return balance === 'source-hash' ? rest : frontend
  }),
})

/**
 * Which Services get their tables: the older ones first, as many as fit. It depends on what is wanted only, not on
 * what came first, so that a restart changes nothing.
 */
export class HashBudget {
  readonly #limit: number
  readonly #wishes = new Map<string, Wish>()
  #total = 0
  #denied: ReadonlySet<string> = new Set()

  /** @param limit in elements; for tests */
  constructor(limit: number = MAX_HASH_ELEMENTS) {
    this.#limit = limit
  }

  /** Replaces what a Service wants; counts with the next `settle`. */
  set(owner: string, created: string, elements: number): void {
    this.#total += elements - (this.#wishes.get(owner)?.elements ?? 0)
    if (elements > 0) this.#wishes.set(owner, { created, elements })
    else this.#wishes.delete(owner)
  }

  /** Decides; gives the Services that have got a table by it or lost theirs. */
  settle(): Set<string> {
    const before = this.#denied
    if (this.#total <= this.#limit && before.size === 0) return new Set()
    const denied = new Set<string>()
    let rest = this.#limit
    const byAge = [...this.#wishes].sort(([a, { created: x }], [b, { created: y }]) =>
      x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1,
    )
    for (const [owner, { elements }] of byAge) {
      if (elements > rest) denied.add(owner)
      else rest -= elements
    }
    this.#denied = denied
    return new Set([...before, ...denied].filter((owner) => before.has(owner) !== denied.has(owner)))
  }

  /** A Service goes without, as of the last `settle`. */
  denied(owner: string): boolean {
    return this.#denied.has(owner)
  }

  /** Elements of the tables that there are, and Services that go without. */
  usage(): { readonly elements: number; readonly denied: number } {
    let elements = this.#total
    for (const owner of this.#denied) elements -= this.#wishes.get(owner)?.elements ?? 0
    return { elements, denied: this.#denied.size }
  }
}
