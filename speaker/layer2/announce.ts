import type { Family } from '#inet/address.ts'
import { Deadlines } from './deadlines.ts'
import { TokenBucket } from './rate.ts'

/**
 * When a held address is announced, in milliseconds after the take-over: at once and soon again, since one frame
 * can be lost and some receivers ignore changes for a second; then slowly for ever, since switches and caches
 * forget. RFC 4861 7.2.6 allows three unsolicited advertisements a second apart.
 */
export const announceSchedule = {
  4: [0, 100, 500, 1000, 2000, 4000],
  6: [0, 1000, 2000],
} as const satisfies Record<Family, readonly number[]>

/** Milliseconds between the slow announcements, each moved by up to a tenth so that nodes and addresses spread. */
export const refreshInterval = 60_000
const jitter = 0.1

/** Frames a second of one node: switches police ARP, and a thousand addresses move at once. */
export const framesPerSecond = 500
const burst = 50

/** ARP is announced as request and reply. */
const framesOf = { 4: 2, 6: 1 } as const satisfies Record<Family, number>

/** One address to announce now on one interface. */
export interface Announcement {
  readonly address: string
  readonly family: Family
  readonly interfaceIndex: number
}

interface Scheduled extends Announcement {
  /** announcements made since the take-over */
  round: number
}

/** The schedule of all announcements. Each step costs in proportion to what is due. */
export class Announcer {
  readonly #random: () => number
  readonly #deadlines = new Deadlines<string>()
  readonly #scheduled = new Map<string, Scheduled>()
  readonly #bucket = new TokenBucket(framesPerSecond - burst, burst)

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Starts announcing; nothing happens when it is being announced already. */
  start(address: string, family: Family, interfaceIndex: number, now: number): void {
    const key = keyOf(address, interfaceIndex)
    if (this.#scheduled.has(key)) return
    this.#scheduled.set(key, { address, family, interfaceIndex, round: 0 })
    this.#deadlines.set(key, now)
  }

  stop(address: string, interfaceIndex: number): void {
    const key = keyOf(address, interfaceIndex)
    this.#scheduled.delete(key)
    this.#deadlines.delete(key)
  }

  /** Makes the next announcement due now, as a defence. */
  hasten(address: string, interfaceIndex: number, now: number): void {
    const key = keyOf(address, interfaceIndex)
    if (this.#scheduled.has(key)) this.#deadlines.set(key, now)
  }

  /** What to announce now, the longest waiting first, and when to ask again. */
  step(now: number): { readonly due: readonly Announcement[]; readonly deadline: number | undefined } {
    const due: Announcement[] = []
    for (;;) {
      const key = this.#deadlines.due(now)
      if (key === undefined) return { due, deadline: this.#deadlines.next() }
      const scheduled = this.#scheduled.get(key) as Scheduled
      const frames = framesOf[scheduled.family]
      if (!this.#bucket.take(frames, now)) return { due, deadline: now + this.#bucket.readyIn(frames, now) }
      due.push(scheduled)
      this.#deadlines.set(key, this.#following(scheduled, this.#deadlines.get(key) as number, now))
    }
  }

  #following(scheduled: Scheduled, planned: number, now: number): number {
    const times: readonly number[] = announceSchedule[scheduled.family]
    scheduled.round = Math.min(scheduled.round + 1, times.length)
    const gap =
      scheduled.round < times.length
        ? times[scheduled.round] - times[scheduled.round - 1]
        : refreshInterval * (1 + jitter * (2 * this.#random() - 1))
    // Counted from the plan, so that late timers do not add up, unless the rate limit put it off for longer.
    return planned + gap > now ? planned + gap : now + gap
  }
}

const keyOf = (address: string, interfaceIndex: number): string => `${address}%${interfaceIndex}`
