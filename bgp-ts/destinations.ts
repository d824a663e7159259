import { addressToBytes } from '#inet/address.ts'
import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from './config.ts'
import { nlriOctets } from './wire/nlri.ts'

/** Of one prefix: its family (4 or 6), its length in bits, and its address. */
const stride = 18

/**
 * The prefixes of all sessions of a speaker by number. Each is kept once, as the octets that go over the wire. A number
 * belongs to its prefix until everybody has released it; then another prefix gets it.
 */
export class Destinations {
  readonly #numbers = new Map<string, number>()
  readonly #texts: string[] = []
  readonly #users: number[] = []
  readonly #free: number[] = []
  #octets = new Uint8Array(64 * stride)

  /** Prefixes that somebody uses. */
  get size(): number {
    return this.#numbers.size
  }

  /** The number of a prefix that is in use. */
  find(prefix: Prefix): number | undefined {
    return this.#numbers.get(formatPrefix(prefix))
  }

  /** The number of the prefix, which stays its own until it is released as often as it was acquired. */
  acquire(prefix: Prefix): number {
    const text = formatPrefix(prefix)
    const known = this.#numbers.get(text)
    if (known !== undefined) {
      this.#users[known]++
      return known
    }
    const number = this.#free.pop() ?? this.#texts.length
    this.#numbers.set(text, number)
    this.#texts[number] = text
    this.#users[number] = 1
    this.#keep(number, prefix)
    return number
  }

  release(number: number): void {
    if (--this.#users[number] > 0) return
    this.#numbers.delete(this.#texts[number])
    this.#texts[number] = ''
    this.#free.push(number)
  }

  /** The prefix in its canonical form. */
  text(number: number): string {
    return this.#texts[number]
  }

  family(number: number): AddressFamily {
    return this.#octets[number * stride] === 4 ? 'ipv4-unicast' : 'ipv6-unicast'
  }

  /** Octets of the prefix on the wire (RFC 4271 4.3). */
  nlriOctets(number: number): number {
    return 1 + ((this.#octets[number * stride + 1] + 7) >>> 3)
  }

  /** Writes the prefix as it goes over the wire. */
  copyNlri(number: number, target: Uint8Array, at: number): void {
    const from = number * stride + 1
    const octets = this.nlriOctets(number)
    // Five octets one by one take less time than the call that copies any number of them.
    for (let index = 0; index < octets; index++) target[at + index] = this.#octets[from + index]
  }

  #keep(number: number, prefix: Prefix): void {
    const at = number * stride
    if (at + stride > this.#octets.length) {
      const larger = new Uint8Array(this.#octets.length * 2)
      larger.set(this.#octets)
      this.#octets = larger
    }
    this.#octets[at] = prefix.address.family
    this.#octets[at + 1] = prefix.length
    this.#octets.set(addressToBytes(prefix.address).subarray(0, nlriOctets(prefix) - 1), at + 2)
  }
}
