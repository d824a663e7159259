import { tryParseAddress, type Family } from '#inet/address.ts'
import type { WireAddress, WireHolder, WireInterface } from '../wire/protocol.ts'
import { elect } from './elect.ts'
import type { SilenceReason } from './errors.ts'
import { answerOn } from './interfaces.ts'

/** A change of one address: the holder as told to main, and where to answer from now on. */
export interface HolderChange {
  readonly holder: WireHolder
  /** indexes; [] is silence */
  readonly answerOn: readonly number[]
}

interface Entry {
  address: WireAddress
  readonly family: Family | undefined
  /** the result of the last election: the present holder as far as this node knows */
  elected: string | undefined
  electionDue: boolean
  current: HolderChange | undefined
}

/**
 * Which node holds each address and whether this one answers. Changes mark addresses; `settle` works on the marked
 * ones only and returns those for which something came out different.
 */
export class Holders {
  readonly #node: string
  readonly #entries = new Map<string, Entry>()
  readonly #marked = new Set<string>()
  #interfaces: readonly WireInterface[] = []
  /** by family and names: most addresses share one list */
  readonly #answerOn = new Map<string, readonly WireInterface[]>()
  #stopping = false

  /** @param node the name of this node */
  constructor(node: string) {
    this.#node = node
  }

  put(addresses: readonly WireAddress[]): void {
    for (const address of addresses) {
      const entry = this.#entries.get(address.address)
      if (entry === undefined) {
        this.#entries.set(address.address, {
          address,
          family: tryParseAddress(address.address)?.family,
          elected: undefined,
          electionDue: true,
          current: undefined,
        })
      } else {
        entry.electionDue ||= !sameCandidates(entry.address, address)
        entry.address = address
      }
      this.#marked.add(address.address)
    }
  }

  /** Forgets the address; the caller falls silent about it at once. */
  remove(address: string): void {
    this.#entries.delete(address)
    this.#marked.delete(address)
  }

  /** Marks the addresses whose set of interfaces is not what it was. */
  setInterfaces(interfaces: readonly WireInterface[]): void {
    this.#interfaces = interfaces
    const before = new Map(this.#answerOn)
    this.#answerOn.clear()
    for (const [key, entry] of this.#entries) {
      const list = listKey(entry)
      const old = before.get(list)
      if (old === undefined || !sameInterfaces(old, this.#usable(entry))) this.#marked.add(key)
    }
  }

  /** Planned stop: this node answers for nothing any more. */
  stop(): void {
    this.#stopping = true
    for (const key of this.#entries.keys()) this.#marked.add(key)
  }

  /** Elects and decides where marked, and returns the differences. */
  settle(now: number): HolderChange[] {
    const changes: HolderChange[] = []
    for (const key of this.#marked) {
      const entry = this.#entries.get(key)
      if (entry === undefined) continue
      if (entry.electionDue) {
        // Without a present holder: a node that has just started does not know it, and would elect another.
        entry.elected = elect(key, entry.address.candidates)
        entry.electionDue = false
      }
      const next = this.#decide(entry, now)
      if (next === entry.current) continue
      entry.current = next
      changes.push(next)
    }
    this.#marked.clear()
    return changes
  }

  #decide(entry: Entry, now: number): HolderChange {
    const reason = this.#silence(entry)
    const interfaces = reason === undefined ? this.#usable(entry) : []
    const { current } = entry
    const holder = entry.elected ?? ''
    const held = reason === undefined
    const moved = current === undefined || current.holder.holder !== holder || current.holder.held !== held
    if (
      !moved &&
      current.holder.reason === (reason ?? '') &&
      sameList(
        current.answerOn,
        interfaces.map((one) => one.index),
      )
    ) {
      return current
    }
    return {
      holder: {
        address: entry.address.address,
        holder,
        held,
        since: moved ? now : current.holder.since,
        interfaces: interfaces.map((one) => one.name),
        reason: reason ?? '',
      },
      answerOn: interfaces.map((one) => one.index),
    }
  }

  #silence(entry: Entry): SilenceReason | undefined {
    if (entry.family === undefined) return 'invalidAddress'
    if (this.#stopping) return 'stopping'
    if (entry.elected === undefined) return 'noCandidate'
    if (entry.elected !== this.#node) return 'notOwner'
    if (!entry.address.served) return 'notServed'
    return this.#usable(entry).length === 0 ? 'noInterface' : undefined
  }

  #usable(entry: Entry): readonly WireInterface[] {
    const key = listKey(entry)
    let list = this.#answerOn.get(key)
    if (list === undefined) {
      list = answerOn(entry.address.interfaces, entry.family ?? 4, this.#interfaces)
      this.#answerOn.set(key, list)
    }
    return list
  }
}

const listKey = (entry: Entry): string => `${entry.family}/${entry.address.interfaces.join('/')}`

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index])

const sameInterfaces = (a: readonly WireInterface[], b: readonly WireInterface[]): boolean =>
  a.length === b.length && a.every((one, index) => one.index === b[index].index && one.name === b[index].name)

const sameCandidates = (a: WireAddress, b: WireAddress): boolean =>
  a.candidates.length === b.candidates.length &&
  a.candidates.every((one, index) => {
    const other = b.candidates[index]
    return (
      one.node === other.node &&
      one.preference === other.preference &&
      one.eligible === other.eligible &&
      one.stale === other.stale
    )
  })
