import { pointerTo, readWallClock, receiveMany } from './libc.ts'

/** `struct mmsghdr` of 64-bit machines: a `struct msghdr` (recvmsg(2)), and how much was received. */
const header = { size: 64, vector: 16, vectors: 24, control: 32, controlLength: 40, received: 56 } as const
/** `struct iovec`. */
const vector = { size: 16, length: 8 } as const
/** `struct cmsghdr` with a `struct timespec`, the only one that the kernel has reason to give. */
const control = { size: 32, seconds: 16, nanoseconds: 24 } as const

/**
 * Datagrams read many at a time (recvmmsg(2)), each with the time at which the kernel received it where the socket
 * says so (SO_TIMESTAMPNS). One batch serves all sockets of a thread in turn: what `receive` read is valid until the
 * next call of it.
 */
export class ReceiveBatch {
  readonly #capacity: number
  readonly #octets: number
  readonly #data: Buffer
  readonly #vectors: Buffer
  readonly #controls: Buffer
  readonly #headers: Buffer
  readonly #clock = Buffer.alloc(16)

  /** @param octets of the longest datagram; longer ones are cut */
  constructor(capacity: number, octets: number) {
    this.#capacity = capacity
    this.#octets = octets
    this.#data = Buffer.alloc(capacity * octets)
    this.#vectors = Buffer.alloc(capacity * vector.size)
    this.#controls = Buffer.alloc(capacity * control.size)
    this.#headers = Buffer.alloc(capacity * header.size)
    const at = {
      data: pointerTo(this.#data),
      vectors: pointerTo(this.#vectors),
      controls: pointerTo(this.#controls),
    }
    for (let index = 0; index < capacity; index++) {
      const [of, from] = [index * header.size, index * vector.size]
      this.#vectors.writeBigUInt64LE(at.data + BigInt(index * octets), from)
      this.#vectors.writeBigUInt64LE(BigInt(octets), from + vector.length)
      this.#headers.writeBigUInt64LE(at.vectors + BigInt(from), of + header.vector)
      this.#headers.writeBigUInt64LE(1n, of + header.vectors)
      this.#headers.writeBigUInt64LE(at.controls + BigInt(index * control.size), of + header.control)
    }
  }

  /** How many datagrams came, fewer than the capacity when there are no more for now; or minus the errno. */
  receive(fd: number): number {
    // The kernel has written over these what it used of them.
    for (let index = 0; index < this.#capacity; index++) {
      this.#headers[index * header.size + header.controlLength] = control.size
    }
    return receiveMany(fd, this.#headers, this.#capacity)
  }

  /** One of those that came. */
  datagram(index: number): Buffer {
    const length = this.#headers.readUInt32LE(index * header.size + header.received)
    const from = index * this.#octets
    return this.#data.subarray(from, from + Math.min(length, this.#octets))
  }

  /**
   * Microseconds from when the kernel received it until now, by the wall clock, which may have been set meanwhile;
   * NaN without SO_TIMESTAMPNS.
   */
  age(index: number): number {
    const of = index * header.size
    if (this.#headers[of + header.controlLength] !== control.size) return Number.NaN
    readWallClock(this.#clock)
    const stamp = index * control.size
    // Seconds less their upper half, which is 0 until 2106 and does not differ between the two.
    const seconds = this.#clock.readUInt32LE(0) - this.#controls.readUInt32LE(stamp + control.seconds)
    const rest = this.#clock.readUInt32LE(8) - this.#controls.readUInt32LE(stamp + control.nanoseconds)
    return seconds * 1e6 + rest / 1e3
  }
}
