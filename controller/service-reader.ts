import { keyOf, parseKey, type KubeApi } from '#kube/api.ts'
import { isKubeError } from '#kube/errors.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'

export interface ServiceReaderOptions {
  readonly api: KubeApi
  /** what the reflector knows */
  readonly observed: (key: string) => Service | undefined
}

/** Services as the reflector knows them, or as the API server does where the reflector is known to be behind. */
export class ServiceReader {
  readonly #options: ServiceReaderOptions
  /**
   * Services that exist, or existed, but that the reflector does not know (any more), or knows an earlier one of the
   * same name: asked for by name. With their uids.
   */
  readonly #unconfirmed = new Map<string, string>()

  constructor(options: ServiceReaderOptions) {
    this.#options = options
  }

  clear(): void {
    this.#unconfirmed.clear()
  }

  /** Until the reflector knows this Service, or it is gone, it is asked for. */
  confirm(service: Service): void {
    this.#unconfirmed.set(keyOf(service), service.uid)
  }

  /** What the reflector does not know yet must not count as gone: its address would be given to another. */
  async current(key: string): Promise<Service | undefined> {
    const known = this.#options.observed(key)
    const uid = this.#unconfirmed.get(key)
    if (uid === undefined) return known
    if (known?.uid === uid) {
      this.#unconfirmed.delete(key)
      return known
    }
    return this.read(key)
  }

  /** From the API server, which may be ahead of the reflector. */
  async read(key: string): Promise<Service | undefined> {
    const { api, observed } = this.#options
    let service: Service
    try {
      service = projectService(await api.get(resources.services, parseKey(key)))
    } catch (error) {
      if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      this.#unconfirmed.delete(key)
      return undefined
    }
    if (observed(key)?.uid === service.uid) this.#unconfirmed.delete(key)
    else this.confirm(service)
    return service
  }
}
