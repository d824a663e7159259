import { addressToBytes, parseAddress, type Family } from '#inet/address.ts'
import { read32 } from './ethernet.ts'
import { TokenBucket } from './rate.ts'

/**
 * Answers a second for one address; what is asked beyond that is dropped (`rateLimited`). It is by address, so that
 * a flood for one silences no other.
 */
export const answersPerSecond = 20_000
const answersBurst = 2000

/** One service address as the responders see it. */
export interface HeldAddress {
  /** canonical text */
  readonly address: string
  readonly family: Family
  /** 4 or 16 octets */
  readonly octets: Uint8Array
  /** indexes of the interfaces to answer on; empty when this node does not hold it */
  interfaces: ReadonlySet<number>
  /** of those where others are listened to: all that the address is meant for, held or not */
  watched: ReadonlySet<number>
  readonly answers: TokenBucket
  requestsReceived: number
  responsesSent: number
  gratuitousSent: number
  conflicts: number
  /** 0 for never */
  lastRequest: number
}

/**
 * The service addresses, held or not, for look-up by what stands in a frame: one hash look-up a packet however
 * many there are. Addresses that others hold are in it so that silence has its right reason.
 */
export class HeldAddresses {
  readonly #byNumber = new Map<number, HeldAddress>()
  readonly #byOctets = new Map<string, HeldAddress>()
  readonly #byText = new Map<string, HeldAddress>()

  /** @param address an IPv4 address as an unsigned 32-bit number */
  findIPv4(address: number): HeldAddress | undefined {
    return this.#byNumber.get(address)
  }

  /** @param at where the 16 octets of an IPv6 address start */
  findIPv6(frame: Uint8Array, at: number): HeldAddress | undefined {
    return this.#byOctets.size === 0 ? undefined : this.#byOctets.get(octetKey(frame, at))
  }

  find(address: string): HeldAddress | undefined {
    return this.#byText.get(address)
  }

  /** Adds the address; one that is known stays as it is. */
  add(address: string): HeldAddress {
    const known = this.#byText.get(address)
    if (known !== undefined) return known
    const parsed = parseAddress(address)
    const octets = addressToBytes(parsed)
    const held: HeldAddress = {
      address,
      family: parsed.family,
      octets,
      interfaces: nowhere,
      watched: nowhere,
      answers: new TokenBucket(answersPerSecond, answersBurst),
      requestsReceived: 0,
      responsesSent: 0,
      gratuitousSent: 0,
      conflicts: 0,
      lastRequest: 0,
    }
    this.#byText.set(address, held)
    if (parsed.family === 4) this.#byNumber.set(Number(parsed.value), held)
    else this.#byOctets.set(octetKey(octets, 0), held)
    return held
  }

  delete(address: string): void {
    const held = this.#byText.get(address)
    if (held === undefined) return
    this.#byText.delete(address)
    if (held.family === 4) this.#byNumber.delete(read32(held.octets, 0))
    else this.#byOctets.delete(octetKey(held.octets, 0))
  }

  /** Every address with at least one interface to answer on. */
  *held(): IterableIterator<HeldAddress> {
    for (const held of this.#byText.values()) if (held.interfaces.size > 0) yield held
  }
}

const nowhere: ReadonlySet<number> = new Set()

const octetKey = (octets: Uint8Array, at: number): string =>
  Buffer.from(octets.buffer, octets.byteOffset + at, 16).toString('latin1')
