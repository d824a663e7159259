import type { Socket } from 'node:dgram'

export interface BfdSenderOptions {
  readonly port: number
  /** with a zone if it is link-local */
  readonly to: string
  readonly onError: (error: Error) => void
  readonly onRefused: () => void
}

/** What the kernel says of a connected socket when ICMP has told it that the port is closed. */
const refused = 'ECONNREFUSED'

/**
 * Sends the packets of one session. The socket is connected as soon as there is a route: only so does the kernel tell
 * it that the peer's machine has answered "port unreachable", which means that the process there has ended.
 */
export class BfdSender {
  readonly #socket: Socket
  readonly #options: BfdSenderOptions
  #connection: 'none' | 'begun' | 'there' = 'none'
  /** what is to go out when the socket is connected */
  #waiting: Uint8Array[] = []
  #open = true

  constructor(socket: Socket, options: BfdSenderOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('error', (error) => this.#failed(error))
  }

  send(payload: Uint8Array): void {
    if (this.#connection === 'begun') this.#waiting.push(payload)
    else if (this.#connection === 'there') this.#sendConnected(payload)
    else this.#sendTo(payload)
  }

  close(): void {
    this.#open = false
    this.#socket.close()
  }

  #sendTo(payload: Uint8Array): void {
    const { port, to } = this.#options
    this.#socket.send(payload, port, to, (error) => {
      if (error !== null) return this.#failed(error)
      if (this.#open && this.#connection === 'none') this.#connect()
    })
  }

  #connect(): void {
    this.#connection = 'begun'
    const { port, to } = this.#options
    this.#socket.connect(port, to, (error?: Error) => {
      if (!this.#open) return
      this.#connection = error === undefined ? 'there' : 'none'
      for (const payload of this.#waiting.splice(0)) this.send(payload)
    })
  }

  /** The answer to an earlier packet makes the kernel refuse one packet: that one is sent again. */
  #sendConnected(payload: Uint8Array, again = false): void {
    this.#socket.send(payload, (error) => {
      if (error === null) return
      this.#failed(error)
      if (this.#open && !again && isRefusal(error)) this.#sendConnected(payload, true)
    })
  }

  #failed(error: Error): void {
    if (!this.#open) return
    if (isRefusal(error)) this.#options.onRefused()
    else this.#options.onError(error)
  }
}

const isRefusal = (error: Error): boolean => (error as NodeJS.ErrnoException).code === refused
