import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { projectServiceCidr, type ServiceCidr } from '#kube/objects/service-cidr.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'

interface ServiceCidrSourceOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly onChange: () => void
  readonly onError: (error: unknown, retryInMs: number) => void
}

/**
 * The ranges of ClusterIPs, from the ServiceCIDR objects (KEP-1880). API servers before 1.33 need not have them, and
 * a role may not grant them; then there are none, and a ClusterIP that no Service has is simply not dropped.
 */
export class ServiceCidrSource {
  readonly reflector: Reflector<ServiceCidr>
  readonly #waiters: (() => void)[] = []
  #missing = false

  constructor({ api, clock, onChange, onError }: ServiceCidrSourceOptions) {
    this.reflector = new Reflector({
      api,
      clock,
      resource: resources.serviceCidrs,
      project: projectServiceCidr,
      onError: (error, retryInMs) => {
        const missing = isKubeError(error, 'FL_KUBE_NOT_FOUND', 'FL_KUBE_FORBIDDEN')
        // Asked again and again, since an upgrade of the API server may bring them; told once.
        if (!missing || !this.#missing) onError(error, retryInMs)
        if (!missing) return
        this.#missing = true
        this.#settle()
      },
    })
    this.reflector.onChange(onChange)
    void this.reflector.whenSynced().then(() => this.#settle())
  }

  /** In the order of the objects' names, each once. */
  get cidrs(): readonly string[] {
    const objects = [...this.reflector.store.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return [...new Set(objects.flatMap(({ cidrs }) => cidrs))]
  }

  /** The first list is complete, or it is known that there is none. */
  get synced(): boolean {
    return this.reflector.synced || this.#missing
  }

  whenSynced(): Promise<void> {
    if (this.synced) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  start(): void {
    this.reflector.start()
  }

  stop(): void {
    this.reflector.stop()
  }

  #settle(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
