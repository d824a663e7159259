/** The port to time: cores take `now` as an argument, edges take one of these. */
export interface Clock {
  /** epoch milliseconds; never goes back */
  now(): number
  setTimeout(run: () => void, ms: number): Timer
}

export interface Timer {
  cancel(): void
}

/** Node's limit: a longer timeout would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

let offset = Number.NEGATIVE_INFINITY

/**
 * The machine's clock. It runs at the rate of the monotonic clock and follows the wall clock forward only: a step
 * back (NTP, a person) must not make a Lease look younger than it is, and after a suspend it must look its age.
 * Timers longer than 24.8 days fire after 24.8 days.
 */
export const systemClock: Clock = {
  now() {
    const monotonic = performance.now()
    offset = Math.max(offset, Date.now() - monotonic)
    return Math.floor(monotonic + offset)
  },
  setTimeout(run, ms) {
    const handle = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_MS))
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Rejects never; resolves after `ms`, or as soon as `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
