import { performance, type EventLoopUtilization } from 'node:perf_hooks'

/** One look at the process. */
export interface HeapSample {
  /** monotonic, milliseconds */
  readonly at: number
  /** bytes of the heap, garbage among them */
  readonly used: number
  /** share of the time since the last look in which the thread had work, 0 to 1 */
  readonly busy: number
}

const LOOK_MS = 1000
/** Nothing waits for a thread that has had less to do than this. */
const QUIET = 0.1
/** Between two collections, each of which is a pause of some tenths of a second when there are 10,000 Services. */
const REST_MS = 10_000
/** Garbage that is worth one: half as much as was alive after the last, and this. */
const LEAST_BYTES = 4 * 2 ** 20

/** Says when to collect. */
export class CollectionPolicy {
  #alive = 0
  #last = Number.NEGATIVE_INFINITY

  due({ at, used, busy }: HeapSample): boolean {
    return busy < QUIET && at - this.#last >= REST_MS && used > this.#alive * 1.5 + LEAST_BYTES
  }

  /** A collection was done; `used` is what it left. */
  collected(at: number, used: number): void {
    this.#last = at
    this.#alive = used
  }
}

/**
 * Collects garbage when the process has become quiet after much work: after its first lists above all. V8 collects only
 * when more is allocated, so that what a start leaves behind would stay for as long as nothing happens: as much as what
 * is alive. Does nothing in a process without `--expose-gc`.
 */
export function startIdleCollection(): void {
  const collect = globalThis.gc
  if (collect === undefined) return
  const policy = new CollectionPolicy()
  const used = (): number => process.memoryUsage().heapUsed
  let before: EventLoopUtilization = performance.eventLoopUtilization()
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (!policy.due({ at: performance.now(), used: used(), busy: utilization })) return
    // This kind also gives emptied pages back to the kernel.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    policy.collected(performance.now(), used())
  }, LOOK_MS).unref()
}
