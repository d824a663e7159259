import type { Announcer } from './announce.ts'
import type { Conflicts } from './conflict.ts'
import { macText } from './ethernet.ts'
import { Groups, type GroupChange } from './groups.ts'
import type { HeldAddress, HeldAddresses } from './held.ts'
import type { Entry } from './table.ts'

/** What becomes of decisions: answering, listening and announcing are not theirs. */
export interface Effects {
  /** answer for the address there, and announce it where that is new; [] is silence */
  answer(entry: Entry, interfaces: readonly number[], now: number): void
  /** hear what others say about the address there, be it held or not; `join`: hear also who asks for it */
  listen(entry: Entry, interfaces: readonly number[], join: boolean): void
  /** announce it at once; `again` with some repetitions */
  announce(entry: Entry, again: boolean, now: number): void
  /** it was taken although a machine outside the cluster uses it */
  takenFrom(entry: Entry, mac: number, now: number): void
}

export interface AnsweringOptions {
  readonly held: HeldAddresses
  readonly announcer: Announcer
  readonly conflicts: Conflicts
}

/** Interfaces come and go, and their indexes with them. */
const setsKept = 256

/** Brings responders, announcer and groups from where an address is answered and listened to, to where it is to be. */
export class Answering implements Effects {
  readonly #options: AnsweringOptions
  readonly #groups = new Groups()
  /** by their members: most addresses are answered on the same interfaces */
  readonly #sets = new Map<string, ReadonlySet<number>>()
  #changes: GroupChange[] = []

  constructor(options: AnsweringOptions) {
    this.#options = options
  }

  answer({ address }: Entry, indexes: readonly number[], now: number): void {
    const { held: addresses, announcer, conflicts } = this.#options
    const held = addresses.add(address)
    const { interfaces: before, family } = held
    if (sameSet(before, indexes)) return
    held.interfaces = this.#setOf(indexes)
    for (const index of before) if (!held.interfaces.has(index)) announcer.stop(address, index)
    for (const index of indexes) if (!before.has(index)) announcer.start(address, family, index, now)
    if (indexes.length === 0) conflicts.forget(address)
  }

  /** Groups are joined before anything is asked or announced, so that rivals hear each other. */
  listen({ address }: Entry, indexes: readonly number[], join: boolean): void {
    const held = this.#options.held.add(address)
    if (!sameSet(held.watched, indexes)) held.watched = this.#setOf(indexes)
    this.#setGroups(held, join ? indexes : [])
  }

  announce({ address, interfaces }: Entry, again: boolean, now: number): void {
    const { announcer } = this.#options
    for (const { index } of interfaces) {
      if (again) announcer.repeat(address, index, now)
      else announcer.hasten(address, index, now)
    }
  }

  takenFrom({ address, interfaces }: Entry, mac: number, now: number): void {
    for (const { index } of interfaces.slice(0, 1)) {
      this.#options.conflicts.heard(address, macText(mac), index, now)
    }
  }

  #setOf(indexes: readonly number[]): ReadonlySet<number> {
    const text = indexes.join()
    let set = this.#sets.get(text)
    if (set === undefined) {
      if (this.#sets.size >= setsKept) this.#sets.clear()
      this.#sets.set(text, (set = new Set(indexes)))
    }
    return set
  }

  /** The address is none any more. */
  remove(held: HeldAddress): void {
    const { announcer, conflicts, held: addresses } = this.#options
    for (const index of held.interfaces) announcer.stop(held.address, index)
    conflicts.forget(held.address)
    this.#setGroups(held, [])
    addresses.delete(held.address)
  }

  /** The interface has another hardware address: its neighbours have to learn it as after a take-over. */
  announceAnew(index: number, now: number): void {
    const { held: addresses, announcer } = this.#options
    for (const { address, family, interfaces } of addresses.held()) {
      if (!interfaces.has(index)) continue
      announcer.stop(address, index)
      announcer.start(address, family, index, now)
    }
  }

  /** There are groups to join or leave. */
  get groupsChanged(): boolean {
    return this.#changes.length > 0
  }

  takeGroupChanges(): readonly GroupChange[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** Solicited-node groups that are wanted on an interface. */
  groupsOn(interfaceIndex: number): string[] {
    return this.#groups.on(interfaceIndex)
  }

  #setGroups({ address, family }: HeldAddress, indexes: readonly number[]): void {
    if (family === 6) this.#changes.push(...this.#groups.set(address, indexes))
  }
}

const sameSet = (set: ReadonlySet<number>, list: readonly number[]): boolean =>
  set.size === list.length && list.every((one) => set.has(one))
