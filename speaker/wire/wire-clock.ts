import { systemClock, type Clock } from '#kube/clock.ts'
import type { WireObserved } from './protocol.ts'

export interface WireClock extends Clock {
  /**
   * Milliseconds epoch milliseconds of the wall clock less those of `now()`: 0 until somebody sets the clock.
   */
  readonly shift: () => number
}

/** Smaller differences are rounding. */
const leastShift = 100

/**
 * The clock of the wire thread: epoch milliseconds when it started, and from then on the monotonic clock alone. A wall
 * clock that is set, by an hour or by a year, forward or back, makes no timer late and no silence long: nothing on the
 * network has changed. What is told to people is in the time of the wall clock; see `inWallTime`.
 */
export function wireClock(wall = Date.now, monotonic = () => performance.now()): WireClock {
  const start = wall() - monotonic()
  let shift = 0
  return {
    now: () => Math.floor(start + monotonic()),
    setTimeout: systemClock.setTimeout,
    shift: () => {
      const found = wall() - Math.floor(start + monotonic())
      if (Math.abs(found - shift) >= leastShift) shift = found
      return shift
    },
  }
}

/** Names under which messages carry epoch milliseconds. */
const times = new Set(['at', 'since', 'lastRequest'])

/** The message with its times as the wall clock counts them. Costs nothing while the clock has not been set. */
export const inWallTime = (observed: WireObserved, shift: number): WireObserved =>
  shift === 0 ? observed : (moved(observed, shift) as WireObserved)

function moved(value: unknown, shift: number): unknown {
  if (Array.isArray(value)) return value.map((one) => moved(one, shift))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, one]) => {
    // 0 stands for never.
    const isTime = times.has(name) && typeof one === 'number' && one > 0
    return [name, isTime ? one + shift : moved(one, shift)]
  })
  return Object.fromEntries(entries)
}
