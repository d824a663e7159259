import { createHash, randomBytes } from 'node:crypto'
import type { KubeApi, KubeObject } from './api.ts'
import type { Clock, Timer } from './clock.ts'
import { backoffMs } from './backoff.ts'
import { isKubeError } from './errors.ts'
import { resources } from './resources.ts'
import { timestamp } from './timestamp.ts'
import { TokenBuckets } from './token-buckets.ts'

export interface EventRecorderOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly random?: () => number
  /** `fairlead-controller` */
  readonly component: string
  /** the Pod or the node */
  readonly instance: string
}

/** What an event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid?: string
}

/** One series: the same thing said again about the same object. */
interface Series {
  readonly regarding: Regarding
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly firstSeen: number
  lastSeen: number
  count: number
  /** name of the Event object; '' until it exists */
  name: string
  /** the same from every process: whoever comes second finds it said */
  readonly once: boolean
  queued: boolean
}

const SERIES_MS = 600_000
const SERIES_LIMIT = 4096
const QUEUE_LIMIT = 1000
const MESSAGE_LIMIT = 1024
const ATTEMPTS = 6
/** client-go's figures: 25 at once, then one in 5 minutes, per object. */
const BURST = 25
const REFILL_MS = 300_000

/** Writes core/v1 Events: merged, limited in rate, never in anybody's way. */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  /** in order of last use */
  readonly #series = new Map<string, Series>()
  readonly #buckets: TokenBuckets
  readonly #queue: Series[] = []
  #draining: Promise<void> | undefined
  readonly #id = randomBytes(5).toString('hex')
  #count = 0
  #failures = 0
  #retry: Timer | undefined
  #dropped = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#buckets = new TokenBuckets({ burst: BURST, refillMs: REFILL_MS, limit: SERIES_LIMIT })
  }

  /** events that were not written: too many, or the server did not take them */
  get dropped(): number {
    return this.#dropped
  }

  /** Never throws and never waits. The same reason and message within 10 minutes count up one Event. */
  record(regarding: Regarding, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#record(regarding, type, reason, message, false)
  }

  /**
   * As `record`, but there is one Event for each reason and message about an object, as long as the API server keeps
   * it: not one for each restart or replica.
   */
  recordOnce(regarding: Regarding, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#record(regarding, type, reason, message, true)
  }

  #record(regarding: Regarding, type: Series['type'], reason: string, message: string, once: boolean): void {
    const now = this.#options.clock.now()
    const object = [regarding.kind, regarding.namespace ?? '', regarding.name, regarding.uid ?? '']
    if (!this.#buckets.take(object.join('/'), now)) return this.#drop()
    const text = message.slice(0, MESSAGE_LIMIT)
    const series = this.#seriesFor([...object, type, reason, text].join('\n'), now, {
      regarding,
      type,
      reason,
      message: text,
      once,
    })
    if (series.queued || (once && series.count > 1)) return
    if (this.#queue.length >= QUEUE_LIMIT) return this.#drop()
    series.queued = true
    this.#queue.push(series)
    if (!this.#retry) void this.#drain()
  }

  /** Resolves when everything recorded so far was tried; for use before the process ends. */
  async flush(): Promise<void> {
    await this.#draining
    this.#retry?.cancel()
    this.#retry = undefined
    await this.#drain()
  }

  #seriesFor(
    key: string,
    now: number,
    given: Pick<Series, 'regarding' | 'type' | 'reason' | 'message' | 'once'>,
  ): Series {
    const present = this.#series.get(key)
    const fresh = present && now - present.lastSeen < SERIES_MS ? present : undefined
    const series = fresh ?? { ...given, firstSeen: now, lastSeen: now, count: 0, name: '', queued: false }
    series.count++
    series.lastSeen = now
    this.#series.delete(key)
    this.#series.set(key, series)
    if (this.#series.size > SERIES_LIMIT) this.#series.delete(this.#series.keys().next().value!)
    return series
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#sendAll()
    return this.#draining
  }

  async #sendAll(): Promise<void> {
    // What record() queues in this very turn belongs to the first round.
    await Promise.resolve()
    try {
      for (let series = this.#queue[0]; series; series = this.#queue[0]) {
        series.queued = false
        try {
          await this.#send(series)
          this.#failures = 0
          this.#queue.shift()
        } catch (error) {
          if (isTransient(error) && ++this.#failures < ATTEMPTS) return this.#retryLater(series)
          this.#failures = 0
          this.#queue.shift()
          this.#drop()
        }
      }
    } finally {
      // In the turn in which the queue was found empty: what comes a moment later begins another round.
      this.#draining = undefined
    }
  }

  #retryLater(series: Series): void {
    const { clock, random = Math.random } = this.#options
    series.queued = true
    this.#retry = clock.setTimeout(
      () => {
        this.#retry = undefined
        void this.#drain()
      },
      backoffMs(this.#failures, 1000, 30_000, random),
    )
  }

  async #send(series: Series): Promise<void> {
    const { api } = this.#options
    const namespace = series.regarding.namespace ?? 'default'
    if (series.name !== '') {
      const body = { count: series.count, lastTimestamp: timestamp(series.lastSeen) }
      try {
        await api.patch(resources.events, { namespace, name: series.name }, body, { type: 'merge' })
        return
      } catch (error) {
        // Events expire after an hour or so; the next one begins a new object.
        if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      }
    }
    const name = `${series.regarding.name.slice(0, 230)}.${series.once ? digestOf(series) : this.#nextId()}`
    try {
      await api.create(resources.events, this.#event(series, namespace, name), { unread: true })
    } catch (error) {
      if (!series.once || !isKubeError(error, 'FL_KUBE_EXISTS')) throw error
    }
    series.name = name
  }

  #event(series: Series, namespace: string, name: string): KubeObject {
    const { component, instance } = this.#options
    const { regarding, type, reason, message, count } = series
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name },
      involvedObject: regarding,
      type,
      reason,
      message,
      count,
      firstTimestamp: timestamp(series.firstSeen),
      lastTimestamp: timestamp(series.lastSeen),
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
    } as KubeObject
  }

  /** Unique in the cluster: random for this process, then a count. */
  #nextId(): string {
    return `${this.#id}${(++this.#count).toString(16).padStart(6, '0')}`
  }

  #drop(): void {
    this.#dropped++
  }
}

const digestOf = ({ regarding, reason, message }: Series): string =>
  createHash('sha256')
    .update(`${regarding.uid ?? ''}\n${reason}\n${message}`)
    .digest('hex')
    .slice(0, 16)

const isTransient = (error: unknown): boolean =>
  isKubeError(error, 'FL_KUBE_UNREACHABLE', 'FL_KUBE_SERVER', 'FL_KUBE_THROTTLED')
