import type { AddressFamily } from './config.ts'
import type { Advertisement, Packing } from './packing.ts'

/** Prefixes that wait for UPDATEs that say the same of them: attributes, or that they are withdrawn. */
export interface Waiting {
  readonly packing: Packing
  /** undefined: they are withdrawn */
  readonly advertisement: Advertisement | undefined
  /** of the prefixes, in the order in which they go */
  readonly numbers: Set<number>
}

/** The prefixes of one session that wait for an UPDATE, each for one at most. */
export class UpdateQueue {
  /** by the key of what is said */
  readonly #waiting = new Map<string, Waiting>()
  readonly #byNumber: (Waiting | undefined)[] = []
  readonly #pending = { 'ipv4-unicast': 0, 'ipv6-unicast': 0 }

  /** Prefixes that wait. */
  get size(): number {
    return this.#pending['ipv4-unicast'] + this.#pending['ipv6-unicast']
  }

  /** Prefixes of this family that wait. */
  pending(family: AddressFamily): number {
    return this.#pending[family]
  }

  /** Those that were there first come first; whoever goes through them may take prefixes out. */
  all(): IterableIterator<Waiting> {
    return this.#waiting.values()
  }

  /** What the prefix waits for. */
  of(number: number): Waiting | undefined {
    return this.#byNumber[number]
  }

  /** Makes room for numbers up to this one, without holes: V8 keeps an array with large ones as a dictionary. */
  reach(number: number): void {
    while (this.#byNumber.length <= number) this.#byNumber.push(undefined)
  }

  announce(number: number, advertisement: Advertisement): void {
    const known = this.#waiting.get(advertisement.key)
    this.#join(number, known ?? { packing: advertisement, advertisement, numbers: new Set() })
  }

  withdraw(number: number, packing: Packing): void {
    const known = this.#waiting.get(packing.key)
    this.#join(number, known ?? { packing, advertisement: undefined, numbers: new Set() })
  }

  /** The prefix waits no more. */
  leave(number: number): void {
    const waiting = this.#byNumber[number]
    if (waiting === undefined) return
    waiting.numbers.delete(number)
    if (waiting.numbers.size === 0) this.#waiting.delete(waiting.packing.key)
    this.#byNumber[number] = undefined
    this.#pending[waiting.packing.family]--
  }

  #join(number: number, waiting: Waiting): void {
    if (waiting.numbers.size === 0) this.#waiting.set(waiting.packing.key, waiting)
    waiting.numbers.add(number)
    this.#byNumber[number] = waiting
    this.#pending[waiting.packing.family]++
  }
}
