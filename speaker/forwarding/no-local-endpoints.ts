import type { Gauge } from 'prom-client'
import type { Family } from '#inet/address.ts'
import type { Follower, ProgrammedService } from './follower.ts'
import { familyLabel } from './metrics.ts'
import type { ServicePlan } from './plan.ts'

interface WithoutEndpoints {
  readonly internal: Readonly<Record<Family, number>>
  readonly external: Readonly<Record<Family, number>>
}

const trafficPolicies = ['internal', 'external'] as const

/**
 * How many Service ports drop packets because their policy is Local and all their endpoints are on other nodes. Each
 * change costs what its Service costs.
 */
export class NoLocalEndpoints implements Follower {
  readonly #gauge: Gauge
  /** Services without such a port are not in here */
  readonly #byService = new Map<string, WithoutEndpoints>()

  constructor(gauge: Gauge) {
    this.#gauge = gauge
    for (const traffic_policy of trafficPolicies) {
      for (const family of [4, 6] as const) gauge.set({ traffic_policy, ...familyLabel(family) }, 0)
    }
  }

  programmed(services: ReadonlyMap<string, ProgrammedService | undefined>): void {
    for (const [key, one] of services) {
      if (one) this.set(key, one.plan)
      else this.delete(key)
    }
  }

  set(key: string, plan: Pick<ServicePlan, 'frontends'>): void {
    const before = this.#byService.get(key)
    const now = countDropping(plan)
    if (now) this.#byService.set(key, now)
    else this.#byService.delete(key)
    if (before === undefined && now === undefined) return
    for (const traffic_policy of trafficPolicies) {
      for (const family of [4, 6] as const) {
        const change = (now?.[traffic_policy][family] ?? 0) - (before?.[traffic_policy][family] ?? 0)
        if (change !== 0) this.#gauge.inc({ traffic_policy, ...familyLabel(family) }, change)
      }
    }
  }

  delete(key: string): void {
    this.set(key, { frontends: [] })
  }

  async stop(): Promise<void> {}
}

/** undefined when no port of the Service is without local endpoints */
function countDropping({ frontends }: Pick<ServicePlan, 'frontends'>): WithoutEndpoints | undefined {
  const dropping = frontends.filter(({ noEndpoints }) => noEndpoints === 'drop')
  if (dropping.length === 0) return undefined
  const count = (family: Family, kinds: (kind: string) => boolean): number =>
    new Set(
      dropping
        .filter((one) => one.family === family && kinds(one.kind))
        .map((one) => `${one.protocol} ${one.port}`),
    ).size
  const internal = (family: Family) => count(family, (kind) => kind === 'ClusterIP')
  // A port is one port, however many external addresses it has; its NodePort has another number.
  const external = (family: Family) =>
    Math.max(
      count(family, (kind) => kind === 'NodePort'),
      count(family, (kind) => kind === 'LoadBalancer' || kind === 'ExternalIP'),
    )
  return {
    internal: { 4: internal(4), 6: internal(6) },
    external: { 4: external(4), 6: external(6) },
  }
}
