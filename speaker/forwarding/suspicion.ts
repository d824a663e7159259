import type { Clock, Timer } from '#kube/clock.ts'
import type { ForeignChange } from './dataplane.ts'

/** After somebody else's transaction, and while another proxy is in the way, things are listed: this often only. */
const VERIFY_MS = 10_000
/** But one that is named, after a quiet time, at once: a rule set that was flushed forwards nothing. */
const AT_ONCE_MS = 100
/** While ours stays out, a change may mean that the other proxy is going: every moment without a forwarder counts. */
const STAND_BY_MS = 1000
/** Listing the chains of a large proxy takes a while: at most a twentieth of the time goes into it. */
const LOOK_REST = 20
/** Some proxies come without a word: legacy iptables and ipvs tell nobody. */
const LOOK_MS = 60_000

export interface SuspicionOptions {
  readonly clock: Clock
  /** what is ours may have been changed: it is to be listed */
  readonly onOurs: (by: string) => void
  /** others may have come or gone: they are to be looked for */
  readonly onOthers: () => void
}

/** When to look at what others did to the rule set: soon after they did, not too often, and now and then anyway. */
export class Suspicion {
  readonly #options: SuspicionOptions
  #timer: Timer | undefined
  #at = 0
  /** what the timer is for */
  #change: ForeignChange | undefined
  #verifiedAt = -Infinity

  constructor(options: SuspicionOptions) {
    this.#options = options
  }

  /** Another process changed the rule set; `standBy` has how long the last look took while ours stays out. */
  note(change: ForeignChange, standBy: { readonly lookMs: number } | undefined): void {
    const within =
      standBy === undefined ? this.#patience(change) : Math.max(STAND_BY_MS, standBy.lookMs * LOOK_REST)
    this.#within(within, change)
  }

  /** Everything of ours has just been listed. */
  verified(): void {
    this.#verifiedAt = this.#options.clock.now()
  }

  /** Some time from now, whether anything is noted or not. */
  later(standingBy: boolean): void {
    this.#within(standingBy ? VERIFY_MS : LOOK_MS, { by: '', ours: false })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #patience({ by, ours }: ForeignChange): number {
    const since = this.#options.clock.now() - this.#verifiedAt
    return ours && by !== '' ? Math.max(AT_ONCE_MS, VERIFY_MS - since) : VERIFY_MS
  }

  #within(ms: number, change: ForeignChange): void {
    if (this.#change === undefined || (change.ours && !this.#change.ours)) this.#change = change
    const { clock, onOurs, onOthers } = this.#options
    const at = clock.now() + ms
    if (this.#timer !== undefined && this.#at <= at) return
    this.#timer?.cancel()
    this.#at = at
    this.#timer = clock.setTimeout(() => {
      const { by, ours } = this.#change as ForeignChange
      this.#timer = undefined
      this.#change = undefined
      if (ours) onOurs(by)
      else onOthers()
    }, ms)
  }
}
