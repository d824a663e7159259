import { BgpError } from './errors.ts'
import {
  headerLength,
  lengthAt,
  maxMessageLength,
  readType,
  type Frame,
  type MessageType,
  type Span,
} from './wire/header.ts'

const nothing = new Uint8Array()

/**
 * Cuts a byte stream into messages, however it was split into chunks: give it a chunk, then take messages until there
 * is none. A message is left where it lies; what is copied is one that began in an earlier chunk, of which at most one
 * is held (4096 octets). After an error the stream has no known boundary any more and nothing further is read.
 */
export class Framer implements Span {
  /** The body of the message that `next()` returned last, until the call after it. */
  bytes: Uint8Array = nothing
  from = 0
  to = 0
  #chunk: Uint8Array = nothing
  #at = 0
  readonly #partial = new Uint8Array(maxMessageLength)
  #held = 0
  #failed = false

  /** Octets of the unfinished message. */
  get held(): number {
    return this.#held
  }

  /** The next octets, after `next()` has found nothing more in those before. */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#at = 0
  }

  /** The type of the next whole message; an error is the last thing there is. */
  next(): MessageType | BgpError | undefined {
    if (this.#failed) return undefined
    try {
      const type = (this.#held === 0 ? this.#inPlace() : undefined) ?? this.#collect()
      // A chunk may be a small part of a large buffer.
      if (type === undefined) this.bytes = this.#chunk = nothing
      return type
    } catch (error) {
      this.#failed = true
      if (error instanceof BgpError) return error
      throw error
    }
  }

  /** The message that `next()` returned last. It is valid for as long as the chunk is. */
  frame(type: MessageType): Frame {
    const { bytes, from, to } = this
    return { type, body: bytes === this.#partial ? bytes.slice(from, to) : bytes.subarray(from, to) }
  }

  /** A message that is whole in this chunk. */
  #inPlace(): MessageType | undefined {
    const chunk = this.#chunk
    const start = this.#at
    if (chunk.length - start < headerLength) return undefined
    const type = readType(chunk, start)
    const end = start + lengthAt(chunk, start)
    if (end > chunk.length) return undefined
    this.#at = end
    this.#found(chunk, start, end)
    return type
  }

  /** Adds octets to the unfinished message, up to the end of its header, then of itself. */
  #collect(): MessageType | undefined {
    const partial = this.#partial
    if (this.#held < headerLength) {
      this.#take(headerLength)
      if (this.#held < headerLength) return undefined
    }
    const type = readType(partial, 0)
    const length = lengthAt(partial, 0)
    this.#take(length)
    if (this.#held < length) return undefined
    this.#held = 0
    this.#found(partial, 0, length)
    return type
  }

  /** Until so many are held, as far as there are any. */
  #take(wanted: number): void {
    const octets = this.#chunk.subarray(this.#at, this.#at + wanted - this.#held)
    this.#partial.set(octets, this.#held)
    this.#held += octets.length
    this.#at += octets.length
  }

  #found(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.from = start + headerLength
    this.to = end
  }
}
