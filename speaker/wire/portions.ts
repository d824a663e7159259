import type { Connection, ConnectionError } from '#bgp-ts/connection.ts'
import type { Address } from '#inet/address.ts'

/** What a socket offers to whoever can take no more for now. */
interface Flow {
  pause(): void
  resume(): void
}

/** Octets that a session gets in one turn of the event loop: one message of the longest, or a hundred short ones. */
export const portion = 4096

/**
 * The same connection, whose octets come in portions with a turn of the event loop after each. When a peer sends all
 * its routes at once Node reads up to 2 MiB in one turn, which are tens of thousands of UPDATEs: whoever asks by ARP
 * meanwhile would wait for hundreds of milliseconds. What waits is bounded, since the socket is paused.
 */
export class PortionedConnection implements Connection {
  readonly #connection: Connection
  readonly #flow: Flow
  /** received and not handed on */
  #waiting: Uint8Array[] = []
  #data = (_chunk: Uint8Array) => {}
  #next: NodeJS.Immediate | undefined
  #paused = false
  #closed = false

  constructor(connection: Connection, flow: Flow) {
    this.#connection = connection
    this.#flow = flow
  }

  onOpen(listener: () => void): void {
    this.#connection.onOpen(listener)
  }

  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener
    this.#connection.onData((chunk) => {
      this.#waiting.push(chunk)
      if (this.#next === undefined) this.#handOn()
    })
  }

  onClose(listener: (error?: ConnectionError) => void): void {
    this.#connection.onClose((error) => {
      // The last words of the peer come before its end.
      while (this.#waiting.length > 0) this.#handOnePortion()
      this.#rest()
      if (!this.#closed) listener(error)
    })
  }

  onDrain(listener: () => void): void {
    this.#connection.onDrain(listener)
  }

  write(bytes: Uint8Array): boolean {
    return this.#connection.write(bytes)
  }

  close(): Promise<void> {
    this.#closed = true
    this.#waiting = []
    this.#rest()
    return this.#connection.close()
  }

  get localAddress(): Address | undefined {
    return this.#connection.localAddress
  }

  get remoteAddress(): Address | undefined {
    return this.#connection.remoteAddress
  }

  get linkLocalAddress(): Address | undefined {
    return this.#connection.linkLocalAddress
  }

  /** One portion now, and in the next turn the next one. */
  #handOn(): void {
    this.#handOnePortion()
    if (this.#closed) return
    this.#pause(this.#waiting.length > 0)
    this.#next = setImmediate(() => {
      this.#next = undefined
      if (this.#waiting.length > 0) this.#handOn()
    })
  }

  #handOnePortion(): void {
    const [chunk] = this.#waiting
    if (chunk.length <= portion) this.#waiting.shift()
    else this.#waiting[0] = chunk.subarray(portion)
    this.#data(chunk.subarray(0, portion))
  }

  #pause(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#flow.pause()
    else this.#flow.resume()
  }

  /** A socket that is being closed goes on reading, to its end. */
  #rest(): void {
    clearImmediate(this.#next)
    this.#next = undefined
    this.#pause(false)
  }
}
