/** What an event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid?: string
}

/** What is said of an object. */
export interface Statement {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** the same from every process: whoever comes second finds it said */
  readonly once: boolean
}

/** The same thing said again about the same object. Times in whole seconds since 1970: they cost nothing to keep. */
export interface Series extends Statement {
  readonly firstSeen: number
  lastSeen: number
  count: number
  /** name of the Event object; '' until it exists */
  name: string
  queued: boolean
}

/** An object of which something was said lately. */
export interface Subject {
  /** when the object has all of its tokens again, in seconds: a token bucket as one number */
  fullAt: number
  series: readonly Series[]
}

const NONE: readonly Series[] = Object.freeze([])
const SERIES_S = 600
const SERIES_LIMIT = 4096
/** client-go's figures: 25 at once, then one in 5 minutes, per object. */
const BURST = 25
const REFILL_S = 300

/**
 * What was said lately about which object: the same is counted, and an object of which too much is said has to wait.
 * Pure. A controller that has just served thousands of Services has thousands of these, so they are kept small.
 */
export class EventSeries {
  /** by uid, in order of last use */
  readonly #subjects = new Map<string, Subject>()
  #count = 0

  /** @returns undefined when too much was said about the object */
  record(
    regarding: Regarding,
    statement: Statement,
    nowMs: number,
  ): { subject: Subject; series: Series } | undefined {
    const now = Math.floor(nowMs / 1000)
    const key = regarding.uid || `${regarding.kind}/${regarding.namespace ?? ''}/${regarding.name}`
    const subject: Subject = this.#subjects.get(key) ?? { fullAt: now, series: NONE }
    this.#subjects.delete(key)
    this.#subjects.set(key, subject)
    const found = this.#take(subject, now)
      ? { subject, series: this.#seriesOf(subject, statement, now) }
      : undefined
    this.#forget(now)
    return found
  }

  #take(subject: Subject, now: number): boolean {
    const fullAt = Math.max(subject.fullAt, now)
    if (fullAt - now > (BURST - 1) * REFILL_S) return false
    subject.fullAt = fullAt + REFILL_S
    return true
  }

  #seriesOf(subject: Subject, { type, reason, message, once }: Statement, now: number): Series {
    const same = (one: Series) => one.message === message && one.reason === reason && one.type === type
    const at = subject.series.findIndex(same)
    const present = subject.series[at]
    if (present !== undefined && now - present.lastSeen < SERIES_S) {
      present.count++
      present.lastSeen = now
      return present
    }
    const fresh = {
      type,
      reason,
      message,
      once,
      firstSeen: now,
      lastSeen: now,
      count: 1,
      name: '',
      queued: false,
    }
    // A list that is made in one piece has no room for more, which most will never need.
    subject.series = present === undefined ? [...subject.series, fresh] : subject.series.with(at, fresh)
    if (present === undefined) this.#count++
    return fresh
  }

  /** Those of which nothing was said for so long that they are as new, and the longest unused beyond the limit. */
  #forget(now: number): void {
    for (const [key, { fullAt, series }] of this.#subjects) {
      const old = fullAt <= now && series.every(({ lastSeen }) => now - lastSeen >= SERIES_S)
      if (!old && this.#count <= SERIES_LIMIT && this.#subjects.size <= SERIES_LIMIT) return
      this.#subjects.delete(key)
      this.#count -= series.length
    }
  }
}
