import type { Family } from '#inet/address.ts'
import { affinityOf, countings, families, type Counting, type Elements } from './model.ts'
import { MAX_LISTS, MAX_MEMBERS } from './register.ts'

/**
 * The numbers of session affinity. A client is remembered by the number of a list and that of one of its endpoints, so
 * both stay what they are as long as the list or the endpoint exists, over restarts too: they are taken from what the
 * data plane holds. A number that became free is not used again before all others had their turn.
 */

/** What a list is made of. */
export interface WantedList {
  readonly family: Family
  /** of the Service's own making: port and policy */
  readonly name: string
  /** `address . port` of each, all different */
  readonly endpoints: readonly string[]
  /** where the data plane may know it by another process's number */
  readonly frontends: readonly { readonly over: Counting; readonly key: string }[]
}

export interface AssignedList {
  readonly id: number
  /** index of each endpoint, from 1 */
  readonly members: ReadonlyMap<string, number>
}

interface List {
  readonly id: number
  members: Map<string, number>
  /** the index that was given last */
  last: number
}

/** Numbers from 1 to a limit, each in its turn. */
function nextFree(last: number, limit: number, taken: (number: number) => boolean): number | undefined {
  for (let step = 1; step <= limit; step++) {
    const number = ((last - 1 + step) % limit) + 1
    if (!taken(number)) return number
  }
  return undefined
}

class FamilyLists {
  readonly #limit: number
  readonly #owners = new Map<string, Map<string, List>>()
  readonly #used = new Set<number>()
  /** lists in the data plane that nobody has claimed yet, with their endpoints */
  #found = new Map<number, Map<string, number>>()
  #byFrontend: (over: Counting, key: string) => string | undefined = () => undefined
  #last = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  adopt(own: Elements[Family]): void {
    this.#found = new Map()
    this.#byFrontend = (over, key) => own[affinityOf[over].lists].get(key)
    const found = (id: number) => {
      const members = this.#found.get(id) ?? new Map<string, number>()
      if (!this.#used.has(id)) this.#found.set(id, members)
      return members
    }
    for (const [member, endpoint] of own['affinity-endpoints']) {
      const [id, index] = member.split('/').map(Number)
      found(id).set(endpoint, index)
    }
    for (const over of countings) for (const id of own[affinityOf[over].lists].values()) found(Number(id))
    for (const id of this.#found.keys()) this.#last = Math.max(this.#last, id)
  }

  settle(): void {
    this.#found = new Map()
    this.#byFrontend = () => undefined
  }

  has(owner: string): boolean {
    return this.#owners.has(owner)
  }

  assign(owner: string, wanted: readonly WantedList[]): Map<string, AssignedList> {
    const before = this.#owners.get(owner) ?? new Map<string, List>()
    const after = new Map<string, List>()
    for (const one of wanted) {
      const list = before.get(one.name) ?? this.#make(one)
      if (list === undefined) continue
      after.set(one.name, list)
      place(list, one.endpoints)
    }
    for (const [name, { id }] of before) if (!after.has(name)) this.#used.delete(id)
    if (after.size > 0) this.#owners.set(owner, after)
    else this.#owners.delete(owner)
    return after
  }

  #make({ frontends }: WantedList): List | undefined {
    for (const { over, key } of frontends) {
      const id = Number(this.#byFrontend(over, key))
      const members = this.#found.get(id)
      if (members === undefined) continue
      this.#found.delete(id)
      this.#used.add(id)
      return { id, members, last: Math.max(0, ...members.values()) }
    }
    if (this.#used.size >= this.#limit) return undefined
    const id = nextFree(
      this.#last,
      this.#limit,
      (number) => this.#used.has(number) || this.#found.has(number),
    )
    if (id === undefined) return undefined
    this.#used.add(id)
    this.#last = id
    return { id, members: new Map(), last: 0 }
  }
}

/** Gives every endpoint its index, and those that are gone theirs back. */
function place(list: List, endpoints: readonly string[]): void {
  const members = new Map<string, number>()
  for (const endpoint of endpoints) {
    const index = list.members.get(endpoint)
    if (index !== undefined) members.set(endpoint, index)
  }
  if (members.size < endpoints.length) {
    const taken = new Set(members.values())
    for (const endpoint of endpoints) {
      if (members.has(endpoint)) continue
      const index = nextFree(list.last, MAX_MEMBERS, (number) => taken.has(number))
      if (index === undefined) throw new RangeError(`a list has at most ${MAX_MEMBERS} endpoints`)
      taken.add(index)
      members.set(endpoint, index)
      list.last = index
    }
  }
  list.members = members
}

/** For nearly every Service. */
const none: Record<Family, ReadonlyMap<string, AssignedList>> = { 4: new Map(), 6: new Map() }

/** The lists of all Services. */
export class AffinityLists {
  readonly #families: Record<Family, FamilyLists>

  /** @param limit lists of a family; for tests */
  constructor(limit: number = MAX_LISTS) {
    this.#families = { 4: new FamilyLists(limit), 6: new FamilyLists(limit) }
  }

  /** The data plane was listed: lists that are new here have the numbers that they have there. Until `settle`. */
  adopt(actual: Elements): void {
    for (const family of families) this.#families[family].adopt(actual[family])
  }

  /** Every Service has said what it wants: what is left in the data plane is nobody's. */
  settle(): void {
    for (const family of families) this.#families[family].settle()
  }

  /**
   * Replaces the lists of an owner. None of them has more than `MAX_MEMBERS` endpoints. A list that is missing in the
   * answer has no number because there are too many.
   */
  assign(owner: string, wanted: readonly WantedList[]): Record<Family, ReadonlyMap<string, AssignedList>> {
    if (wanted.length === 0 && families.every((family) => !this.#families[family].has(owner))) return none
    const of = (family: Family) =>
      this.#families[family].assign(
        owner,
        wanted.filter((one) => one.family === family),
      )
    return { 4: of(4), 6: of(6) }
  }
}
