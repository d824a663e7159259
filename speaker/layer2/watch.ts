import { foundUnable, forgetHolder } from './belief.ts'
import type { Checks } from './check.ts'
import { earliest } from './deadlines.ts'
import type { Peers } from './peers.ts'
import type { Standing } from './standing.ts'
import type { Entry } from './table.ts'

/** The elected node may take so long to be heard, and up to so much more at random. */
const patience = { least: 700, spread: 300 } as const
/** When a new holder is asked whether it is one: soon, and then at longer intervals. */
const verifySoon: readonly number[] = [1000, 2000, 4000, 8000]
const verifyLater = { least: 10_000, spread: 20_000 } as const

export interface WatchOptions {
  readonly peers: Peers
  readonly checks: Checks
  /** uniform in [0, 1) */
  readonly random: () => number
}

/**
 * What a node does about an address that another is to hold, if it would be the next itself: it waits for the other to
 * be heard, and looks now and then whether it still holds the address.
 */
export class Watch {
  readonly #options: WatchOptions

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** The elected node was not heard in time: it may be alive and unable to hold the address. */
  judge({ patience, belief }: Entry, now: number): void {
    if (patience !== undefined && patience.until <= now) foundUnable(belief, patience.node, now)
  }

  /** Keeps watch over a silent address. @returns when to look at it again */
  silent(entry: Entry, on: Standing, now: number): number | undefined {
    this.#awaitElected(entry, on, now)
    this.#awaitHolder(entry, on, now)
    return earliest(entry.patience?.until, entry.verify?.at)
  }

  stop(entry: Entry): void {
    entry.patience = undefined
    entry.verify = undefined
  }

  #awaitElected(entry: Entry, { elected, holder, able, served, mine }: Standing, now: number): void {
    const { peers, random } = this.#options
    if (mine || elected === undefined || holder !== undefined || !able || !served) {
      entry.patience = undefined
      return
    }
    if (entry.patience?.node === elected && entry.patience.until > now) return
    // On another network it may hold the address without ever being heard here.
    const near = peers.path(elected, entry.interfaces) !== undefined
    const until = now + patience.least + patience.spread * random()
    entry.patience = near ? { node: elected, until } : undefined
  }

  /** Only who was heard on this wire can be expected to answer on it. */
  #awaitHolder(entry: Entry, { holder, next, able, served }: Standing, now: number): void {
    const { checks, random } = this.#options
    const { path } = entry.belief
    if (holder === undefined || !next || !able || !served || path === undefined) {
      entry.verify = undefined
      return
    }
    if (entry.verify?.node !== holder) entry.verify = { node: holder, at: now + verifySoon[0], round: 0 }
    const { verify } = entry
    if (verify.at > now) return
    verify.round++
    verify.at = now + (verifySoon.at(verify.round) ?? verifyLater.least + verifyLater.spread * random())
    if (checks.purposeOf(entry.address) === undefined) {
      checks.start(entry.address, holder, path, 'verify', now)
    }
  }
}

/** A node that was asked as the holder is silent. */
export function holderSilent({ belief }: Entry, node: string, yielded: boolean, now: number): void {
  foundUnable(belief, node, now)
  forgetHolder(belief, yielded ? 'healing' : 'verification', false, now)
}
