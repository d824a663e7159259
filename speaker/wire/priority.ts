import { setPriority } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Clock, Timer } from '#kube/clock.ts'
import { setRealTime } from '#raw-socket/libc.ts'

export interface ThreadPriorityOptions {
  readonly clock: Clock
  /** the calling thread before all ordinary ones, or as they are; throws when it may not */
  readonly setRealTime: (on: boolean) => void
  /** the calling thread before others of its kind; throws when it may not */
  readonly setNice: () => void
  /** share of the time since the last call in which the calling thread was busy, 0 to 1 */
  readonly utilization: () => number
}

const checkInterval = 1000
/** Busier than this it waits for its turn as everybody does; less busy than the other it goes first again. */
const tooBusy = 0.5
const quiet = 0.25

/**
 * Lets a thread whose packets others time go before everything else on a busy node, where it may (CAP_SYS_NICE). A
 * thread that a flood keeps busy gives that up, so no stranger on the network takes a core away from the node.
 */
export class ThreadPriority {
  readonly #options: ThreadPriorityOptions
  #first = false
  #timer: Timer | undefined

  constructor(options: ThreadPriorityOptions) {
    this.#options = options
  }

  start(): void {
    try {
      this.#options.setNice()
    } catch {
      // Without the capability it runs as everybody does.
    }
    this.#options.utilization()
    if (this.#go(true)) this.#check()
  }

  stop(): void {
    this.#timer?.cancel()
    if (this.#first) this.#go(false)
  }

  /** the thread goes before all ordinary ones at present */
  get first(): boolean {
    return this.#first
  }

  #check(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      const busy = this.#options.utilization()
      const go = this.#first ? busy <= tooBusy : busy < quiet
      if (go === this.#first || this.#go(go)) this.#check()
    }, checkInterval)
  }

  /** False: it may not, now or any more. */
  #go(first: boolean): boolean {
    try {
      this.#options.setRealTime(first)
      this.#first = first
      return true
    } catch {
      return false
    }
  }
}

/** Above whatever else runs on a node, below what administrators keep for themselves. */
const nice = -10

/** For the thread that calls: on Linux priorities are of threads, and 0 is the one that calls. */
export function threadPriority(clock: Clock): ThreadPriority {
  let last = performance.eventLoopUtilization()
  return new ThreadPriority({
    clock,
    setRealTime,
    setNice: () => setPriority(0, nice),
    utilization: () => {
      const { utilization } = performance.eventLoopUtilization(last)
      last = performance.eventLoopUtilization()
      return utilization
    },
  })
}
