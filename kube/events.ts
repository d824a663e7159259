import { createHash, randomBytes } from 'node:crypto'
import type { KubeApi, KubeObject } from './api.ts'
import type { Clock, Timer } from './clock.ts'
import { backoffMs } from './backoff.ts'
import { isKubeError } from './errors.ts'
import { EventSeries, type Regarding, type Series, type Statement, type Subject } from './event-series.ts'
import { resources } from './resources.ts'
import { timestamp } from './timestamp.ts'

export interface EventRecorderOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly random?: () => number
  /** `fairlead-controller` */
  readonly component: string
  /** the Pod or the node */
  readonly instance: string
}

export type { Regarding } from './event-series.ts'

/** A series of which the API server does not know all yet. */
interface Pending {
  readonly subject: Subject
  readonly series: Series
  readonly regarding: Regarding
}

/** How many are sent at the same time, never two about one object. */
const LANES = 6
const QUEUE_LIMIT = 4096
const MESSAGE_LIMIT = 1024
const ATTEMPTS = 6

/** Writes core/v1 Events: merged, limited in rate, in order for each object, never in anybody's way. */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #said = new EventSeries()
  readonly #queue: Pending[] = []
  #sending: Promise<void> | undefined
  readonly #id = randomBytes(5).toString('hex')
  #count = 0
  /** in a row */
  #failures = 0
  #retry: Timer | undefined
  #dropped = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
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

  #record(regarding: Regarding, type: Series['type'], reason: string, text: string, once: boolean): void {
    const statement: Statement = { type, reason, message: text.slice(0, MESSAGE_LIMIT), once }
    const found = this.#said.record(regarding, statement, this.#options.clock.now())
    if (found === undefined) return this.#drop()
    const { series, subject } = found
    if (series.queued || (once && series.count > 1)) return
    if (this.#queue.length >= QUEUE_LIMIT) return this.#drop()
    series.queued = true
    this.#queue.push({ subject, series, regarding })
    if (this.#retry === undefined) void this.#send()
  }

  /** Resolves when everything recorded so far was tried; for use before the process ends. */
  async flush(): Promise<void> {
    await this.#sending
    this.#retry?.cancel()
    this.#retry = undefined
    await this.#send()
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendAll()
    return this.#sending
  }

  async #sendAll(): Promise<void> {
    // What record() queues in this very turn belongs to the first round.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const late = await this.#try(this.#take())
      if (late.length === 0) this.#failures = 0
      else if (++this.#failures < ATTEMPTS) {
        this.#putBack(late)
        this.#retryLater()
        break
      } else {
        this.#failures = 0
        for (const _late of late) this.#drop()
      }
    }
    // In the turn in which the queue was found empty: what comes a moment later begins another round.
    this.#sending = undefined
  }

  #retryLater(): void {
    const { clock, random = Math.random } = this.#options
    this.#retry = clock.setTimeout(
      () => {
        this.#retry = undefined
        void this.#send()
      },
      backoffMs(this.#failures, 1000, 30_000, random),
    )
  }

  /** The next ones, of different objects; only one while the server does not answer. */
  #take(): Pending[] {
    const lanes: Pending[] = []
    const most = this.#failures === 0 ? LANES : 1
    for (let at = 0; at < this.#queue.length && lanes.length < most;) {
      const { subject } = this.#queue[at]
      if (lanes.some((one) => one.subject === subject)) at++
      else lanes.push(...this.#queue.splice(at, 1))
    }
    return lanes
  }

  /** @returns those to be tried again */
  async #try(lanes: readonly Pending[]): Promise<Pending[]> {
    const late: Pending[] = []
    const send = async (one: Pending) => {
      one.series.queued = false
      try {
        await this.#write(one)
      } catch (error) {
        if (isTransient(error)) late.push(one)
        else this.#drop()
      }
    }
    await Promise.all(lanes.map(send))
    return late
  }

  #putBack(late: readonly Pending[]): void {
    // What was said again meanwhile waits already.
    const again = late.filter(({ series }) => !series.queued)
    for (const { series } of again) series.queued = true
    this.#queue.unshift(...again)
  }

  async #write({ series, regarding }: Pending): Promise<void> {
    const { api } = this.#options
    const namespace = regarding.namespace ?? 'default'
    if (series.name !== '') {
      const body = { count: series.count, lastTimestamp: timestamp(series.lastSeen * 1000) }
      try {
        await api.patch(resources.events, { namespace, name: series.name }, body, { type: 'merge' })
        return
      } catch (error) {
        // Events expire after an hour or so; the next one begins a new object.
        if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
      }
    }
    const suffix = series.once ? digestOf(series, regarding) : this.#nextId()
    // In one piece: it is kept as long as the series.
    const name = [regarding.name.slice(0, 230), suffix].join('.')
    try {
      await api.create(resources.events, this.#event(series, regarding, namespace, name), { unread: true })
    } catch (error) {
      if (!series.once || !isKubeError(error, 'FL_KUBE_EXISTS')) throw error
    }
    series.name = name
  }

  #event(series: Series, regarding: Regarding, namespace: string, name: string): KubeObject {
    const { component, instance } = this.#options
    const { type, reason, message, count } = series
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name },
      involvedObject: regarding,
      type,
      reason,
      message,
      count,
      firstTimestamp: timestamp(series.firstSeen * 1000),
      lastTimestamp: timestamp(series.lastSeen * 1000),
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

const digestOf = ({ reason, message }: Series, { uid = '' }: Regarding): string =>
  createHash('sha256').update(`${uid}\n${reason}\n${message}`).digest('hex').slice(0, 16)

const isTransient = (error: unknown): boolean =>
  isKubeError(error, 'FL_KUBE_UNREACHABLE', 'FL_KUBE_SERVER', 'FL_KUBE_THROTTLED')
