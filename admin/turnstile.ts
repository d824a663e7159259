import { AdminError } from './errors.ts'

/** Lets one in at a time; a few wait, in the order in which they came. */
export class Turnstile {
  readonly #what: string
  readonly #places: number
  readonly #waiting = new Set<() => void>()
  #busy = false

  /**
   * @param what is being waited for, in words
   * @param places for those who wait
   */
  constructor(what: string, places: number) {
    this.#what = what
    this.#places = places
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * @param signal whoever waits has gone
   * @returns what lets the next one in; more than one call counts once
   * @throws AdminError FL_ADMIN_BUSY; the signal's reason
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#busy) await this.#wait(signal)
    this.#busy = true
    let inside = true
    return () => {
      if (inside) this.#leave()
      inside = false
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= this.#places) {
      throw new AdminError(
        'FL_ADMIN_BUSY',
        503,
        `${this.#what}: too many wait for one already, ask again later`,
      )
    }
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.#waiting.delete(next)
        reject(signal?.reason as Error)
      }
      const next = () => {
        signal?.removeEventListener('abort', gone)
        resolve()
      }
      this.#waiting.add(next)
      signal?.addEventListener('abort', gone, { once: true })
    })
  }

  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#busy = false
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
