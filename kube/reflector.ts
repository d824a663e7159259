import type { KubeApi, KubeObject, ListOptions, ListPage, Resource, WatchEvent } from './api.ts'
import { keyOf } from './api.ts'
import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { sleep } from './clock.ts'
import { isKubeError, KubeError, kubeErrorFrom } from './errors.ts'
import { ReflectorStore } from './reflector-store.ts'
import type { Change } from './reflector-store.ts'

export interface ReflectorOptions<T> {
  readonly api: KubeApi
  readonly resource: Resource
  readonly select?: ListOptions
  /** What is kept of an object; runs on arrival, the object itself is dropped. `previous` is what is kept until then. */
  readonly project: (object: KubeObject, previous: T | undefined) => T
  readonly clock: Clock
  readonly random?: () => number
  /** `retryInMs` is 0 when only one object was skipped and nothing is retried. */
  readonly onError?: (error: unknown, retryInMs: number) => void
}

const PAGE = 500
const BASE_MS = 200
const MAX_MS = 30_000
/** An API server sends a bookmark about once a minute; a watch silent for longer than this is dead. */
const SILENCE_MS = 150_000
/** How long a server that was asked for initial events may stay silent before it is taken not to know them. */
const INITIAL_SILENCE_MS = 20_000
/** A watch that ends sooner than this without an event counts as a failure, or the loop would spin. */
const SHORT_MS = 1000
/** A watch that lasted this long was good, whatever ended it. */
const HEALTHY_MS = 30_000
/** After so many failures in a row the version itself is suspected. */
const SUSPECT_AFTER = 3

/**
 * Keeps a projected copy of all objects of one resource, as fresh as the server lets it, and never gives up.
 *
 * The copy starts with WatchList (KEP-3157) or, where the server does not know it, a paged list and a watch. Watches
 * continue from the last version; 410 Gone leads to a new list whose difference to the copy is published as changes,
 * deletions included, so that the copy is never empty in between.
 */
