import type { Clock, Timer } from './clock.ts'

interface Waiting extends Timer {
  readonly due: number
  readonly run: () => void
}

/** A clock that stands still until a test moves it. Starts at 2026-01-01T00:00:00Z. */
export class TestClock implements Clock {
  #now: number
  readonly #timers = new Set<Waiting>()

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  setTimeout(run: () => void, ms: number): Timer {
    const timer: Waiting = {
      due: this.#now + Math.max(0, ms),
      run,
      cancel: () => void this.#timers.delete(timer),
    }
    this.#timers.add(timer)
    return timer
  }

  /** how many timers wait */
  get pending(): number {
    return this.#timers.size
  }

  /** milliseconds until the next timer is due; undefined when none waits */
  get next(): number | undefined {
    const first = this.#first()
    return first && first.due - this.#now
  }

  /**
   * Moves time by `ms`. Timers run at their due time, in order (equal times: in order of creation), including those
   * that the earlier ones set; promises settle before the next timer runs and before this resolves.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let timer = this.#first(); timer && timer.due <= end; timer = this.#first()) {
      this.#now = timer.due
      this.#timers.delete(timer)
      timer.run()
      await settle()
    }
    this.#now = end
    await settle()
  }

  #first(): Waiting | undefined {
    let first: Waiting | undefined
    for (const timer of this.#timers) if (!first || timer.due < first.due) first = timer
    return first
  }
}

/** Lets everything run that only waits for promises: macrotasks come after all microtasks. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
