import type { Config, Problem } from '#crds/config.ts'
import { keyOf } from '#kube/api.ts'
import type { Namespace } from '#kube/objects/node.ts'
import type { Service } from '#kube/objects/service.ts'
import { Allocator } from './allocator/allocator.ts'
import { adopt, decide, type Decision, type NotOurs, type Scope } from './decide.ts'

/**
 * The state of allocation while this replica leads: made anew from what Services have when it begins to lead, and
 * dropped when it ends. Synchronous and without I/O.
 */
export class Session {
  readonly #allocator = new Allocator()
  readonly #outcomes = new Map<string, Decision>()
  /** Services of ours that lack an address, longest waiting first */
  readonly #pending = new Set<string>()
  #scope: Scope

  constructor(
    loadBalancerClass: string,
    config: Config,
    problems: readonly Problem[],
    namespaces: Iterable<Namespace>,
    services: readonly Service[],
  ) {
    this.#scope = scopeOf(this.#allocator, loadBalancerClass, config, problems)
    for (const { name, labels } of namespaces) this.#allocator.setNamespace(name, labels)
    this.#allocator.setPools(config.pools)
    for (const service of [...services].sort(byAge)) adopt(service, this.#scope)
  }

  decide(service: Service): Decision | NotOurs {
    const key = keyOf(service)
    const decision = decide(service, this.#scope)
    if ('notOurs' in decision) {
      this.#outcomes.delete(key)
      this.#pending.delete(key)
      return decision
    }
    this.#outcomes.set(key, decision)
    if (decision.wantsMore) this.#pending.add(key)
    else this.#pending.delete(key)
    return decision
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#allocator.release(key)
    this.#outcomes.delete(key)
    this.#pending.delete(key)
  }

  /** @returns the Services that the new configuration could affect */
  setConfig(config: Config, problems: readonly Problem[]): string[] {
    this.#scope = scopeOf(this.#allocator, this.#scope.loadBalancerClass, config, problems)
    const affected = this.#allocator.setPools(config.pools)
    return [...new Set([...affected, ...this.#pending])]
  }

  setNamespace(name: string, labels: Namespace['labels'] | undefined): void {
    this.#allocator.setNamespace(name, labels)
  }

  /** Services that wait for what has become free since the last call. */
  takeHopeful(): string[] {
    const freed = new Set(this.#allocator.takeFreed())
    if (freed.size === 0) return []
    return [...this.#pending].filter((key) => {
      const considered = this.#outcomes.get(key)?.considered ?? []
      return considered.length === 0 || considered.some(({ pool }) => freed.has(pool))
    })
  }

  takeTouched(): string[] {
    return this.#allocator.takeTouched()
  }

  outcome(key: string): Decision | undefined {
    return this.#outcomes.get(key)
  }

  has(key: string): boolean {
    return this.#outcomes.has(key) || this.#allocator.assignment(key) !== undefined
  }

  counts(pool: string): ReturnType<Allocator['counts']> {
    return this.#allocator.counts(pool)
  }
}

/** Those with an address first, then the older ones, then by name. */
export function byAge(a: Service, b: Service): number {
  return (
    waits(a) - waits(b) || compare(a.creationTimestamp, b.creationTimestamp) || compare(keyOf(a), keyOf(b))
  )
}

const waits = ({ ingress }: Service): number => Number(ingress.length === 0)

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

function scopeOf(
  allocator: Allocator,
  loadBalancerClass: string,
  config: Config,
  problems: readonly Problem[],
): Scope {
  const inForce = new Set(config.pools.map(({ name }) => name))
  const brokenPools = new Map<string, string>()
  for (const { kind, name, severity, field, message } of problems) {
    if (kind === 'IPAddressPool' && severity === 'error' && !inForce.has(name) && !brokenPools.has(name))
      brokenPools.set(name, `${field}: ${message}`)
  }
  return { allocator, loadBalancerClass, brokenPools, noPools: config.pools.length === 0 }
}
