import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
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
} from './api.ts'
import { keyOf } from './api.ts'
import { applyPatch, takeOver } from './apply-patch.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { KubeError } from './errors.ts'
import {
  createsOnUpdate,
  expired,
  hasStatus,
  idOf,
  inNamespace,
  isBuiltin,
  refusal,
  sameContent,
  stale,
  unreachable,
  untyped,
} from './fake-rules.ts'
import { FakeWatch } from './fake-watch.ts'
import type { Recorded } from './fake-watch.ts'
import { matcher } from './label-selector.ts'
import { jsonPatch, mergePatch } from './patch.ts'
import type { JsonPatchOperation } from './patch.ts'
import { typed } from './request-path.ts'
import { timestamp } from './timestamp.ts'

type Json = Record<string, unknown>
type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'

interface Stored {
  object: KubeObject
  /** by subresource ('' for the main one), then by field manager */
  readonly applied: Map<string, Map<string, Json>>
}

export interface FakeKubeApiOptions {
  /** for creationTimestamp; the fake sets no timers */
  readonly clock?: Clock
  /** false: as servers that do not know WatchList */
  readonly watchList?: boolean
}

const HISTORY_LIMIT = 10_000

/**
 * An API server in memory with the real one's semantics: resourceVersions from one counter, 409 for stale writes,
 * status apart from the rest, generations, finalizers, selectors, pages, watches that continue from a version and
 * 410 once that version is compacted. It checks no schemas. Tests drive faults through `fail`, `compact`,
 * `endWatches` and `outage`.
 */
export class FakeKubeApi implements KubeApi {
  readonly #options: FakeKubeApiOptions
  readonly #stored = new Map<string, Map<string, Stored>>()
  readonly #watches = new Set<FakeWatch>()
  #history: Recorded[] = []
  #version = 100
  #compacted = 0
  #unreachable = false
  /** what was asked, in order: `patch services/status default/web`, `list nodes` */
  readonly requests: string[] = []
  /** A fault: whatever it returns is thrown before the request does anything. */
  fail: ((verb: Verb, resource: Resource, key: string) => unknown) | undefined

  constructor(options: FakeKubeApiOptions = {}) {
    this.#options = options
  }

  get watches(): number {
    return this.#watches.size
  }

  /** Forgets the history: watches and continue tokens from before now get 410. */
  compact(): void {
    this.#compacted = this.#version
    this.#history = []
  }

