/** What shall happen to a request. */
export interface Fate {
  /** milliseconds before anything else */
  readonly delayMs: number
  /** HTTP status to answer instead of doing what was asked */
  readonly status?: number
}

/**
 * Faults of the server, for tests and demonstrations. Nothing happens until one is set; probes (`/readyz`) are
 * spared.
 */
export class Faults {
  #failing = 0
  #status = 500
  #share = 0
  #delayMs = 0
  readonly #random: () => number
  readonly #cut: (midLine: boolean) => number

  /**
   * @param cut ends all open watches, and says how many
   * @param random a number from 0 to 1, for shares
   */
  constructor(cut: (midLine: boolean) => number, random: () => number = Math.random) {
    this.#cut = cut
    this.#random = random
  }

  /** The next `count` requests are answered with an error. */
  failNext(count: number, status = 500): void {
    this.#failing = count
    this.#status = status
  }

  /** A share of all requests, from 0 to 1, is answered with 500. */
  failShare(share: number): void {
    this.#share = share
  }

  /** Every answer waits. @param milliseconds 0 ends it */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds
  }

  /** Ends all open watches, by default in the middle of a line. @returns how many there were */
  cutWatches(midLine = true): number {
    return this.#cut(midLine)
  }

  /** No more faults. */
  clear(): void {
    this.#failing = 0
    this.#share = 0
    this.#delayMs = 0
  }

  /** Decides about the next request. */
  next(): Fate {
    const delayMs = this.#delayMs
    if (this.#failing > 0) {
      this.#failing -= 1
      return { delayMs, status: this.#status }
    }
    return this.#share > 0 && this.#random() < this.#share ? { delayMs, status: 500 } : { delayMs }
  }
}
