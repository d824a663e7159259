import { createSocket, type Socket } from 'node:dgram'

/**
 * Membership of solicited-node groups on one interface. The kernel keeps it while the socket is open, tells MLD
 * snooping switches (RFC 3810) and lets the interface take the frames in; the frames themselves are read elsewhere.
 */
export class GroupSocket {
  readonly #interfaceName: string
  readonly #onError: (error: Error) => void
  readonly #socket: Socket
  readonly #wanted = new Set<string>()
  #bound = false
  #closed = false

  constructor(interfaceName: string, onError: (error: Error) => void) {
    this.#interfaceName = interfaceName
    this.#onError = onError
    this.#socket = createSocket({ type: 'udp6', ipv6Only: true })
    this.#socket.on('error', onError)
  }

  start(): void {
    this.#socket.bind({ port: 0, address: '::', exclusive: true }, () => {
      this.#bound = true
      for (const group of this.#wanted) this.#try(() => this.#join(group))
    })
  }

  join(group: string): void {
    if (this.#wanted.has(group)) return
    this.#wanted.add(group)
    if (this.#bound) this.#try(() => this.#join(group))
  }

  leave(group: string): void {
    if (!this.#wanted.delete(group) || !this.#bound) return
    this.#try(() => this.#socket.dropMembership(group, `::%${this.#interfaceName}`))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#bound = false
    this.#socket.close()
  }

  #join(group: string): void {
    this.#socket.addMembership(group, `::%${this.#interfaceName}`)
  }

  #try(change: () => void): void {
    try {
      change()
    } catch (error) {
      this.#onError(error as Error)
    }
  }
}
