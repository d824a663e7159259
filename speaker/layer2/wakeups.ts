import { Deadlines, earliest } from './deadlines.ts'
import type { HandOver } from './hand-over.ts'
import type { Standing } from './standing.ts'
import type { Entry } from './table.ts'
import type { Watch } from './watch.ts'

/** When each address is to be looked at again because time alone may change what is to be done about it. */
export class Wakeups {
  readonly #watch: Watch
  readonly #handOver: HandOver
  readonly #timers = new Deadlines<string>()

  constructor(watch: Watch, handOver: HandOver) {
    this.#watch = watch
    this.#handOver = handOver
  }

  /** After every step of the address. */
  set(entry: Entry, on: Standing, now: number): void {
    const times = entry.state.at === 'silent' ? this.#silent(entry, on, now) : this.#active(entry, now)
    const at = earliest(...times.filter((time) => time !== undefined && time > now && time < Infinity))
    if (at === undefined) this.#timers.delete(entry.address)
    else this.#timers.set(entry.address, at)
  }

  forget(address: string): void {
    this.#timers.delete(address)
  }

  /** An address whose time has come, each once. */
  due(now: number): string | undefined {
    const address = this.#timers.due(now)
    if (address !== undefined) this.#timers.delete(address)
    return address
  }

  next(): number | undefined {
    return this.#timers.next()
  }

  #silent(entry: Entry, on: Standing, now: number): (number | undefined)[] {
    const { belief } = entry
    return [
      on.wait?.until,
      this.#watch.silent(entry, on, now),
      belief.deferTo === undefined ? undefined : belief.deferUntil,
      belief.holder === undefined ? undefined : belief.provenUntil,
    ]
  }

  #active(entry: Entry, now: number): (number | undefined)[] {
    const { state } = entry
    this.#watch.stop(entry)
    if (state.at === 'ready') return [state.until]
    if (state.at !== 'handingOver') return []
    this.#handOver.nudge(entry, now)
    return [state.until, this.#handOver.next(entry)]
  }
}
