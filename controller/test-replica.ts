import type {
  KubeApi,
  KubeObject,
  ListOptions,
  ListPage,
  ObjectKey,
  PatchOptions,
  Resource,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '#kube/api.ts'

/**
 * For tests: an API server as one replica reaches it. While it is stalled nothing gets through in either direction;
 * what was sent arrives late, when the stall ends.
 */
export class StallingApi implements KubeApi {
  readonly #api: KubeApi
  #stall: Promise<void> | undefined
  #end: (() => void) | undefined

  constructor(api: KubeApi) {
    this.#api = api
  }

  stall(): void {
    if (this.#stall !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stall = promise
    this.#end = resolve
  }

  resume(): void {
    this.#stall = undefined
    this.#end?.()
  }

  async get(resource: Resource, key: ObjectKey): Promise<KubeObject> {
    await this.#stall
    return this.#api.get(resource, key)
  }

  async list(
    resource: Resource,
    options: ListOptions & { limit?: number; continue?: string },
  ): Promise<ListPage> {
    await this.#stall
    return this.#api.list(resource, options)
  }

  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    await this.#stall
    for await (const event of this.#api.watch(resource, options)) {
      await this.#stall
      yield event
    }
  }

  async create(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject> {
    await this.#stall
    return this.#api.create(resource, object, options)
  }

  async update(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject> {
    await this.#stall
    return this.#api.update(resource, object, options)
  }

  async patch(resource: Resource, key: ObjectKey, body: unknown, options: PatchOptions): Promise<KubeObject> {
    await this.#stall
    return this.#api.patch(resource, key, body, options)
  }

  async delete(resource: Resource, key: ObjectKey): Promise<void> {
    await this.#stall
    return this.#api.delete(resource, key)
  }
}
