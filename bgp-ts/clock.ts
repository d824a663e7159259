export interface TimerHandle {
  cancel(): void
}

/** Time as a session needs it. */
export interface Clock {
  /** epoch milliseconds */
  now(): number
  setTimeout(fn: () => void, ms: number): TimerHandle
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Named one-shot timers; starting one that runs starts it anew. */
export class Timers<Name extends string> {
  readonly #clock: Clock
  readonly #expired: (name: Name) => void
  readonly #running = new Map<Name, TimerHandle>()

  constructor(clock: Clock, expired: (name: Name) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  start(name: Name, ms: number): void {
    this.cancel(name)
    const handle = this.#clock.setTimeout(() => {
      this.#running.delete(name)
      this.#expired(name)
    }, ms)
    this.#running.set(name, handle)
  }

  cancel(name: Name): void {
    this.#running.get(name)?.cancel()
    this.#running.delete(name)
  }
}
