import { expired } from '../status.ts'
import type { ApiObject } from '../object.ts'

/** One write, as it happened. */
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  readonly key: string
  /** the new object; for DELETED the last one, with the resourceVersion of the deletion */
  readonly object: ApiObject
  /** absent for ADDED */
  readonly previous?: ApiObject
}

type Listener = (change: Change) => void
type AnyListener = (collection: string, change: Change) => void

interface Collection {
  readonly objects: Map<string, ApiObject>
  /** keys in order; undefined after a key came or went */
  sorted: readonly string[] | undefined
  /** the newest changes, oldest first */
  history: Change[]
  /** every change with a revision greater than this is in `history` */
  floor: number
  readonly listeners: Set<Listener>
}

/**
 * Versioned objects in memory: one counter of revisions for everything, as etcd has, and a bounded history a
 * collection. A collection is a resource across its versions (`bgppeers.metallb.io`); a key is `namespace/name`.
 *
 * Listeners are called inside the write, in the order of writes. A listener must not write.
 */
export class Store {
  #revision: number
  readonly #collections = new Map<string, Collection>()
  readonly #historyLimit: number
  readonly #anyListeners = new Set<AnyListener>()

  /** @param historyLimit changes kept a collection; watches and pages that need older ones get 410 */
  constructor(historyLimit = 5000) {
    this.#historyLimit = historyLimit
    this.#revision = 1
  }

  get revision(): number {
    return this.#revision
  }

  get(collection: string, key: string): ApiObject | undefined {
    return this.#collections.get(collection)?.objects.get(key)
  }

  /** How many objects a collection holds now. */
  size(collection: string): number {
    return this.#collections.get(collection)?.objects.size ?? 0
  }

  /** The objects now, in order of their keys. */
  values(collection: string): ApiObject[] {
    const of = this.#collection(collection)
    of.sorted ??= [...of.objects.keys()].sort()
    return of.sorted.map((key) => of.objects.get(key)!)
  }

  /**
   * The objects as they were at a revision, in order of their keys.
   * @throws StatusError 410 when the history no longer reaches back that far
   */
  valuesAt(collection: string, revision: number): ApiObject[] {
    const later = this.since(collection, revision)
    if (later.length === 0) return this.values(collection)
    const objects = new Map(this.#collection(collection).objects)
    for (const change of later.reverse()) {
      if (change.previous === undefined) objects.delete(change.key)
      else objects.set(change.key, change.previous)
    }
    return [...objects.keys()].sort().map((key) => objects.get(key)!)
  }

  /**
   * The changes of a collection after a revision, oldest first.
   * @throws StatusError 410 when the history no longer reaches back that far
   */
  since(collection: string, revision: number): Change[] {
    const { history, floor } = this.#collection(collection)
    if (revision < floor) throw expired(`too old resource version: ${revision} (${floor})`)
    let first = history.length
    while (first > 0 && history[first - 1]!.revision > revision) first -= 1
    return history.slice(first)
  }

  /**
   * Stores an object under a new revision, which is set as its resourceVersion.
   * @param object is the store's from now on; nobody may change it
   */
  put(collection: string, key: string, object: ApiObject): ApiObject {
    const of = this.#collection(collection)
    const previous = of.objects.get(key)
    this.#revision += 1
    object.metadata.resourceVersion = String(this.#revision)
    of.objects.set(key, object)
    if (previous === undefined) of.sorted = undefined
    this.#record(collection, of, {
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      revision: this.#revision,
      key,
      object,
      ...(previous === undefined ? {} : { previous }),
    })
    return object
  }

  /** Removes an object; the returned last state carries the revision of the deletion. */
  remove(collection: string, key: string): ApiObject | undefined {
    const of = this.#collection(collection)
    const previous = of.objects.get(key)
    if (previous === undefined) return undefined
    this.#revision += 1
    const object = {
      ...previous,
      metadata: { ...previous.metadata, resourceVersion: String(this.#revision) },
    }
    of.objects.delete(key)
    of.sorted = undefined
    this.#record(collection, of, { type: 'DELETED', revision: this.#revision, key, object, previous })
    return object
  }

  /** Calls back for every later change of a collection, until the returned function is called. */
  subscribe(collection: string, listener: Listener): () => void {
    const { listeners } = this.#collection(collection)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** As `subscribe`, for every collection, also those that come later. */
  subscribeAll(listener: AnyListener): () => void {
    this.#anyListeners.add(listener)
    return () => this.#anyListeners.delete(listener)
  }

  /** Names of all collections that ever held an object. */
  collections(): string[] {
    return [...this.#collections.keys()]
  }

  /** Forgets the history, as etcd does every five minutes: older watches and pages get 410. */
  compact(): void {
    for (const of of this.#collections.values()) {
      of.history = []
      of.floor = this.#revision
    }
  }

  #collection(name: string): Collection {
    let of = this.#collections.get(name)
    if (of === undefined) {
      of = { objects: new Map(), sorted: undefined, history: [], floor: 0, listeners: new Set() }
      this.#collections.set(name, of)
    }
    return of
  }

  #record(collection: string, of: Collection, change: Change): void {
    of.history.push(change)
    // Cut in large pieces: one copy of the array for a quarter of the limit in writes.
    if (of.history.length > this.#historyLimit * 1.25) {
      const cut = of.history.length - this.#historyLimit
      of.floor = of.history[cut - 1]!.revision
      of.history = of.history.slice(cut)
    }
    for (const listener of of.listeners) listener(change)
    for (const listener of this.#anyListeners) listener(collection, change)
  }
}
