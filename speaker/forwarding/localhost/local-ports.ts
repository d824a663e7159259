import type { Family } from '#inet/address.ts'
import type { ProgrammedService } from '../follower.ts'

/** An endpoint that a connection can be sent to; the address is canonical text. */
export interface Target {
  readonly address: string
  readonly port: number
}

/** A TCP NodePort as it is offered on the loopback address of its family. */
export interface LocalPort {
  readonly family: Family
  readonly port: number
  /** never empty */
  readonly targets: readonly Target[]
  /** sessionAffinity ClientIP: ms for which all of loopback, being one client, keeps its endpoint */
  readonly affinityMs: number | undefined
}

/** The loopback address of a family. */
export const loopback = { 4: '127.0.0.1', 6: '::1' } as const satisfies Record<Family, string>

/**
 * The NodePorts of a Service on loopback. Loopback is this node, and this node reaches every endpoint whatever the
 * externalTrafficPolicy, as it does by its other addresses. Without endpoints nothing is offered: connections are
 * refused by the kernel, as everywhere.
 */
export function localPortsOf(
  { service, plan }: ProgrammedService,
  callable: (address: string) => boolean = notLoopback,
): LocalPort[] {
  const affinityMs =
    service.sessionAffinity === 'ClientIP' ? service.sessionAffinityTimeout * 1000 : undefined
  return plan.frontends.flatMap(({ kind, protocol, family, port, endpoints }) => {
    if (kind !== 'NodePort' || protocol !== 'TCP') return []
    const targets = endpoints.filter(({ address }) => callable(address))
    return targets.length > 0 ? [{ family, port, targets, affinityMs }] : []
  })
}

/** For canonical text. What listens on loopback is this node's own, and may be the proxy itself. */
const notLoopback = (address: string): boolean =>
  address !== loopback[6] && !address.startsWith('127.') && !/^::ffff:7f[0-9a-f]{2}:/.test(address)

/** How many endpoints a connection is offered to. */
const ATTEMPTS = 4

/** The endpoint that connections of one port keep to. */
export class Affinity {
  #target: Target | undefined
  #until = 0

  /** The kept endpoint, if it is still one of `targets` at `now` (epoch ms). */
  kept(targets: readonly Target[], now: number): Target | undefined {
    const kept = this.#target
    if (kept === undefined || now >= this.#until) return undefined
    return targets.find((one) => sameTarget(one, kept))
  }

  keep(target: Target, until: number): void {
    this.#target = target
    this.#until = until
  }
}

const sameTarget = (a: Target, b: Target): boolean => a.address === b.address && a.port === b.port

/**
 * The endpoints to try, in order: the first is uniformly random, or the kept one; the others differ from it.
 *
 * @param random in [0, 1)
 */
export function attempts(
  targets: readonly Target[],
  kept: Target | undefined,
  random: () => number,
): readonly Target[] {
  const rest = targets.filter((one) => one !== kept)
  const chosen: Target[] = kept === undefined ? [] : [kept]
  while (chosen.length < ATTEMPTS && rest.length > 0) {
    const at = Math.floor(random() * rest.length)
    chosen.push(rest[at])
    rest[at] = rest[rest.length - 1]
    rest.pop()
  }
  return chosen
}
