import type { Family } from '#inet/address.ts'
import type { Element, Elements } from './model.ts'
import type { ServicePlan } from './plan.ts'

/**
 * Addresses that a Service had until a moment ago. Routers go on sending packets for them here, by a neighbour entry or
 * a route that is still there, and this node, which knows no better, sends them back: so a packet goes to and fro until
 * its time to live ends. For a while such packets are answered instead, where they would leave by the interface by
 * which they came; by any other way an address is reached as ever, because somebody else may have it now.
 *
 * Only load balancer and external addresses: nobody else routes a ClusterIP to this node.
 */

/** As long as a router remembers a neighbour that nobody confirms (Linux: up to 45 s, then 3 questions in 3 s). */
export const VACATED_MS = 60_000

/** Beyond that the oldest are forgotten: their packets travel as without all this. */
const LIMIT = 4096

const noAddresses: ReadonlySet<string> = new Set()

export class VacatedAddresses {
  /** how many Services have an address */
  readonly #users = new Map<string, number>()
  /** until when, in epoch milliseconds; undefined before the first `settle`. Oldest first. */
  readonly #vacated = new Map<string, number | undefined>()
  #changed = false
  readonly #limit: number

  /** @param limit for tests */
  constructor(limit: number = LIMIT) {
    this.#limit = limit
  }

  /** A Service has another plan; undefined where it has none. */
  replanned(before: ServicePlan | undefined, after: ServicePlan | undefined): void {
    const [old, now] = [addressesOf(before), addressesOf(after)]
    for (const address of now) {
      if (old.has(address)) continue
      this.#users.set(address, (this.#users.get(address) ?? 0) + 1)
      if (this.#vacated.delete(address)) this.#changed = true
    }
    for (const address of old) {
      if (now.has(address)) continue
      const users = (this.#users.get(address) ?? 0) - 1
      if (users > 0) this.#users.set(address, users)
      else {
        this.#users.delete(address)
        this.#vacate(address)
      }
    }
  }

  /**
   * The data plane was listed, and all Services are planned: addresses that were vacated before this process began, and
   * those of Services that went while nobody looked.
   * @param isClusterIP of a Service that there is
   */
  adopt(actual: Elements, isClusterIP: (family: Family, address: string) => boolean): void {
    for (const family of [4, 6] as const) {
      const own = actual[family]
      for (const address of own['vacated-addresses'].keys()) this.#found(address)
      for (const name of ['frontends', 'local-frontends', 'drop-frontends', 'reject-frontends'] as const) {
        for (const key of own[name].keys()) {
          const address = key.slice(0, key.indexOf(' '))
          if (!own['cluster-ips'].has(address) && !isClusterIP(family, address)) this.#found(address)
        }
      }
    }
  }

  /** Time goes on; true when there are others than at the last call. */
  settle(now: number): boolean {
    for (const [address, until] of this.#vacated) {
      if ((until ?? Infinity) <= now || this.#vacated.size > this.#limit) {
        this.#vacated.delete(address)
        this.#changed = true
      } else if (until === undefined) this.#vacated.set(address, now + VACATED_MS)
    }
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  /** When the next one is done with; undefined when there is none. */
  get nextAt(): number | undefined {
    const [first] = this.#vacated.values()
    return first
  }

  elements(): Element[] {
    return [...this.#vacated.keys()].map((key) => ({
      family: key.includes(':') ? 6 : 4,
      collection: 'vacated-addresses',
      key,
      value: '',
    }))
  }

  #found(address: string): void {
    if (!this.#users.has(address) && !this.#vacated.has(address)) this.#vacate(address)
  }

  #vacate(address: string): void {
    // Later than all others.
    this.#vacated.delete(address)
    this.#vacated.set(address, undefined)
    this.#changed = true
  }
}

function addressesOf(plan: ServicePlan | undefined): ReadonlySet<string> {
  let addresses: Set<string> | undefined
  for (const { kind, address } of plan?.frontends ?? []) {
    if (kind === 'LoadBalancer' || kind === 'ExternalIP') (addresses ??= new Set()).add(address)
  }
  return addresses ?? noAddresses
}
