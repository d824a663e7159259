import { backoffMs } from '#kube/backoff.ts'
import type { Clock, Timer } from '#kube/clock.ts'

/** Something that listens. */
export interface Listening {
  /** resolves when the port is free again */
  close(): Promise<void>
}

export interface ListenersOptions {
  readonly clock: Clock
  /** in [0, 1) */
  readonly random?: () => number
  readonly onOpen?: (key: string) => void
  /** `failures` in a row, 1 or more; it is tried again by itself */
  readonly onFailure: (key: string, error: Error, failures: number) => void
  /** 5 minutes when absent */
  readonly longestRetryMs?: number
}

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 300_000
/** How many are opened before anything else has its turn: thousands must not hold up the loop. */
const PER_TURN = 32

interface Entry {
  readonly open: () => Promise<Listening>
  failures: number
  dropped: boolean
  opening: Promise<void> | undefined
  listening: Listening | undefined
  timer: Timer | undefined
}

/**
 * Listening sockets that are wanted, by key. Each is opened as soon as it can be: a few in one turn of the event
 * loop, again with back-off after a failure, and not before the one that had the same key is closed.
 */
export class Listeners {
  readonly #options: ListenersOptions
  readonly #entries = new Map<string, Entry>()
  readonly #queue = new Set<string>()
  readonly #closing = new Map<string, Promise<void>>()
  #turn: Timer | undefined

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  /** Opens a listener in its turn; nothing when the key is wanted already. `open` rejects when it cannot be. */
  want(key: string, open: () => Promise<Listening>): void {
    if (this.#entries.has(key)) return
    this.#entries.set(key, {
      open,
      failures: 0,
      dropped: false,
      opening: undefined,
      listening: undefined,
      timer: undefined,
    })
    this.#enqueue(key)
  }

  /** Closes the listener, or opens it no more; true when it was open. */
  drop(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    entry.dropped = true
    entry.timer?.cancel()
    this.#entries.delete(key)
    this.#queue.delete(key)
    const wasOpen = entry.listening !== undefined
    if (entry.opening !== undefined) {
      const closed: Promise<void> = close(entry).finally(() => {
        if (this.#closing.get(key) === closed) this.#closing.delete(key)
      })
      this.#closing.set(key, closed)
    }
    return wasOpen
  }

  /** Closes all; resolves when their ports are free. */
  async stop(): Promise<void> {
    for (const key of this.#entries.keys()) this.drop(key)
    this.#turn?.cancel()
    this.#turn = undefined
    await Promise.all(this.#closing.values())
  }

  #enqueue(key: string): void {
    this.#queue.add(key)
    this.#turn ??= this.#options.clock.setTimeout(() => this.#openSome(), 0)
  }

  #openSome(): void {
    this.#turn = undefined
    for (const key of [...this.#queue].slice(0, PER_TURN)) {
      this.#queue.delete(key)
      const entry = this.#entries.get(key)
      if (entry !== undefined) entry.opening = this.#open(key, entry)
    }
    if (this.#queue.size > 0) this.#turn = this.#options.clock.setTimeout(() => this.#openSome(), 0)
  }

  async #open(key: string, entry: Entry): Promise<void> {
    const {
      clock,
      random = Math.random,
      onOpen,
      onFailure,
      longestRetryMs = LONGEST_RETRY_MS,
    } = this.#options
    await this.#closing.get(key)
    if (entry.dropped) return
    try {
      entry.listening = await entry.open()
      entry.failures = 0
      if (!entry.dropped) onOpen?.(key)
    } catch (error) {
      if (entry.dropped) return
      entry.failures++
      const wait = backoffMs(entry.failures, FIRST_RETRY_MS, longestRetryMs, random)
      entry.timer = clock.setTimeout(() => this.#enqueue(key), wait)
      onFailure(key, error instanceof Error ? error : new Error(String(error)), entry.failures)
    }
  }
}

async function close(entry: Entry): Promise<void> {
  await entry.opening
  await entry.listening?.close()
}
