import type { Said } from './frames.ts'
import type { Process } from './process.ts'
import type { Court } from './rules.ts'

/** Frames of one node in any second. */
export const mostClaims = 500
/** Verification and healing; to take an address over costs some more for each. */
const mostQuestions = 120
const questionsEach = 6
/** Times that a node may ask to be woken. */
const mostWakes = 1000

const second = 1000

/** Times of the last frames of one kind from one process. */
class Window {
  readonly #times: number[] = []
  #first = 0

  /** How many there were in the last second, this one included. */
  add(now: number): number {
    const times = this.#times
    times.push(now)
    while (times[this.#first] <= now - second) this.#first++
    if (this.#first > second) times.splice(0, this.#first)
    if (this.#first > second) this.#first = 0
    return times.length - this.#first
  }
}

/** Rule `rate`: what nodes send unasked, and how often they have something to do. */
export class Rates {
  readonly #court: Court
  readonly #claims = new WeakMap<Process, Window>()
  readonly #questions = new WeakMap<Process, Window>()
  readonly #wakes = new WeakMap<Process, Window>()
  /** the most of a node in a second */
  claims = 0
  questions = 0
  wakes = 0

  constructor(court: Court) {
    this.#court = court
  }

  sent(process: Process, { kind }: Said): void {
    if (kind === 'answer') return
    const { world } = this.#court
    const count = this.#count(kind === 'claim' ? this.#claims : this.#questions, process)
    if (kind === 'claim') {
      this.claims = Math.max(this.claims, count)
      if (count > mostClaims) this.#court.violated('rate', `${process.node}: ${count} claims in a second`)
    } else {
      this.questions = Math.max(this.questions, count)
      const most = mostQuestions + questionsEach * world.options.addresses.length
      if (count > most) this.#court.violated('rate', `${process.node}: ${count} questions in a second`)
    }
  }

  woke(process: Process): void {
    const count = this.#count(this.#wakes, process)
    this.wakes = Math.max(this.wakes, count)
    if (count > mostWakes) this.#court.violated('rate', `${process.node} wakes up ${count} times in a second`)
  }

  #count(windows: WeakMap<Process, Window>, process: Process): number {
    let window = windows.get(process)
    if (window === undefined) windows.set(process, (window = new Window()))
    return window.add(this.#court.world.time.now)
  }
}