  /** Tells all watches the current version. */
  bookmark(): void {
    for (const watch of this.#watches) watch.push(this.#bookmark())
  }

  /** Ends all watches, cleanly or with an error. */
  endWatches(how: 'clean' | KubeError = 'clean'): void {
    for (const watch of this.#watches) watch.end(how)
  }

  /** From now on nothing answers, and watches break; `false` ends it. */
  outage(begins: boolean): void {
    this.#unreachable = begins
    if (begins) this.endWatches(unreachable())
  }

  async get(resource: Resource, key: ObjectKey): Promise<KubeObject> {
    this.#begin('get', resource, key)
    return structuredClone(this.#find(resource, key).object)
  }

  async list(
    resource: Resource,
    options: ListOptions & { limit?: number; continue?: string },
  ): Promise<ListPage> {
    this.#begin('list', resource)
    const [version = String(this.#version), after = ''] = options.continue?.split(' ') ?? []
    if (options.continue && Number(version) < this.#compacted) throw expired()
    const found = this.#select(resource, options).filter((object) => keyOf(object.metadata) > after)
    const items = options.limit ? found.slice(0, options.limit) : found
    const last = items.at(-1)
    return {
      items: structuredClone(items).map((item) => (isBuiltin(resource) ? untyped(item) : item)),
      resourceVersion: version,
      ...(last && items.length < found.length ? { continue: `${version} ${keyOf(last.metadata)}` } : {}),
    }
  }

  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    this.#begin('watch', resource)
    const initial = options.sendInitialEvents === true
    if (initial && this.#options.watchList === false) {
      throw refusal(422, 'Invalid', 'sendInitialEvents is forbidden for watch')
    }
    const from = initial ? this.#version : Number(options.resourceVersion ?? this.#version)
    if (from < this.#compacted) throw expired()
    const matches = matcher(options.labelSelector, options.fieldSelector)
    const watch = new FakeWatch(
      (other, object) =>
        idOf(other) === idOf(resource) && inNamespace(object, options.namespace) && matches(object),
    )
    if (initial) {
      for (const object of this.#select(resource, options)) {
        watch.push({ type: 'ADDED', object: structuredClone(object) })
      }
      watch.push(this.#bookmark({ 'k8s.io/initial-events-end': 'true' }))
    }
    for (const recorded of this.#history) if (recorded.version > from) watch.offer(recorded)
    this.#watches.add(watch)
    const abort = () => watch.end('clean')
    options.signal.addEventListener('abort', abort)
    if (options.signal.aborted) abort()
    try {
      yield* watch.events()
    } finally {
      options.signal.removeEventListener('abort', abort)
      this.#watches.delete(watch)
    }
  }

  async create(resource: Resource, given: KubeObject, _options?: WriteOptions): Promise<KubeObject> {
    const object = structuredClone(typed(resource, given))
    const { metadata } = object
    if (!metadata.name && metadata.generateName)
      metadata.name = metadata.generateName + randomUUID().slice(0, 5)
    this.#begin('create', resource, metadata)
    if (!metadata.name) throw refusal(422, 'Invalid', 'metadata.name: Required value')
    if (resource.namespaced && !metadata.namespace)
      throw refusal(422, 'Invalid', 'metadata.namespace: Required value')
    const kind = this.#kind(resource)
    if (kind.has(keyOf(metadata))) {
      throw refusal(409, 'AlreadyExists', `${resource.plural} "${metadata.name}" already exists`)
    }
    metadata.uid = randomUUID()
    metadata.creationTimestamp = timestamp((this.#options.clock ?? systemClock).now())
    metadata.generation = 1
    if (hasStatus(resource)) delete (object as { status?: unknown }).status
    kind.set(keyOf(metadata), { object, applied: new Map() })
    this.#record(resource, undefined, object)
    return structuredClone(object)
  }

  async update(resource: Resource, given: KubeObject, options: WriteOptions = {}): Promise<KubeObject> {
    this.#begin('update', resource, given.metadata, options.subresource)
    if (!this.#kind(resource).has(keyOf(given.metadata)) && createsOnUpdate(resource)) throw stale()
    const stored = this.#find(resource, given.metadata)
    if (!given.metadata.resourceVersion) {
      throw refusal(422, 'Invalid', 'metadata.resourceVersion: must be specified for an update')
    }
    return this.#store(resource, stored, given, options.subresource)
  }

  async patch(resource: Resource, key: ObjectKey, body: unknown, options: PatchOptions): Promise<KubeObject> {
    this.#begin('patch', resource, key, options.subresource)
    if (options.type === 'apply') return this.#apply(resource, key, body as Json, options)
    const stored = this.#find(resource, key)
    const next =
      options.type === 'merge'
        ? mergePatch(stored.object, body)
        : jsonPatch(stored.object, body as JsonPatchOperation[])
    return this.#store(resource, stored, next as KubeObject, options.subresource)
  }

  async delete(resource: Resource, key: ObjectKey): Promise<void> {
    this.#begin('delete', resource, key)
    const stored = this.#find(resource, key)
    const { metadata } = stored.object
    if (!metadata.finalizers?.length) return this.#remove(resource, stored.object)
    if (metadata.deletionTimestamp) return
    const deletionTimestamp = timestamp((this.#options.clock ?? systemClock).now())
    this.#put(resource, stored, { ...stored.object, metadata: { ...metadata, deletionTimestamp } })
  }

  async #apply(
    resource: Resource,
    key: ObjectKey,
    body: Json,
    { fieldManager, force, subresource = '' as never }: PatchOptions,
  ): Promise<KubeObject> {
    if (!fieldManager) throw refusal(400, 'BadRequest', 'fieldManager is required for apply patch')
    const kind = this.#kind(resource)
    if (!kind.has(keyOf(key)) && !subresource) {
      const object = structuredClone(body) as unknown as KubeObject
      await this.create(resource, { ...object, metadata: { ...object.metadata, ...key } })
    }
    const stored = this.#find(resource, key)
    const managers = stored.applied.get(subresource) ?? new Map<string, Json>()
    const result = applyPatch(stored.object as unknown as Json, body, fieldManager, managers)
    if (result.conflicts.length > 0 && !force) {
      throw refusal(409, 'Conflict', `conflict with another manager: ${result.conflicts.join(', ')}`)
    }
    takeOver(managers, fieldManager, body)
    stored.applied.set(subresource, managers)
    return this.#store(resource, stored, result.object as unknown as KubeObject, subresource || undefined)
  }

  /** Stores what a write asks for, as far as its (sub)resource may change it. */
  #store(resource: Resource, stored: Stored, given: KubeObject, subresource?: 'status'): KubeObject {
    const present = stored.object as KubeObject & { status?: unknown }
    const next = structuredClone(given) as KubeObject & { status?: unknown }
    const { resourceVersion } = next.metadata
    if (resourceVersion && resourceVersion !== present.metadata.resourceVersion) {
      throw stale()
    }
    const { uid, creationTimestamp, deletionTimestamp, generation, name, namespace } = present.metadata
    Object.assign(next.metadata, { uid, creationTimestamp, deletionTimestamp, generation, name, namespace })
    next.metadata.resourceVersion = present.metadata.resourceVersion!
    const candidate =
      subresource === 'status'
        ? // The real one takes labels and annotations along, of its own kinds only.
          { ...present, ...(isBuiltin(resource) ? { metadata: next.metadata } : {}), status: next.status }
        : { ...next, ...(hasStatus(resource) ? { status: present.status } : {}) }
    const object = JSON.parse(JSON.stringify(candidate)) as KubeObject
    if (isDeepStrictEqual(object, present)) return structuredClone(object)
    if (!sameContent(object, present)) object.metadata.generation = (generation ?? 0) + 1
    if (object.metadata.deletionTimestamp && !object.metadata.finalizers?.length) {
      this.#remove(resource, object)
      return structuredClone(object)
    }
    this.#put(resource, stored, object)
    return structuredClone(object)
  }

  #put(resource: Resource, stored: Stored, object: KubeObject): void {
    const previous = stored.object
    stored.object = object
    this.#record(resource, previous, object)
  }

  #remove(resource: Resource, object: KubeObject): void {
    this.#kind(resource).delete(keyOf(object.metadata))
    this.#record(resource, object, undefined)
  }

  #record(resource: Resource, previous: KubeObject | undefined, current: KubeObject | undefined): void {
    const version = ++this.#version
    if (current) current.metadata.resourceVersion = String(version)
    const recorded: Recorded = {
      version,
      resource,
      ...(previous ? { previous } : {}),
      ...(current ? { current } : {}),
    }
    this.#history.push(recorded)
    if (this.#history.length > HISTORY_LIMIT) this.#compacted = this.#history.shift()!.version
    for (const watch of this.#watches) watch.offer(recorded)
  }

  #begin(verb: Verb, resource: Resource, key?: Partial<ObjectKey>, subresource?: string): void {
    const name = key?.name ? keyOf({ ...key, name: key.name }) : ''
    const what = subresource ? `${resource.plural}/${subresource}` : resource.plural
    this.requests.push(name ? `${verb} ${what} ${name}` : `${verb} ${what}`)
    if (this.#unreachable) throw unreachable()
    const fault = this.fail?.(verb, resource, name)
    if (fault) throw fault
  }

  #kind(resource: Resource): Map<string, Stored> {
    const id = idOf(resource)
    const present = this.#stored.get(id) ?? new Map<string, Stored>()
    this.#stored.set(id, present)
    return present
  }

  #find(resource: Resource, key: ObjectKey): Stored {
    const stored = this.#kind(resource).get(keyOf(key))
    if (stored) return stored
    throw refusal(404, 'NotFound', `${resource.plural} "${key.name}" not found`)
  }

  #select(resource: Resource, options: ListOptions): KubeObject[] {
    const matches = matcher(options.labelSelector, options.fieldSelector)
    return [...this.#kind(resource).values()]
      .map(({ object }) => object)
      .filter((object) => inNamespace(object, options.namespace) && matches(object))
      .sort((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1))
  }

  #bookmark(annotations?: Record<string, string>): WatchEvent {
    const resourceVersion = String(this.#version)
    const metadata = { name: '', resourceVersion, ...(annotations ? { annotations } : {}) }
    return { type: 'BOOKMARK', object: { metadata } }
  }
}
