import type { Family } from '#inet/address.ts'
import { Deadlines } from './deadlines.ts'
import type { TokenBucket } from './rate.ts'

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

/** Rounds that follow when it has to be said once more who holds an address. */
const repeated = 3

/** ARP is announced as request and as reply, one after the other. */
export type AnnouncementKind = 'request' | 'reply' | 'advertisement'

/** One frame to send now. */
export interface Announcement {
  readonly address: string
  readonly interfaceIndex: number
  readonly kind: AnnouncementKind
  /** it is the first frame since the address was taken */
  readonly first: boolean
}

interface Scheduled {
  readonly address: string
  readonly family: Family
  readonly interfaceIndex: number
  /** rounds made since the take-over */
  round: number
  /** when this round was planned */
  planned: number
  /** the request of this round is out, the reply is not */
  half: boolean
  first: boolean
}

/**
 * The schedule of all announcements. What is urgent goes out before all that is repeated, one frame for each
 * address before a second one for any: caches follow the first. Each step costs in proportion to what is due.
 */
export class Announcer {
  readonly #random: () => number
  readonly #budget: TokenBucket
  readonly #urgent = new Deadlines<string>()
  readonly #repeats = new Deadlines<string>()
  readonly #scheduled = new Map<string, Scheduled>()

  /** @param random uniform in [0, 1) */
  constructor(random: () => number, budget: TokenBucket) {
    this.#random = random
    this.#budget = budget
  }

  /** Starts announcing; nothing happens when it is being announced already. */
  start(address: string, family: Family, interfaceIndex: number, now: number): void {
    const key = keyOf(address, interfaceIndex)
    if (this.#scheduled.has(key)) return
    this.#scheduled.set(key, {
      address,
      family,
      interfaceIndex,
      round: 0,
      planned: now,
      half: false,
      first: true,
    })
    this.#urgent.set(key, now)
  }

  stop(address: string, interfaceIndex: number): void {
    const key = keyOf(address, interfaceIndex)
    this.#scheduled.delete(key)
    this.#urgent.delete(key)
    this.#repeats.delete(key)
  }

  /** Makes the next announcement due now, as a defence. */
  hasten(address: string, interfaceIndex: number, now: number): void {
    const key = keyOf(address, interfaceIndex)
    const scheduled = this.#scheduled.get(key)
    if (scheduled === undefined) return
    scheduled.half = false
    scheduled.planned = now
    this.#repeats.delete(key)
    this.#urgent.set(key, now)
  }

  /** As `hasten`, with some of the early rounds after it: a single frame can be lost. */
  repeat(address: string, interfaceIndex: number, now: number): void {
    const scheduled = this.#scheduled.get(keyOf(address, interfaceIndex))
    if (scheduled === undefined) return
    const rounds = announceSchedule[scheduled.family].length
    scheduled.round = Math.min(scheduled.round, rounds - repeated)
    this.hasten(address, interfaceIndex, now)
  }

  /**
   * The announcements to send now, urgent ones first, the longest waiting first, as far as the budget goes.
   * @param kind those with which an address is taken or defended, or the repetitions
   */
  step(kind: 'urgent' | 'repeated', now: number): readonly Announcement[] {
    const queue = kind === 'urgent' ? this.#urgent : this.#repeats
    const due: Announcement[] = []
    for (;;) {
      const key = queue.due(now)
      if (key === undefined || !this.#budget.take(1, now)) return due
      queue.delete(key)
      due.push(this.#send(key, now))
    }
  }

  /** The earliest deadline. */
  next(): number | undefined {
    const [urgent, repeated] = [this.#urgent.next(), this.#repeats.next()]
    return urgent === undefined || repeated === undefined ? (urgent ?? repeated) : Math.min(urgent, repeated)
  }

  #send(key: string, now: number): Announcement {
    const scheduled = this.#scheduled.get(key) as Scheduled
    const { address, family, interfaceIndex, first } = scheduled
    scheduled.first = false
    if (family === 4 && !scheduled.half) {
      scheduled.half = true
      this.#repeats.set(key, scheduled.planned)
      return { address, interfaceIndex, kind: 'request', first }
    }
    scheduled.half = false
    scheduled.planned = this.#following(scheduled, now)
    this.#repeats.set(key, scheduled.planned)
    return { address, interfaceIndex, kind: family === 4 ? 'reply' : 'advertisement', first }
  }

  #following(scheduled: Scheduled, now: number): number {
    const times: readonly number[] = announceSchedule[scheduled.family]
    scheduled.round = Math.min(scheduled.round + 1, times.length)
    const gap =
      scheduled.round < times.length
        ? times[scheduled.round] - times[scheduled.round - 1]
        : refreshInterval * (1 + jitter * (2 * this.#random() - 1))
    // Counted from the plan, so that late timers do not add up, unless the rate limit put it off for longer.
    return scheduled.planned + gap > now ? scheduled.planned + gap : now + gap
  }
}

const keyOf = (address: string, interfaceIndex: number): string => `${address}%${interfaceIndex}`
