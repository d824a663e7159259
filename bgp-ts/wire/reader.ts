import type { BgpError } from '../errors.ts'

/**
 * Reads octets in network order and never past the end: a short input throws the error that its message calls for
 * (given by the caller), so that a truncated message can never be taken for a short list.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #short: () => BgpError
  #offset = 0

  constructor(bytes: Uint8Array, short: () => BgpError) {
    this.#bytes = bytes
    this.#short = short
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /** The next `length` octets, not copied. */
  take(length: number): Uint8Array {
    if (length > this.remaining) throw this.#short()
    const start = this.#offset
    this.#offset += length
    return this.#bytes.subarray(start, this.#offset)
  }

  rest(): Uint8Array {
    return this.take(this.remaining)
  }

  /** The next octet without passing it; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#offset]
  }

  u8(): number {
    if (this.remaining < 1) throw this.#short()
    return this.#bytes[this.#offset++]
  }

  u16(): number {
    return this.u8() * 256 + this.u8()
  }

  u32(): number {
    return this.u16() * 65536 + this.u16()
  }
}
