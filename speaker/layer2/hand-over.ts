import type { Question } from './check.ts'
import { handOverLimit } from './fsm.ts'
import type { Peers } from './peers.ts'
import type { Standing } from './standing.ts'
import type { Entry } from './table.ts'

/**
 * A successor is told again while it is waited for, less and less often; otherwise at most once in the longest time:
 * where nobody can serve an address it would go round.
 */
const nudges = { first: 100, next: 130, times: 30, longest: 1000 } as const
/** A stopping node waits as long as its addresses find new holders one after another, up to this. */
const stopLimit = 3000
const stopProgress = 500

/** Giving addresses up: who is told, how often, and how long a stopping node waits. */
export class HandOver {
  readonly #peers: Peers
  readonly #due = new Set<Entry>()
  #stop: { readonly since: number; until: number } | undefined

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** Planned stop. */
  stop(now: number): void {
    this.#peers.seen.leave()
    this.#stop ??= { since: now, until: now + handOverLimit }
  }

  get stopping(): boolean {
    return this.#stop !== undefined
  }

  /** How long a stopping node answers for what nobody has taken yet. */
  until(now: number): number {
    return this.#stop?.until ?? now
  }

  /** An address has found its new holder: there is reason to wait for the others. */
  progress(now: number): void {
    if (this.#stop === undefined) return
    const { since, until } = this.#stop
    this.#stop.until = Math.min(since + stopLimit, Math.max(until, now + stopProgress))
  }

  /** A new successor is waited for. */
  begin(entry: Entry): void {
    entry.nudged = { at: Number.NEGATIVE_INFINITY, times: 0 }
  }

  /** The successor is to be told, unless it was just now. */
  nudge(entry: Entry, now: number): void {
    if (now < this.next(entry)) return
    entry.nudged = { at: now, times: entry.nudged.times + 1 }
    this.#due.add(entry)
  }

  /** When the successor may be told next. */
  next({ state, nudged }: Entry): number {
    const { first, next, times, longest } = nudges
    const waits = state.at === 'handingOver' && nudged.times > 0 && nudged.times < times
    return nudged.at + (waits ? (nudged.times === 1 ? first : next) : longest)
  }

  forget(entry: Entry): void {
    this.#due.delete(entry)
  }

  get pending(): boolean {
    return this.#due.size > 0
  }

  /**
   * Whom to tell now that an address is for it, as far as the budget goes. Where time runs out everybody is asked every
   * other time (without `path`): somebody else than this node's successor may have taken the address unheard.
   */
  due(standing: (entry: Entry) => Standing, take: () => boolean): readonly Question[] {
    const due: Question[] = []
    for (const entry of this.#due) {
      const { holder, successor } = standing(entry)
      const path = successor === undefined ? undefined : this.#peers.path(successor, entry.interfaces)
      const wanted = path !== undefined && holder === undefined && entry.state.at !== 'holding'
      if (wanted && !take()) return due
      this.#due.delete(entry)
      if (wanted) due.push({ address: entry.address, ...(!asksAll(entry) && { path }) })
    }
    return due
  }
}

const asksAll = ({ state, nudged }: Entry): boolean =>
  state.at === 'handingOver' && state.until < Infinity && nudged.times % 2 === 0
