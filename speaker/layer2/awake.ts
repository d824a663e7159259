import { inquestTime } from './inquest.ts'

/**
 * The core is called at least so often while it answers for anything, and while there is anything that it might
 * answer for, so that it notices when it was not.
 */
export const heartbeat = { holding: 50, idle: 100 } as const

/** Bounds of the pause that counts in any case, and its share of the time after which BFD may take this node for dead. */
const limits = { least: 150, most: 1000, share: 0.9 } as const
/**
 * Others take addresses of a node whose machine stands still when its next packet is overdue and it was silent for
 * the time of an inquest besides. A pause counts that comes near to that.
 */
const margin = 25
const shortest = inquestTime - margin
/** What this node reads for so long afterwards may have been sent before. */
const staleReading = 200
/** BFD takes so long to be Up again with those who took this node for dead. */
const recovery = 1000

/** What others can have seen of this node. */
export interface Seen {
  /** milliseconds of silence after which BFD may take this node for dead, since its next packet was due */
  readonly shortestDetection: number
  /** milliseconds for which some node has waited in vain for a sign of this one */
  overdue(now: number): number
}

/**
 * Notices that this node did not run for a while: stopped by a signal, by its hypervisor, by a debugger. Others may
 * have taken its addresses meanwhile, and what lies in its sockets was sent to the holder that it was.
 */
export class Awake {
  #last = 0
  #expected = false
  #thawed = Number.NEGATIVE_INFINITY
  #forgotten = Number.NEGATIVE_INFINITY

  /**
   * To be called first in every call.
   * @returns milliseconds of the pause that ends with this call, 0 when there was none that counts
   */
  step(now: number, seen: Seen): number {
    const pause = this.#expected ? now - this.#last : 0
    this.#last = now
    const long = pause > longPause(seen)
    if (!long && !mayBeTaken(pause, seen, now)) return 0
    this.#thawed = now
    if (long) this.#forgotten = now
    return pause
  }

  /** Whether a call was asked for within the heartbeat. */
  expect(expected: boolean): void {
    this.#expected = expected
  }

  /** What comes in may be old. */
  dazed(now: number): boolean {
    return now - this.#thawed < staleReading
  }

  /** Others took this node for dead: where BFD calls them dead now, it is they who have ended the session. */
  rejoining(now: number): boolean {
    return now - this.#forgotten < recovery
  }
}

const longPause = ({ shortestDetection }: Seen): number =>
  Math.min(limits.most, Math.max(limits.least, shortestDetection * limits.share))

const mayBeTaken = (pause: number, seen: Seen, now: number): boolean =>
  pause > shortest && seen.overdue(now) > shortest
