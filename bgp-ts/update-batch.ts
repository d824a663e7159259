import type { AddressFamily } from './config.ts'
import { maxMessageLength } from './wire/header.ts'
import { encodeUpdate, endOfRib, writeUpdate, type UpdateParts } from './wire/update.ts'
import { initialContext } from './wire/context.ts'

/** UPDATEs that are written at a stretch; then timers and received messages get their turn. */
const batchOctets = 65_536

/** Encoded UPDATEs one behind the other. */
export interface UpdateBatch {
  readonly octets: Uint8Array
  /** where each message ends */
  readonly ends: readonly number[]
  /** families whose End-of-RIB is among them */
  readonly endOfRib: readonly AddressFamily[]
}

/** Puts UPDATEs behind each other, always into the same memory; what it gives away is a copy. */
export class BatchWriter {
  readonly #octets = new Uint8Array(batchOctets)
  #most = 0
  #length = 0
  #ends: number[] = []
  #endOfRib: AddressFamily[] = []

  /** Begins a batch of so many messages at most. */
  begin(most: number): void {
    this.#most = most
    this.#length = 0
    this.#ends = []
    this.#endOfRib = []
  }

  /** One more message of any length is too much. */
  get full(): boolean {
    return this.#ends.length >= this.#most || this.#length + maxMessageLength > batchOctets
  }

  add(parts: UpdateParts): void {
    this.#ended(writeUpdate(this.#octets, this.#length, parts))
  }

  addEndOfRib(family: AddressFamily): void {
    const bytes = encodeUpdate(endOfRib(family), initialContext)
    this.#octets.set(bytes, this.#length)
    this.#endOfRib.push(family)
    this.#ended(this.#length + bytes.length)
  }

  end(): UpdateBatch {
    const octets = Buffer.allocUnsafeSlow(this.#length)
    octets.set(this.#octets.subarray(0, this.#length))
    return { octets, ends: this.#ends, endOfRib: this.#endOfRib }
  }

  #ended(at: number): void {
    this.#length = at
    this.#ends.push(at)
  }
}
