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
import { kubeErrorFrom } from '#kube/errors.ts'
import { typed } from '#kube/request-path.ts'
import type { Authenticator, User } from './auth/authenticator.ts'
import type { Authorizer } from './auth/authorizer.ts'
import { REVIEWS, review } from './auth/reviews.ts'
import type { Backend } from './backend.ts'
import { copyJson, type JsonObject } from './json.ts'
import { LocalWatch } from './local-watch.ts'
import { bind } from './rest/actions.ts'
import { create } from './rest/create.ts'
import { remove } from './rest/delete.ts'
import { list, untyped } from './rest/list.ts'
import type { DeleteRequest, WriteRequest } from './rest/options.ts'
import { apply, patch } from './rest/patch.ts'
import { read } from './rest/replace.ts'
import { update } from './rest/update.ts'
import { noSuchResource, StatusError } from './status.ts'
import { apiVersionOf, type ResourceType } from './types/resource-type.ts'

/**
 * The API without a network in between: the lab's own controllers work through it, also while the server plays
 * dead. Objects that it gives are copies, as from a real server.
 */
export class LocalApi implements KubeApi {
  readonly #backend: Backend
  readonly #authenticator: Authenticator
  readonly #authorizer: Authorizer
  readonly #user: User
  readonly #manager: string

  constructor(
    backend: Backend,
    authenticator: Authenticator,
    authorizer: Authorizer,
    user: User,
    manager: string,
  ) {
    this.#backend = backend
    this.#authenticator = authenticator
    this.#authorizer = authorizer
    this.#user = user
    this.#manager = manager
  }

  async get(resource: Resource, key: ObjectKey): Promise<KubeObject> {
    return this.#do(resource, (type) => read(this.#backend, type, key.namespace, key.name))
  }

  async list(
    resource: Resource,
    options: ListOptions & { limit?: number; continue?: string },
  ): Promise<ListPage> {
    return this.#do(resource, (type) => {
      const { items, ...page } = list(this.#backend, type, options)
      return { ...page, items: type.custom ? items : items.map(untyped) }
    })
  }

  async create(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const asked = REVIEWS.find((one) => one.group === resource.group && one.plural === resource.plural)
    if (asked !== undefined) {
      const body = copyJson(object) as unknown as JsonObject
      const answer = review(asked.kind, body, this.#user, this.#authenticator, this.#authorizer)
      return answer as unknown as KubeObject
    }
    const { namespace } = object.metadata
    return this.#do(resource, (type) =>
      create(
        this.#backend,
        type,
        type.namespaced ? (namespace ?? 'default') : undefined,
        typed(resource, object),
        this.#writing(options),
      ),
    )
  }

  async update(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    const { namespace, name } = object.metadata
    const part = options.subresource ?? ''
    return this.#do(resource, (type) =>
      update(this.#backend, type, namespace, name, typed(resource, object), part, this.#writing(options)),
    )
  }

  async patch(
    resource: Resource,
    { namespace, name }: ObjectKey,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubeObject> {
    const { type: kind, subresource: part = '', force = false } = options
    return this.#do(resource, (type) => {
      const request = this.#writing(options)
      if (kind !== 'apply') return patch(this.#backend, type, namespace, name, body, kind, part, request)
      const typed = { apiVersion: apiVersionOf(type), kind: type.kind, ...(body as JsonObject) }
      return apply(this.#backend, type, namespace, name, typed, part, { ...request, force }).object
    })
  }

  /**
   * Deletes. A kubelet confirms the end of a Pod with `gracePeriodSeconds: 0` and the uid of the Pod it ended;
   * then it is gone at once.
   */
  async delete(
    resource: Resource,
    { namespace, name }: ObjectKey,
    options: Omit<DeleteRequest, 'dryRun'> = {},
  ): Promise<void> {
    this.#do(resource, (type) => {
      remove(this.#backend, type, namespace, name, { ...options, dryRun: false })
      return undefined
    })
  }

  /** Gives a Pod to a node, as a scheduler does through the binding subresource. */
  async bind(pod: ObjectKey, node: string): Promise<void> {
    const pods = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }
    this.#do(pods, (type) => {
      bind(this.#backend, type, pod.namespace, pod.name, { target: { name: node } }, this.#writing({}))
      return undefined
    })
  }

  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const opened = this.#do(resource, (type) => new LocalWatch(this.#backend, type, options), false)
    yield* opened.events()
  }

  #writing(options: { fieldManager?: string }): WriteRequest {
    return {
      fieldManager: options.fieldManager ?? this.#manager,
      dryRun: false,
      fieldValidation: 'Strict',
      warnings: [],
    }
  }

  /** Runs a request as the server would, with its errors as a client sees them. */
  #do<T>(resource: Resource, run: (type: ResourceType) => T, copy = true): T {
    try {
      const type = this.#backend.types.find(resource.group, resource.version, resource.plural)
      if (type === undefined) throw noSuchResource()
      const result = run(type)
      return copy ? copyJson(result) : result
    } catch (error) {
      if (error instanceof StatusError) throw kubeErrorFrom(error.code, error.toStatus())
      throw error
    }
  }
}
