/** Epoch milliseconds are exact to some 1e-4 only; a wait that `readyIn` named must suffice all the same. */
const rounding = 1e-3

/** A token bucket; in any window of a second at most `rate` + `burst` tokens leave it. Time is an argument. */
export class TokenBucket {
  readonly #perMillisecond: number
  readonly #burst: number
  #tokens: number
  #filled = Number.NEGATIVE_INFINITY

  /** @param rate tokens a second */
  constructor(rate: number, burst: number) {
    this.#perMillisecond = rate / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes the tokens, or nothing when there are too few. */
  take(count: number, now: number): boolean {
    this.#fill(now)
    if (this.#tokens + rounding < count) return false
    this.#tokens -= count
    return true
  }

  /** Milliseconds until `take(count)` succeeds. */
  readyIn(count: number, now: number): number {
    this.#fill(now)
    return Math.max(0, (count - this.#tokens) / this.#perMillisecond)
  }

  #fill(now: number): void {
    if (now <= this.#filled) return
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filled) * this.#perMillisecond)
    this.#filled = now
  }
}

/** Frames a second that one node sends unasked: switches police ARP, and a thousand addresses move at once. */
export const framesPerSecond = 500
const framesBurst = 50

/** The budget of all that a node sends without being asked. */
export const frameBudget = (): TokenBucket => new TokenBucket(framesPerSecond - framesBurst, framesBurst)

const verificationsPerSecond = 100
const verificationsBurst = 10

/** Of the questions whether holders that seem well are so. */
export const verificationBudget = (): TokenBucket =>
  new TokenBucket(verificationsPerSecond - verificationsBurst, verificationsBurst)
