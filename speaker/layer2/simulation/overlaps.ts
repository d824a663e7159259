import type { Process } from './process.ts'
import type { Court } from './rules.ts'
import type { Timer } from './virtual-time.ts'

/** How long two may answer for one address while they hear each other. */
export const longestOverlap = 300

/** Rule `two`: pairs of holders that hear each other, and since when. */
export class Overlaps {
  readonly #court: Court
  readonly #since = new Map<string, Map<string, { readonly at: number; readonly timer: Timer }>>()
  /** the longest that ended by itself, and the pair */
  longest = 0

  constructor(court: Court) {
    this.#court = court
  }

  /** The holders of the address, or who hears whom, may have changed. */
  look(address: string, holders: readonly Process[]): void {
    const { world } = this.#court
    let open = this.#since.get(address)
    if (open === undefined && holders.length < 2) return
    if (open === undefined) this.#since.set(address, (open = new Map()))
    const present = new Set(world.noisy || world.options.sharedMac ? [] : this.#pairs(holders))
    for (const [pair, { at, timer }] of open) {
      if (present.has(pair)) continue
      timer.cancel()
      open.delete(pair)
      this.longest = Math.max(this.longest, world.time.now - at)
    }
    for (const pair of present) {
      if (open.has(pair)) continue
      const at = world.time.now
      // A little later: what happens at the very moment still counts.
      const timer = world.time.after(longestOverlap + 1, () =>
        this.#court.violated('two', `${address} is held by ${pair} since ${(at / 1000).toFixed(3)} s`),
      )
      open.set(pair, { at, timer })
    }
  }

  *#pairs(holders: readonly Process[]): Generator<string> {
    for (const [index, one] of holders.entries()) {
      for (const other of holders.slice(index + 1)) {
        if (this.#court.world.hearEachOther(one.node, other.node)) yield `${one.node} and ${other.node}`
      }
    }
  }
}
