import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import type { Service } from '#kube/objects/service.ts'
import { saysClaimed } from './frontends.ts'
import { POOL_ANNOTATION } from './request.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'

/** Ours to serve, or not any more but with something of ours on it. */
export const concernsUs = (service: Service, loadBalancerClass: string): boolean =>
  classRefusal(service, loadBalancerClass) === '' ||
  Object.hasOwn(service.annotations, POOL_ANNOTATION) ||
  service.conditions.some(({ type }) => type === ADDRESS_ASSIGNED) ||
  saysClaimed(service)

/** The keys of the Services that concern us. */
export class ConcernedServices {
  readonly #byNamespace = new Map<string, Set<string>>()

  /** @returns whether it concerned us until now */
  set(key: string, concerns: boolean): boolean {
    const namespace = key.slice(0, key.indexOf('/'))
    const keys = this.#byNamespace.get(namespace) ?? new Set()
    const concerned = keys.has(key)
    if (concerns) this.#byNamespace.set(namespace, keys.add(key))
    else if (keys.delete(key) && keys.size === 0) this.#byNamespace.delete(namespace)
    return concerned
  }

  in(namespace: string): Iterable<string> {
    return this.#byNamespace.get(namespace) ?? []
  }

  *all(): Generator<string, void> {
    for (const keys of this.#byNamespace.values()) yield* keys
  }
}
