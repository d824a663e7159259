import { tryParseAddress, type Family } from '#inet/address.ts'
import type { WireAddress, WireHolder, WireInterface } from '../wire/protocol.ts'
import { freshBelief, inputsChanged, type Belief } from './belief.ts'
import type { Contests } from './contest.ts'
import { inHashOrder, type Candidate } from './elect.ts'
import { silent, type State } from './fsm.ts'
import { answerOn } from './interfaces.ts'

/** One address as this node knows it. */
export interface Entry {
  readonly address: string
  /** undefined: it is not an address */
  readonly family: Family | undefined
  wanted: WireAddress
  /** in the order of their hashes */
  ordered: readonly Candidate[]
  /** where it is answered when it is held here */
  interfaces: readonly WireInterface[]
  readonly belief: Belief
  state: State
  /** other nodes that claim it while it is held here */
  readonly contests: Contests
  /** a machine outside the cluster that answered while the address was claimed, and from which it is taken */
  against: number | undefined
  /** the elected node was not heard yet: until when that is nothing unusual */
  patience: { readonly node: string; readonly until: number } | undefined
  /** the holder is asked then whether it still is one */
  verify: { readonly node: string; at: number; round: number } | undefined
  /** when the successor was told last, and how often since it is waited for */
  nudged: { readonly at: number; readonly times: number }
  told: WireHolder | undefined
}

/** It is answered for. */
export const answers = ({ state }: Entry): boolean => state.at === 'holding' || state.at === 'handingOver'

/** All addresses, and which of them a node or an interface bears on. */
export class Table {
  readonly #entries = new Map<string, Entry>()
  readonly #byCandidate = new Map<string, Set<Entry>>()
  readonly #answeredWith = new Map<string, Set<Entry>>()
  readonly #answered = new Set<Entry>()
  /** by family and names: most addresses share one list */
  readonly #answerOn = new Map<string, readonly WireInterface[]>()
  #interfaces: readonly WireInterface[] = []

  get(address: string): Entry | undefined {
    return this.#entries.get(address)
  }

  get size(): number {
    return this.#entries.size
  }

  all(): Iterable<Entry> {
    return this.#entries.values()
  }

  /** Those that this node answers for. */
  get answered(): ReadonlySet<Entry> {
    return this.#answered
  }

  /** Addresses of which the node is a candidate. */
  of(node: string): Iterable<Entry> {
    return this.#byCandidate.get(node) ?? []
  }

  /** Those of them that this node answers for. */
  answeredWith(node: string): ReadonlySet<Entry> {
    return this.#answeredWith.get(node) ?? none
  }

  /** One of these, another one each time. */
  nextAnsweredWith(node: string): Entry | undefined {
    const set = this.#answeredWith.get(node)
    if (set === undefined) return undefined
    for (const entry of set) {
      // A set keeps the order of adding, so this one comes last now.
      set.delete(entry)
      set.add(entry)
      return entry
    }
    return undefined
  }

  put(wanted: WireAddress): Entry {
    const { address } = wanted
    const known = this.#entries.get(address)
    if (known === undefined) return this.#add(wanted)
    if (!sameInputs(known.wanted, wanted)) inputsChanged(known.belief)
    if (!sameNodes(known.wanted, wanted)) {
      this.#unlist(known)
      known.ordered = inHashOrder(address, wanted.candidates)
      known.wanted = wanted
      this.#list(known)
    } else {
      const byNode = new Map(wanted.candidates.map((one) => [one.node, one]))
      known.ordered = known.ordered.map(({ node }) => byNode.get(node) as Candidate)
      known.wanted = wanted
    }
    known.interfaces = this.#usable(known)
    return known
  }

  delete(address: string): Entry | undefined {
    const entry = this.#entries.get(address)
    if (entry === undefined) return undefined
    this.#entries.delete(address)
    this.#unlist(entry)
    this.#answered.delete(entry)
    return entry
  }

  /** @returns the addresses whose interfaces are others now */
  setInterfaces(interfaces: readonly WireInterface[]): Entry[] {
    this.#interfaces = interfaces
    const before = new Map(this.#answerOn)
    this.#answerOn.clear()
    const changed: Entry[] = []
    for (const entry of this.#entries.values()) {
      const list = this.#usable(entry)
      const old = before.get(listKey(entry))
      if (old === undefined || !sameInterfaces(old, list)) changed.push(entry)
      entry.interfaces = list
    }
    return changed
  }

  /** To be called when an entry begins or ceases to be answered for. */
  noteAnswering(entry: Entry): void {
    const now = answers(entry)
    if (now === this.#answered.has(entry)) return
    if (now) this.#answered.add(entry)
    else this.#answered.delete(entry)
    for (const { node } of entry.ordered) {
      if (now) addTo(this.#answeredWith, node, entry)
      else deleteFrom(this.#answeredWith, node, entry)
    }
  }

  #add(wanted: WireAddress): Entry {
    const { address } = wanted
    const entry: Entry = {
      address,
      family: tryParseAddress(address)?.family,
      wanted,
      ordered: inHashOrder(address, wanted.candidates),
      interfaces: [],
      belief: freshBelief(),
      state: silent('notOwner'),
      contests: new Map(),
      against: undefined,
      patience: undefined,
      verify: undefined,
      nudged: { at: Number.NEGATIVE_INFINITY, times: 0 },
      told: undefined,
    }
    this.#entries.set(address, entry)
    this.#list(entry)
    entry.interfaces = this.#usable(entry)
    return entry
  }

  #list(entry: Entry): void {
    for (const { node } of entry.ordered) {
      addTo(this.#byCandidate, node, entry)
      if (this.#answered.has(entry)) addTo(this.#answeredWith, node, entry)
    }
  }

  #unlist(entry: Entry): void {
    for (const { node } of entry.ordered) {
      deleteFrom(this.#byCandidate, node, entry)
      deleteFrom(this.#answeredWith, node, entry)
    }
  }

  #usable(entry: Entry): readonly WireInterface[] {
    if (entry.family === undefined) return []
    const key = listKey(entry)
    let list = this.#answerOn.get(key)
    if (list === undefined) {
      list = answerOn(entry.wanted.interfaces, entry.family, this.#interfaces)
      this.#answerOn.set(key, list)
    }
    return list
  }
}

const none: ReadonlySet<Entry> = new Set()

const listKey = (entry: Entry): string => `${entry.family}/${entry.wanted.interfaces.join('/')}`

function addTo(index: Map<string, Set<Entry>>, node: string, entry: Entry): void {
  const set = index.get(node)
  if (set === undefined) index.set(node, new Set([entry]))
  else set.add(entry)
}

function deleteFrom(index: Map<string, Set<Entry>>, node: string, entry: Entry): void {
  const set = index.get(node)
  set?.delete(entry)
  if (set?.size === 0) index.delete(node)
}

const sameInterfaces = (a: readonly WireInterface[], b: readonly WireInterface[]): boolean =>
  a.length === b.length && a.every((one, index) => one.index === b[index].index && one.name === b[index].name)

const sameNodes = (a: WireAddress, b: WireAddress): boolean => {
  const nodes = new Set(a.candidates.map(({ node }) => node))
  return a.candidates.length === b.candidates.length && b.candidates.every(({ node }) => nodes.has(node))
}

/** What the rank of the candidates depends on. */
const sameInputs = (a: WireAddress, b: WireAddress): boolean =>
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
