import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { projectServiceCidr, type ServiceCidr } from '#kube/objects/service-cidr.ts'
import { OptionalReflector } from '#kube/optional-reflector.ts'
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
  readonly #reflector: OptionalReflector<ServiceCidr>

  constructor({ api, clock, onChange, onError }: ServiceCidrSourceOptions) {
    this.#reflector = new OptionalReflector({
      api,
      clock,
      resource: resources.serviceCidrs,
      project: projectServiceCidr,
      absent: ['FL_KUBE_NOT_FOUND', 'FL_KUBE_FORBIDDEN'],
      onError,
    })
    this.#reflector.onChange(onChange)
  }

  /** In the order of the objects' names, each once. */
  get cidrs(): readonly string[] {
    const objects = [...this.#reflector.store.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return [...new Set(objects.flatMap(({ cidrs }) => cidrs))]
  }

  /** The first list is complete, or it is known that there is none. */
  get synced(): boolean {
    return this.#reflector.synced
  }

  whenSynced(): Promise<void> {
    return this.#reflector.whenSynced()
  }

  start(): void {
    this.#reflector.start()
  }

  stop(): void {
    this.#reflector.stop()
  }
}
