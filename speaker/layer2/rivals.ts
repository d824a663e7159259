import { defer, heardHolder, provenFor } from './belief.ts'
import { announced, heard, judge, mayAnnounce, secondThought, type Rivalry } from './contest.ts'
import { Deadlines } from './deadlines.ts'
import { hashPrecedes, type Candidate } from './elect.ts'
import { macText } from './ethernet.ts'
import type { Holders } from './holders.ts'
import type { Path } from './peers.ts'
import { answers, type Entry } from './table.ts'

/** A node that gave way looks whether the other took the address: both may have given way. */
const yieldedAfter = { least: 150, spread: 50 } as const

/**
 * How a node was heard to hold an address: it announced it; it answered a check; it answered a claim of this node; it
 * won against this node.
 */
export type Evidence = 'told' | 'checked' | 'refused' | 'lost'

/** Two nodes that answer for one address, and how one of them becomes silent. */
export class Rivals {
  readonly #holders: Holders
  readonly #random: () => number
  /** addresses to announce against a rival */
  readonly #due = new Deadlines<string>()

  /** @param random uniform in [0, 1) */
  constructor(holders: Holders, random: () => number) {
    this.#holders = holders
    this.#random = random
  }

  /** Another node claims an address that is held here. @param direct it answers a question of this node */
  claim(entry: Entry, node: string, path: Path, direct: boolean, now: number): void {
    const { checks, peers } = this.#holders
    const isNew = !entry.contests.has(node)
    const contest = heard(entry.contests, node, now)
    const more = { node, mac: macText(path.mac) }
    if (isNew) this.#holders.event(now, entry, 'heardClaim', more)
    const rivalry = this.#rivalry(entry, node, direct || peers.isAlive(node))
    switch (judge(contest, rivalry, direct, now)) {
      case 'yield':
        this.#holders.event(now, entry, 'yielded', more)
        this.yieldTo(entry, node, path, now)
        return this.believe(entry, node, path, 'lost', now)
      case 'insist':
        if (contest.announced === 0) this.#holders.event(now, entry, 'insisted', more)
        return this.#insist(entry, node, path, now)
      case 'ask':
        if (checks.purposeOf(entry.address) !== 'challenge') {
          const at = rivalry.first ? Math.max(now, contest.since + secondThought) : now
          checks.start(entry.address, node, path, 'challenge', at)
        }
    }
  }

  /** Silent in favour of another node, and looks soon whether it holds the address indeed. */
  yieldTo(entry: Entry, node: string, path: Path, now: number): void {
    heardHolder(entry.belief, node, path)
    this.#holders.step(entry, { kind: 'yield' }, now)
    const at = now + yieldedAfter.least + yieldedAfter.spread * this.#random()
    this.#holders.checks.start(entry.address, node, path, 'yielded', at)
  }

  /** The node holds the address. */
  believe(entry: Entry, node: string, path: Path, how: Evidence, now: number): void {
    const { peers } = this.#holders
    heardHolder(entry.belief, node, path)
    // Who answers a check may be about to leave.
    if (how !== 'checked' && peers.presence(node) !== 'up') entry.belief.provenUntil = now + provenFor
    if (how === 'refused' || how === 'lost') {
      const { mine, atOnce } = this.#holders.standing(entry, now)
      if (mine && (how === 'lost' || !atOnce)) defer(entry.belief, node, now)
    }
    this.#holders.look(entry, now)
  }

  /** Announcements against rivals that had to wait. */
  due(now: number): void {
    for (let address = this.#due.due(now); address !== undefined; address = this.#due.due(now)) {
      this.#due.delete(address)
      const entry = this.#holders.table.get(address)
      if (entry === undefined || !answers(entry)) continue
      const node = [...entry.contests.keys()].at(-1)
      const path = node === undefined ? undefined : this.#holders.peers.path(node, entry.interfaces)
      if (node !== undefined && path !== undefined) this.#insist(entry, node, path, now)
    }
  }

  next(): number | undefined {
    return this.#due.next()
  }

  /** Announces against another node that claims the address, and asks whether it has given way. */
  #insist(entry: Entry, node: string, path: Path, now: number): void {
    const { address, contests } = entry
    const at = mayAnnounce(contests, now)
    if (at > now) {
      if (this.#due.get(address) === undefined) this.#due.set(address, at)
      return
    }
    this.#due.delete(address)
    announced(contests, now)
    this.#holders.announce(entry, now)
    this.#holders.checks.start(address, node, path, 'contest', now)
  }

  #rivalry(entry: Entry, node: string, reachable: boolean): Rivalry {
    const { peers, node: self } = this.#holders
    const find = (name: string) => entry.ordered.findIndex((one) => one.node === name)
    const [ours, theirs] = [find(self), find(node)]
    const [own, other] = [entry.ordered[ours], entry.ordered[theirs]]
    return {
      outranked: other !== undefined && (own === undefined || goesFirst(other, own, theirs < ours)),
      stale: peers.stale && other?.stale !== true,
      otherStale: other?.stale === true && own?.stale !== true && !peers.stale,
      // Of one that is not known the order cannot be known either: it may know more.
      first: peers.knows(node) && hashPrecedes(entry.address, self, node),
      reachable,
    }
  }
}

/** Of two candidates. @param before by the hash the first one does */
function goesFirst(a: Candidate, b: Candidate, before: boolean): boolean {
  if (a.eligible !== b.eligible) return a.eligible
  if (a.stale !== b.stale) return b.stale
  return a.preference === b.preference ? before : a.preference > b.preference
}
