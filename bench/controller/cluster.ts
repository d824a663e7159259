import type { KubeApi, KubeObject } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import { monotonic } from '../forwarding/monotonic.ts'

const NAMESPACE = 'bench'
const PARALLEL = 16
const LIMIT_MS = 600_000

interface Seen {
  readonly version: string
  readonly address: string
}

const project = (object: KubeObject): Seen => ({
  version: object.metadata.resourceVersion ?? '',
  address:
    (object as KubeObject & { status?: { loadBalancer?: { ingress?: { ip?: string }[] } } }).status
      ?.loadBalancer?.ingress?.[0]?.ip ?? '',
})

/** The Services of the measurement, made and watched by their user. */
export class Cluster {
  readonly #api: KubeApi
  readonly #namespace: string
  readonly #services: Reflector<Seen>
  readonly #assigned = new Set<string>()
  readonly #waiting = new Set<() => void>()
  /** how long each creation took, in milliseconds */
  readonly created: number[] = []
  #next = 0

  private constructor(api: KubeApi, namespace: string) {
    this.#api = api
    this.#namespace = namespace
    this.#services = new Reflector({
      api,
      clock: systemClock,
      resource: resources.services,
      select: { namespace: NAMESPACE },
      project,
    })
    this.#services.onChange(({ key, current }) => {
      if (current === undefined || current.address === '') this.#assigned.delete(key)
      else this.#assigned.add(key)
      for (const look of this.#waiting) look()
    })
  }

  /** @param namespace of the configuration */
  static async prepare(api: KubeApi, namespace: string): Promise<Cluster> {
    await api.create(resources.namespaces, { metadata: { name: NAMESPACE } })
    const cluster = new Cluster(api, namespace)
    cluster.#services.start()
    await cluster.#services.whenSynced()
    return cluster
  }

  async createPool(name: string, ...addresses: string[]): Promise<void> {
    const metadata = { name, namespace: this.#namespace }
    await this.#api.create(resources.ipAddressPools, { metadata, spec: { addresses } } as KubeObject)
  }

  async editPool(name: string, ...addresses: string[]): Promise<void> {
    const key = { name, namespace: this.#namespace }
    await this.#api.patch(resources.ipAddressPools, key, { spec: { addresses } }, { type: 'merge' })
  }

  /** Services until there are so many; resolves when all have an address. */
  async growTo(count: number): Promise<void> {
    const names = Array.from({ length: count - this.#services.store.size }, () => `s${this.#next++}`)
    await inParallel(names, async (name) => {
      const from = monotonic()
      await this.create(name)
      this.created.push(monotonic() - from)
    })
    await this.until('all have an address', () => this.#assigned.size >= count)
  }

  async create(name: string, annotations: Record<string, string> = {}): Promise<void> {
    await this.#api.create(resources.services, {
      metadata: { name, namespace: NAMESPACE, annotations },
      spec: {
        type: 'LoadBalancer',
        selector: { app: name },
        allocateLoadBalancerNodePorts: false,
        ports: [{ port: 80 }],
      },
    } as KubeObject)
  }

  async annotate(name: string, annotations: Record<string, string>): Promise<void> {
    const body = { metadata: { annotations } }
    await this.#api.patch(resources.services, { name, namespace: NAMESPACE }, body, { type: 'merge' })
  }

  async remove(name: string): Promise<void> {
    await this.#api.delete(resources.services, { name, namespace: NAMESPACE })
    await this.until(`${name} is gone`, () => this.seen(name) === undefined)
  }

  seen(name: string): Seen | undefined {
    return this.#services.store.get(`${NAMESPACE}/${name}`)
  }

  /** Of each Service, which version it has: two of these tell what was written between them. */
  versions(): Map<string, string> {
    return new Map([...this.#services.store].map(([key, { version }]) => [key, version]))
  }

  /** How many Events there are about a Service, each counted as often as it was said. */
  async events(name: string): Promise<number> {
    const fieldSelector = `involvedObject.name=${name}`
    const { items } = await this.#api.list(resources.events, { namespace: NAMESPACE, fieldSelector })
    return items.reduce((sum, item) => sum + ((item as { count?: number }).count ?? 1), 0)
  }

  /** Waits for what the watch will show. */
  async until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => done(new Error(`${what}: not after ${LIMIT_MS} ms`)), LIMIT_MS)
      const look = () => void (holds() && done())
      const done = (error?: Error) => {
        clearTimeout(limit)
        this.#waiting.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      this.#waiting.add(look)
    })
  }

  close(): void {
    this.#services.stop()
  }
}

async function inParallel(names: readonly string[], act: (name: string) => Promise<void>): Promise<void> {
  const queue = names.values()
  const worker = async () => {
    for (const name of queue) await act(name)
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}
