import type { KubeObject } from './api.ts'
import { keyOf } from './api.ts'

/** `previous` is absent when the object is new, `current` when it is gone. */
export interface Change<T> {
  readonly key: string
  readonly previous?: T
  readonly current?: T
}

/** A whole new content, gathered while the old one stays in force. */
export interface Replacement {
  add(object: KubeObject): void
  remove(object: KubeObject): void
  clear(): void
  /** Swaps the content, then tells the difference. */
  publish(): void
}

interface Kept<T> {
  readonly version: string
  readonly value: T
}

/** The projected objects of a reflector and those who listen to their changes. */
export class ReflectorStore<T> {
  readonly values = new Map<string, T>()
  /** of values that do not have them as `resourceVersion` */
  readonly #versions = new Map<string, string>()
  readonly #listeners = new Set<(change: Change<T>) => void>()
  readonly #project: (object: KubeObject, previous: T | undefined) => T
  readonly #onError: (error: unknown) => void

  constructor(
    project: (object: KubeObject, previous: T | undefined) => T,
    onError: (error: unknown) => void,
  ) {
    this.#project = project
    this.#onError = onError
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  put(object: KubeObject): void {
    const key = keyOf(object.metadata)
    const kept = this.#take(key, object)
    if (!kept || (kept.version !== '' && kept.version === this.#versionOf(key))) return
    const change = this.#change(key, kept)
    this.#set(key, kept)
    this.#tell(change)
  }

  remove(key: string): void {
    if (!this.values.has(key)) return
    const change = this.#change(key, undefined)
    this.#set(key, undefined)
    this.#tell(change)
  }

  replacement(): Replacement {
    const next = new Map<string, Kept<T>>()
    return {
      add: (object) => {
        const key = keyOf(object.metadata)
        const kept = this.#take(key, object)
        if (kept) next.set(key, kept)
      },
      remove: (object) => void next.delete(keyOf(object.metadata)),
      clear: () => next.clear(),
      publish: () => {
        this.#replace(next)
        // A watch goes on for minutes with what it began with.
        next.clear()
      },
    }
  }

  #replace(next: ReadonlyMap<string, Kept<T>>): void {
    const changes: Change<T>[] = []
    for (const key of this.values.keys()) if (!next.has(key)) changes.push(this.#change(key, undefined))
    for (const [key, kept] of next) {
      if (kept.version === '' || kept.version !== this.#versionOf(key)) changes.push(this.#change(key, kept))
    }
    for (const { key } of changes) this.#set(key, next.get(key))
    for (const change of changes) this.#tell(change)
  }

  /** One object that cannot be read must not stop the others: its last good form stays in force. */
  #take(key: string, object: KubeObject): Kept<T> | undefined {
    const previous = this.values.get(key)
    try {
      return { version: object.metadata.resourceVersion ?? '', value: this.#project(object, previous) }
    } catch (error) {
      this.#onError(error)
      return previous === undefined ? undefined : { version: this.#versionOf(key) ?? '', value: previous }
    }
  }

  #change(key: string, next: Kept<T> | undefined): Change<T> {
    const previous = this.values.get(key)
    return {
      key,
      ...(previous === undefined ? {} : { previous }),
      ...(next === undefined ? {} : { current: next.value }),
    }
  }

  #set(key: string, kept: Kept<T> | undefined): void {
    if (kept) {
      this.values.set(key, kept.value)
      if (ownVersion(kept.value) === kept.version) this.#versions.delete(key)
      else this.#versions.set(key, kept.version)
    } else {
      this.values.delete(key)
      this.#versions.delete(key)
    }
  }

  #versionOf(key: string): string | undefined {
    return this.#versions.get(key) ?? ownVersion(this.values.get(key))
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}

/** The version of its object, where what is kept of it has that. */
const ownVersion = (value: unknown): string | undefined =>
  (value as { readonly resourceVersion?: string } | undefined)?.resourceVersion
