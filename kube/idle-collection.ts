import { performance, type EventLoopUtilization } from 'node:perf_hooks'

/** One look at the heap of a thread. */
export interface HeapSample {
  /** monotonic, milliseconds */
  readonly at: number
  /** bytes of the heap, garbage among them */
  readonly used: number
  /** share of the time since the last look in which the thread had work, 0 to 1 */
  readonly busy: number
}

const LOOK_MS = 2000
/** Nothing waits for a thread that has had less to do than this. */
const QUIET = 0.1
const MIB = 2 ** 20
/** What waits in a nursery for the next scavenge is less. */
const LEAST_BYTES = 1.5 * MIB
/**
 * Garbage that is worth a collection, by the share of what was alive after the last one that it is beyond that, and
 * how many times as long as the last one took must have passed since.
 */
const MUCH = { share: 1 / 4, rest: 20 }
const LITTLE = { share: 1 / 16, rest: 1000 }
const GIVE_BACK_MS = 60_000

/** Says when to collect. */
export class CollectionPolicy {
  readonly #largest: number
  #alive = 0
  #last = Number.NEGATIVE_INFINITY
  #tookMs = 0

  /** @param largest bytes of a heap beyond which it is left to V8: a collection takes some 3 ms for each MiB */
  constructor(largest = Number.POSITIVE_INFINITY) {
    this.#largest = largest
  }

  due({ at, used, busy }: HeapSample): boolean {
    if (busy >= QUIET || used > this.#largest) return false
    const garbage = used - this.#alive - LEAST_BYTES
    const worth = ({ share, rest }: typeof MUCH) =>
      garbage > this.#alive * share && at - this.#last >= this.#tookMs * rest
    return worth(MUCH) || worth(LITTLE)
  }

  /** A collection was done, in so many milliseconds; `used` is what it left. */
  collected(at: number, used: number, tookMs: number): void {
    this.#last = at
    this.#alive = used
    this.#tookMs = tookMs
  }
}

export interface IdleCollectionOptions {
  /** bytes of a heap that is too large to be collected in one go */
  readonly largest?: number
  /** has it begun? Before its first lists have come a thread only looks as if it had nothing to do */
  readonly begun?: () => boolean
  /** somebody may wait for this thread all the same: half the pause, and emptied pages stay for a while */
  readonly short?: boolean
  /** gives other memory back that is not in use: after each collection, and in quiet times every minute */
  readonly giveBack?: () => void
}

/**
 * Collects garbage of the calling thread when it has become quiet after work: after its first lists above all. V8
 * collects only when more is allocated, so that what a start leaves behind would stay for as long as nothing happens:
 * as much as what is alive. Does nothing in a process without `--expose-gc`.
 */
export function startIdleCollection({
  largest,
  begun = () => true,
  short = false,
  giveBack,
}: IdleCollectionOptions = {}): void {
  const collect = globalThis.gc
  if (collect === undefined) return
  const policy = new CollectionPolicy(largest)
  const used = (): number => process.memoryUsage().heapUsed
  let given = performance.now()
  let before: EventLoopUtilization = performance.eventLoopUtilization()
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (!begun()) return
    const at = performance.now()
    if (policy.due({ at, used: used(), busy: utilization })) {
      // The thorough kind collects several times and gives emptied pages back to the kernel.
      collect({ type: 'major', execution: 'sync', flavor: short ? 'regular' : 'last-resort' })
      policy.collected(performance.now(), used(), performance.now() - at)
    } else if (utilization >= QUIET || at - given < GIVE_BACK_MS) return
    given = at
    giveBack?.()
  }, LOOK_MS).unref()
}
