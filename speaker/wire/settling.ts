import type { Clock, Timer } from '#kube/clock.ts'

export interface SettlingOptions {
  readonly clock: Clock
  /** makes what came out different so: silence and groups */
  readonly apply: () => void
  /**
   * does what is due: announcements and questions. `changed`: there is something to apply again. `deadline`: when
   * there is more to do, Infinity for never
   */
  readonly due: () => { readonly changed: boolean; readonly deadline: number }
  /** after either, whatever came of it */
  readonly onSettled: () => void
}

/** Rounds of asking the core what follows from what it has just done; what is left waits for the next turn. */
const mostRounds = 8
/** Turns of the event loop after which what has arrived counts as read, though more may come all the time. */
const mostTurns = 64

/**
 * When the core of layer 2 is asked for what follows. What came out different is applied at once, so that silence is
 * never late. What is due comes after what has arrived: timers go before sockets, and the answer that fences a
 * take-over may lie in one.
 */
export class Settling {
  readonly #options: SettlingOptions
  #wake: { readonly at: number; readonly timer: Timer } | undefined
  #busy = false
  /** the core was told something while it was being settled */
  #moved = false
  #arrived = 0
  #stopped = false

  constructor(options: SettlingOptions) {
    this.#options = options
  }

  /** A frame was read. */
  arrived(): void {
    this.#arrived++
  }

  /** The core was told something. */
  settle(): void {
    this.#moved = true
    if (this.#busy) return
    this.#run(false)
    this.#wakeAt(0)
  }

  /** Tells the core many things, and settles once for all of them. */
  together(tell: () => void): void {
    const busy = this.#busy
    this.#busy = true
    try {
      tell()
    } finally {
      this.#busy = busy
    }
    this.settle()
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.timer.cancel()
    this.#wake = undefined
  }

  /** Silence and groups before announcements, until nothing more comes of it. */
  #run(due: boolean): void {
    const { apply, onSettled } = this.#options
    this.#busy = true
    try {
      let deadline = Infinity
      for (let round = 0; this.#moved && round < mostRounds; round++) {
        this.#moved = false
        apply()
        if (due) deadline = this.#due()
      }
      if (due) this.#wakeAt(this.#moved ? 0 : deadline)
    } finally {
      this.#busy = false
    }
    onSettled()
  }

  #due(): number {
    const { changed, deadline } = this.#options.due()
    this.#moved ||= changed
    return deadline
  }

  #wakeAt(deadline: number): void {
    // To wake too early does no harm.
    if (this.#wake !== undefined && this.#wake.at <= deadline) return
    this.#wake?.timer.cancel()
    this.#wake = undefined
    if (deadline === Infinity || this.#stopped) return
    const { clock } = this.#options
    const wait = Math.ceil(Math.max(0, deadline - clock.now()))
    this.#wake = { at: deadline, timer: clock.setTimeout(() => this.#woken(), wait) }
  }

  #woken(): void {
    this.#wake = undefined
    this.#afterArrivals(() => {
      this.#moved = true
      if (!this.#busy) this.#run(true)
    })
  }

  /** Nothing is decided by the time that has passed before the frames of that time are read. */
  #afterArrivals(run: () => void, turn = 1): void {
    const before = this.#arrived
    setImmediate(() => {
      if (this.#stopped) return
      if (this.#arrived === before || turn === mostTurns) run()
      else this.#afterArrivals(run, turn + 1)
    })
  }
}