export class Reflector<T> {
  readonly resource: Resource
  readonly #options: ReflectorOptions<T>
  readonly #random: () => number
  readonly #kept: ReflectorStore<T>
  readonly #stopping = new AbortController()
  readonly #syncWaiters: (() => void)[] = []
  #started = false
  #synced = false
  #lastContact = 0
  /** where the next watch continues; '' asks for a new list */
  #version = ''
  #watchList = true
  #failures = 0
  /** how often initial events began to come and broke off */
  #brokenOff = 0

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.resource = options.resource
    this.#random = options.random ?? Math.random
    this.#kept = new ReflectorStore(options.project, (error) => options.onError?.(error, 0))
  }

  /** keyed by `keyOf`; one live map, so look things up and do not keep it */
  get store(): ReadonlyMap<string, T> {
    return this.#kept.values
  }

  /** the first list is complete; stays true through outages */
  get synced(): boolean {
    return this.#synced
  }

  /** epoch ms of the last event, bookmark or list page; 0 before the first. A quiet watch hears once a minute. */
  get lastContact(): number {
    return this.#lastContact
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#run()
  }

  /** Ends the watch; the store stays as it is. A stopped reflector does not start again. */
  stop(): void {
    this.#started = true
    this.#stopping.abort()
  }

  /** Resolves once the first list is complete; never when the reflector is stopped before. */
  whenSynced(): Promise<void> {
    if (this.#synced) return Promise.resolve()
    return new Promise((resolve) => this.#syncWaiters.push(resolve))
  }

  /** @returns a function that ends the subscription. The store already holds `current` when the listener runs. */
  onChange(listener: (change: Change<T>) => void): () => void {
    return this.#kept.subscribe(listener)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        if (this.#version === '' && !this.#watchList) await this.#list()
        if (!signal.aborted) await this.#watch()
      } catch (error) {
        if (signal.aborted) return
        await this.#failed(error)
      }
    }
  }

  async #failed(error: unknown): Promise<void> {
    this.#failures++
    if (needsList(error, this.#failures)) this.#version = ''
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const wait = Math.max(backoffMs(this.#failures, BASE_MS, MAX_MS, this.#random), Math.min(asked, MAX_MS))
    this.#options.onError?.(error, wait)
    await sleep(this.#options.clock, wait, this.#stopping.signal)
  }

  /** A list in pages. No resourceVersion: with `0` the server ignores the limit and answers from its cache. */
  async #list(): Promise<void> {
    const { api, resource, select } = this.#options
    const fresh = this.#kept.replacement()
    let page: ListPage | undefined
    let limit = PAGE
    do {
      try {
        page = await api.list(resource, {
          ...select,
          ...(limit ? { limit } : {}),
          ...(page?.continue ? { continue: page.continue } : {}),
        })
      } catch (error) {
        // The list took longer than the server keeps its history: what is left is taken in one piece, anew.
        if (!isKubeError(error, 'FL_KUBE_GONE') || !page?.continue) throw error
        fresh.clear()
        page = undefined
        limit = 0
        continue
      }
      if (this.#stopping.signal.aborted) return
      this.#heard()
      for (const object of page.items) fresh.add(object)
    } while (!page || page.continue)
    this.#version = page.resourceVersion
    this.#publish(() => fresh.publish())
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options
    const begun = clock.now()
    const initial = this.#version === '' ? this.#kept.replacement() : undefined
    let initialDone = initial === undefined
    let heard = false
    const attempt = new Attempt(clock, this.#stopping.signal)
    try {
      attempt.expectWithin(initialDone ? SILENCE_MS : INITIAL_SILENCE_MS)
      for await (const event of this.#open(attempt.signal, initialDone)) {
        if (this.#stopping.signal.aborted) return
        if (event.type === 'ERROR') throw kubeErrorFrom(event.object.code ?? 500, event.object)
        heard = true
        this.#heard()
        if (initialDone) this.#apply(event)
        else if (event.type === 'DELETED') initial?.remove(event.object)
        else if (event.type !== 'BOOKMARK') initial?.add(event.object)
        else if (endsInitialEvents(event)) {
          initialDone = true
          this.#version = event.object.metadata.resourceVersion ?? ''
          this.#publish(() => initial?.publish())
        }
        if (initialDone) this.#failures = 0
        attempt.expectWithin(initialDone ? SILENCE_MS : INITIAL_SILENCE_MS)
      }
    } catch (error) {
      if (!initialDone && !attempt.silent && refusesWatchList(error)) return this.#fallBack(error)
      // Cut off in the middle again and again: a server that sends all at once gives up on a reader who is slower.
      if (!initialDone && heard && ++this.#brokenOff >= SUSPECT_AFTER) return this.#fallBack(error)
      if (initialDone && clock.now() - begun >= HEALTHY_MS) this.#failures = 0
      if (!attempt.silent) throw error
    } finally {
      attempt.end()
    }
    if (this.#stopping.signal.aborted) return
    if (!initialDone) return this.#fallBack(new KubeError('FL_KUBE_STREAM', 'no initial-events-end bookmark'))
    if (attempt.silent) throw new KubeError('FL_KUBE_UNREACHABLE', 'the watch was silent for too long')
    if (!heard && clock.now() - begun < SHORT_MS) {
      throw new KubeError('FL_KUBE_STREAM', 'the watch ended at once, without an event')
    }
    this.#failures = 0
    this.#heard()
  }

  #open(signal: AbortSignal, resume: boolean): AsyncIterable<WatchEvent> {
    const { api, resource, select } = this.#options
    return api.watch(resource, {
      ...select,
      ...(resume ? { resourceVersion: this.#version } : { sendInitialEvents: true }),
      timeoutSeconds: Math.floor(300 + 300 * this.#random()),
      signal,
    })
  }

  #apply(event: WatchEvent): void {
    if (event.type === 'DELETED') this.#kept.remove(keyOf(event.object.metadata))
    else if (event.type !== 'BOOKMARK') this.#kept.put(event.object)
    this.#version = event.object.metadata.resourceVersion || this.#version
  }

  /** The server does not know WatchList; it is not asked again. */
  #fallBack(error: unknown): void {
    this.#watchList = false
    this.#options.onError?.(error, 0)
  }

  #publish(publish: () => void): void {
    this.#synced = true
    publish()
    for (const resolve of this.#syncWaiters.splice(0)) resolve()
  }

  #heard(): void {
    this.#lastContact = this.#options.clock.now()
  }
}

/** One watch with a dead man's switch: aborted when stopped, or when nothing was heard for too long. */
class Attempt {
  readonly #clock: Clock
  readonly #stopping: AbortSignal
  readonly #controller = new AbortController()
  readonly #abort = () => this.#controller.abort()
  #timer: { cancel(): void } | undefined
  #deadline = 0
  silent = false

  constructor(clock: Clock, stopping: AbortSignal) {
    this.#clock = clock
    this.#stopping = stopping
    stopping.addEventListener('abort', this.#abort)
    if (stopping.aborted) this.#abort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Moves the deadline; the timer is left as it is and looks again when it fires, since events are many. */
  expectWithin(ms: number): void {
    this.#deadline = this.#clock.now() + ms
    this.#timer ??= this.#clock.setTimeout(this.#look, ms)
  }

  readonly #look = () => {
    const left = this.#deadline - this.#clock.now()
    if (left > 0) {
      this.#timer = this.#clock.setTimeout(this.#look, left)
      return
    }
    this.silent = true
    this.#abort()
  }

  end(): void {
    this.#timer?.cancel()
    this.#stopping.removeEventListener('abort', this.#abort)
  }
}

const endsInitialEvents = (event: WatchEvent): boolean =>
  event.object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true'

/** Old servers refuse `sendInitialEvents` as a bad or an invalid request. */
const refusesWatchList = (error: unknown): boolean =>
  isKubeError(error, 'FL_KUBE_BAD_REQUEST', 'FL_KUBE_INVALID')

/** Pure: is the version that the watch continued from no good any more? */
function needsList(error: unknown, failures: number): boolean {
  if (!(error instanceof KubeError)) return false
  switch (error.code) {
    case 'FL_KUBE_GONE':
      return true
    case 'FL_KUBE_BAD_REQUEST':
    case 'FL_KUBE_INVALID':
    case 'FL_KUBE_STREAM':
      return failures >= SUSPECT_AFTER
    case 'FL_KUBE_SERVER':
      // A server restored from a backup counts from an earlier version than we have seen and answers 504.
      return /too large resource version/i.test(error.message)
    default:
      return false
  }
}
