import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { ForwardingMetrics } from './metrics.ts'

/** Changes that were handed over and wait for a transaction. */
interface Pending {
  readonly services: number
  readonly endpoints: number
}

/** Counts changes of Services and of their endpoints, all and pending ones, as kube-proxy does. */
export class ChangeCounts {
  readonly #metrics: ForwardingMetrics | undefined
  /** resourceVersions of the Services, to tell their changes from those of their slices */
  readonly #versions = new Map<string, string>()
  #pending = { services: 0, endpoints: 0 }

  constructor(metrics: ForwardingMetrics | undefined) {
    this.#metrics = metrics
  }

  note(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const version = service?.resourceVersion
    if (version !== undefined && this.#versions.get(key) === version) this.#endpointChanged()
    else {
      this.#serviceChanged()
      if (slices.length > 0) this.#endpointChanged()
    }
    if (version === undefined) this.#versions.delete(key)
    else this.#versions.set(key, version)
  }

  /** Those that the transaction which now begins takes along. */
  get pending(): Pending {
    return this.#pending
  }

  /** A transaction is done that took these along. */
  done({ services, endpoints }: Pending): void {
    const { services: moreServices, endpoints: moreEndpoints } = this.#pending
    this.#pending = { services: moreServices - services, endpoints: moreEndpoints - endpoints }
    this.#metrics?.serviceChangesPending.set(this.#pending.services)
    this.#metrics?.endpointChangesPending.set(this.#pending.endpoints)
  }

  #serviceChanged(): void {
    this.#pending = { ...this.#pending, services: this.#pending.services + 1 }
    this.#metrics?.serviceChanges.inc()
    this.#metrics?.serviceChangesPending.set(this.#pending.services)
  }

  #endpointChanged(): void {
    this.#pending = { ...this.#pending, endpoints: this.#pending.endpoints + 1 }
    this.#metrics?.endpointChanges.inc()
    this.#metrics?.endpointChangesPending.set(this.#pending.endpoints)
  }
}
