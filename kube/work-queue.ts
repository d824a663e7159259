import { backoffMs } from './backoff.ts'
import type { Clock, Timer } from './clock.ts'
import { DueQueue } from './due-queue.ts'

/** What a reconcile says about its key. */
export type Outcome =
  /** nothing left to do; failures are forgotten */
  | { readonly kind: 'done' }
  /** look again later; failures are forgotten */
  | { readonly kind: 'after'; readonly ms: number }
  /** try again with back-off */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** trying again is pointless until the key is added anew */
  | { readonly kind: 'terminal'; readonly error: unknown }

export interface WorkQueueOptions {
  readonly name: string
  readonly clock: Clock
  readonly random?: () => number
  /** Looks at the world and makes it right for one key; a rejection counts as `failed`. */
  readonly reconcile: (key: string) => Promise<Outcome>
  /** how many keys at the same time; 1 when absent */
  readonly concurrency?: number
  /** after each reconcile: how long it took, and how long the key had been due before it began */
  readonly onOutcome?: (key: string, outcome: Outcome, ms: number, waitedMs: number) => void
}

const BASE_MS = 5
const MAX_MS = 60_000
/** How long reconciles that never wait for anything may keep the event loop to themselves. */
const TURN_MS = 10

/**
 * A queue of keys, level-based: equal keys merge, one worker a key, a key added while it is worked on runs again
 * afterwards, and of several due times the earliest wins. The reconcile knows neither the queue nor the event.
 */
export class WorkQueue {
  readonly name: string
  readonly #options: WorkQueueOptions
  readonly #random: () => number
  readonly #due = new DueQueue()
  /** keys being worked on, with the due time of the next run when one was asked for */
  readonly #busy = new Map<string, number | undefined>()
  readonly #failures = new Map<string, number>()
  readonly #idleWaiters: (() => void)[] = []
  #state: 'new' | 'running' | 'stopped' = 'new'
  #timer: { readonly at: number; readonly timer: Timer } | undefined
  #turnStart = 0
  #yielding = false

  constructor(options: WorkQueueOptions) {
    this.name = options.name
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** keys that wait, due or not; those being worked on do not count */
  get depth(): number {
    return this.#due.size
  }

  add(key: string): void {
    this.addAfter(key, 0)
  }

  /** The key runs in `ms`, or earlier when an earlier time was asked for. Ignored once stopped. */
  addAfter(key: string, ms: number): void {
    if (this.#state === 'stopped') return
    const at = this.#now() + Math.max(0, ms)
    if (this.#busy.has(key)) {
      this.#busy.set(key, Math.min(at, this.#busy.get(key) ?? at))
      return
    }
    this.#due.set(key, at)
    this.#pump()
  }

  /** Keys added before wait for this. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#turnStart = performance.now()
    this.#pump()
  }

  /** Begins nothing more, drops the waiting keys and resolves when the running reconciles have ended. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#due.clear()
    this.#failures.clear()
    this.#timer?.timer.cancel()
    this.#timer = undefined
    await this.idle()
  }

  /** Resolves when no key is worked on and none is due; keys that wait for a later time do not count. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  #now(): number {
    return this.#options.clock.now()
  }

  #isIdle(): boolean {
    if (this.#busy.size > 0) return false
    const next = this.#due.nextAt
    return next === undefined || next > this.#now()
  }

  #pump(): void {
    if (this.#state !== 'running' || this.#yielding) return
    const concurrency = this.#options.concurrency ?? 1
    while (this.#busy.size < concurrency) {
      const now = this.#now()
      const next = this.#due.takeDue(now)
      if (!next) break
      this.#busy.set(next.key, undefined)
      void this.#run(next.key, now - next.at)
    }
    if (this.#busy.size < concurrency) this.#arm()
    if (this.#isIdle()) for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  /** Wakes up for the earliest key. */
  #arm(): void {
    const at = this.#due.nextAt
    if (this.#timer?.at === at) return
    this.#timer?.timer.cancel()
    this.#timer = undefined
    if (at === undefined) return
    const wake = () => {
      this.#timer = undefined
      this.#pump()
    }
    this.#timer = { at, timer: this.#options.clock.setTimeout(wake, at - this.#now()) }
  }

  async #run(key: string, waitedMs: number): Promise<void> {
    const begun = this.#now()
    let outcome: Outcome
    try {
      outcome = await this.#options.reconcile(key)
    } catch (error) {
      outcome = { kind: 'failed', error }
    }
    this.#settle(key, outcome)
    this.#options.onOutcome?.(key, outcome, this.#now() - begun, waitedMs)
    await this.#yield()
    if (this.#state === 'stopped') this.#notifyStopped()
    else this.#pump()
  }

  #settle(key: string, outcome: Outcome): void {
    const again = this.#busy.get(key)
    this.#busy.delete(key)
    if (this.#state === 'stopped') return
    if (again !== undefined) this.#due.set(key, again)
    if (outcome.kind === 'failed') {
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      this.#due.set(key, this.#now() + backoffMs(failures, BASE_MS, MAX_MS, this.#random))
      return
    }
    this.#failures.delete(key)
    if (outcome.kind === 'after') this.#due.set(key, this.#now() + Math.max(0, outcome.ms))
  }

  #notifyStopped(): void {
    if (this.#busy.size === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  /** Reconciles that never wait for I/O would otherwise starve timers and sockets for the length of the queue. */
  async #yield(): Promise<void> {
    if (this.#yielding || performance.now() - this.#turnStart < TURN_MS) return
    this.#yielding = true
    await new Promise((resolve) => setImmediate(resolve))
    this.#yielding = false
    this.#turnStart = performance.now()
  }
}
