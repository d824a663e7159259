import { BgpError } from './errors.ts'
import { headerLength, maxMessageLength, readHeader, type Frame } from './wire/header.ts'

/**
 * Cuts a byte stream into messages, however it was split into chunks. Holds at most one unfinished message
 * (4096 octets). After an error the stream has no known boundary any more and nothing further is read.
 */
export class Framer {
  readonly #partial = new Uint8Array(maxMessageLength)
  #held = 0
  #failed = false

  /** Octets of the unfinished message. */
  get held(): number {
    return this.#held
  }

  /**
   * The messages that this chunk completes, in order; an error is the last element.
   * A body is valid until the chunk it came from is reused.
   */
  *push(chunk: Uint8Array): Generator<Frame | BgpError, void> {
    let rest = chunk
    while (!this.#failed && rest.length > 0) {
      const whole = this.#held === 0 && rest.length >= headerLength ? this.#header(rest) : undefined
      if (whole !== undefined && !(whole instanceof BgpError) && rest.length >= whole.length) {
        const body = rest.subarray(headerLength, whole.length)
        rest = rest.subarray(whole.length)
        yield { type: whole.type, body }
        continue
      }
      const { used, result } = this.#collect(rest)
      rest = rest.subarray(used)
      if (result !== undefined) yield result
    }
  }

  /** Adds octets to the unfinished message, up to the end of its header or of itself. */
  #collect(rest: Uint8Array): { used: number; result?: Frame | BgpError } {
    const header = this.#held < headerLength ? undefined : readHeader(this.#partial)
    const used = Math.min(rest.length, (header?.length ?? headerLength) - this.#held)
    this.#partial.set(rest.subarray(0, used), this.#held)
    this.#held += used
    if (this.#held < headerLength) return { used }
    const checked = header ?? this.#header(this.#partial)
    if (checked instanceof BgpError) return { used, result: checked }
    if (this.#held < checked.length) return { used }
    this.#held = 0
    return { used, result: { type: checked.type, body: this.#partial.slice(headerLength, checked.length) } }
  }

  #header(bytes: Uint8Array): ReturnType<typeof readHeader> | BgpError {
    try {
      return readHeader(bytes)
    } catch (error) {
      this.#failed = true
      if (error instanceof BgpError) return error
      throw error
    }
  }
}
