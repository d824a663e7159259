import { Deadlines } from '../deadlines.ts'

/** Something that will happen; `cancel` makes that it does not. */
export interface Timer {
  cancel(): void
}

/** More events than this within one millisecond are a program that runs in circles. */
const mostEventsAtOnce = 100_000

/** Time that passes as fast as events are worked off. Milliseconds since the start of the run. */
export class VirtualTime {
  readonly #events = new Deadlines<{ readonly run: () => void }>()
  #now = 0

  get now(): number {
    return this.#now
  }

  /** Events of the same time run in the order in which they were set. */
  at(time: number, run: () => void): Timer {
    const event = { run }
    this.#events.set(event, Math.max(time, this.#now))
    return { cancel: () => void this.#events.delete(event) }
  }

  after(ms: number, run: () => void): Timer {
    return this.at(this.#now + ms, run)
  }

  /**
   * Runs all events up to `until`, that included.
   * @param afterEach called after each event; true ends the run there
   * @throws Error when time stands still
   */
  advance(until: number, afterEach: () => boolean): void {
    let since = this.#now
    let events = 0
    for (;;) {
      const event = this.#events.due(until)
      if (event === undefined) break
      this.#now = this.#events.get(event) as number
      this.#events.delete(event)
      if (this.#now >= since + 1) {
        since = this.#now
        events = 0
      }
      if (++events > mostEventsAtOnce) throw new Error(`${events} events within a millisecond`)
      event.run()
      if (afterEach()) return
    }
    this.#now = until
  }
}
