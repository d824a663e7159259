/**
 * The core is called at least so often while it answers for anything, and while there is anything that it might
 * answer for, so that it notices when it was not.
 */
export const heartbeat = { holding: 100, idle: 200 } as const

/** Bounds of the pause that counts, and its share of the time after which others take this node for dead. */
const limits = { least: 250, most: 1000, share: 0.6 } as const
/** What this node reads for so long afterwards may have been sent before. */
const staleReading = 200

/**
 * Notices that this node did not run for a while: stopped by a signal, by its hypervisor, by a debugger. Others may
 * have taken its addresses meanwhile, and what lies in its sockets was sent to the holder that it was.
 */
export class Awake {
  #last = 0
  #expected = false
  #thawed = Number.NEGATIVE_INFINITY

  /**
   * To be called first in every call.
   * @param detection milliseconds of silence after which others take this node for dead
   * @returns milliseconds of the pause that ends with this call, 0 when there was none that counts
   */
  step(now: number, detection: number): number {
    const pause = this.#expected ? now - this.#last : 0
    this.#last = now
    const limit = Math.min(limits.most, Math.max(limits.least, detection * limits.share))
    if (pause <= limit) return 0
    this.#thawed = now
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
}
