import { BgpUsageError } from '../errors.ts'

/** Collects octets in network order, up to a limit. */
export class Writer {
  readonly #bytes: Uint8Array
  #length = 0

  /** @param limit octets; a message never holds more than 4096 (RFC 4271 4.1) */
  constructor(limit: number) {
    this.#bytes = new Uint8Array(limit)
  }

  get length(): number {
    return this.#length
  }

  /** @throws BgpUsageError FL_BGP_MESSAGE_TOO_LONG */
  put(octets: ArrayLike<number>): this {
    if (this.#length + octets.length > this.#bytes.length) {
      throw new BgpUsageError('FL_BGP_MESSAGE_TOO_LONG', `more than ${this.#bytes.length} octets`)
    }
    this.#bytes.set(octets, this.#length)
    this.#length += octets.length
    return this
  }

  u8(value: number): this {
    return this.put([value])
  }

  u16(value: number): this {
    return this.put([value >>> 8, value & 255])
  }

  u32(value: number): this {
    return this.put([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255])
  }

  /** What was written, not copied: write no more afterwards. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
