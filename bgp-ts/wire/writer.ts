import { BgpUsageError } from '../errors.ts'

/** Collects octets in network order, up to a limit. */
export class Writer {
  readonly #limit: number
  /** an array, as most of what is written is a few octets: for those it takes less time than a Uint8Array */
  readonly #octets: number[] = []

  /** @param limit octets; a message never holds more than 4096 (RFC 4271 4.1) */
  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#octets.length
  }

  /** What was written, not copied: write no more afterwards. */
  get octets(): ArrayLike<number> {
    return this.#octets
  }

  /** @throws BgpUsageError FL_BGP_MESSAGE_TOO_LONG */
  put(octets: ArrayLike<number>): this {
    this.#need(octets.length)
    for (let index = 0; index < octets.length; index++) this.#octets.push(octets[index])
    return this
  }

  u8(value: number): this {
    this.#need(1)
    this.#octets.push(value)
    return this
  }

  u16(value: number): this {
    this.#need(2)
    this.#octets.push(value >>> 8, value & 255)
    return this
  }

  u32(value: number): this {
    this.#need(4)
    this.#octets.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
    return this
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#octets)
  }

  #need(octets: number): void {
    if (this.#octets.length + octets > this.#limit) {
      throw new BgpUsageError('FL_BGP_MESSAGE_TOO_LONG', `more than ${this.#limit} octets`)
    }
  }
}
