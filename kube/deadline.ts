import type { Clock, Timer } from './clock.ts'

/** A time limit for several steps, one after the other. It costs one timer, where an AbortSignal costs listeners. */
export class Deadline {
  readonly #timer: Timer
  #expire: ((error: Error) => void) | undefined
  #expired: Error | undefined

  /** @param error what steps that are late are rejected with */
  constructor(clock: Clock, ms: number, error: () => Error) {
    this.#timer = clock.setTimeout(() => {
      this.#expired = error()
      this.#expire?.(this.#expired)
    }, ms)
  }

  /**
   * The outcome of one step, or the rejection of a step that is late.
   *
   * @param cancel ends a step that nobody waits for any more
   */
  within<T>(step: Promise<T>, cancel?: (error: Error) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#expire = (error) => {
        cancel?.(error)
        reject(error)
      }
      step.then(resolve, reject)
      if (this.#expired !== undefined) this.#expire(this.#expired)
    })
  }

  /** To be called when the last step has ended. */
  end(): void {
    this.#timer.cancel()
  }
}
