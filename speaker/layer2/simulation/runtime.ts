import type { Clock } from '#bgp-ts/clock.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Epoch milliseconds at which runs begin. */
const epoch = 1_800_000_000_000
/** Packets that sockets keep for a process that does not read. */
const socketRoom = 400
/** How often libuv's order is seen after a pause: timers first, then what has arrived. */
const timersFirstShare = 0.7

interface LateTimer {
  readonly run: () => void
  cancelled: boolean
}

/**
 * When the code of one process runs: not while it is frozen, and not any more when it has ended. Its clock goes on
 * all the time.
 */
export class Runtime {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #ahead: () => number
  readonly #late: LateTimer[] = []
  readonly #inbox: (() => void)[] = []
  #packets = 0
  #frozen = false
  #thawing = false
  #ended = false

  /** @param ahead milliseconds by which the machine's clock is fast */
  constructor(time: VirtualTime, random: Random, ahead: () => number) {
    this.#time = time
    this.#random = random
    this.#ahead = ahead
  }

  get frozen(): boolean {
    return this.#frozen
  }

  get ended(): boolean {
    return this.#ended
  }

  end(): void {
    this.#ended = true
  }

  freeze(): void {
    this.#frozen = true
  }

  /** Everything that waited is done now. */
  thaw(): void {
    if (!this.#frozen) return
    this.#frozen = false
    this.#thawing = true
    const timers = this.#late.splice(0)
    const steps = [
      () => timers.forEach((timer) => !timer.cancelled && !this.#ended && timer.run()),
      () => this.#readAll(),
    ]
    for (const step of this.#random.chance(timersFirstShare) ? steps : steps.toReversed()) step()
    this.#readAll()
    this.#thawing = false
    this.#packets = 0
  }

  /** Something reaches the process: it happens now, or when it runs again. */
  enter(work: () => void): void {
    if (this.#ended) return
    if (this.#frozen) this.#inbox.push(work)
    else work()
  }

  /** The same for a packet, which is lost when there is no room for it. */
  arrive(work: () => void): void {
    if (this.#frozen && ++this.#packets > socketRoom) return
    this.enter(work)
  }

  /** When all is done that has arrived by now. */
  afterArrivals(run: () => void): void {
    if (this.#thawing) this.#inbox.push(run)
    else run()
  }

  readonly clock: Clock = {
    now: () => Math.floor(epoch + this.#ahead() + this.#time.now),
    setTimeout: (run, ms) => {
      const late: LateTimer = { run, cancelled: false }
      // Timers are up to a millisecond late.
      const timer = this.#time.after(ms + this.#random.next(), () => {
        if (this.#ended || late.cancelled) return
        if (this.#frozen) this.#late.push(late)
        else run()
      })
      return {
        cancel: () => {
          late.cancelled = true
          timer.cancel()
        },
      }
    },
  }

  #readAll(): void {
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      if (!this.#ended) next()
    }
  }
}
