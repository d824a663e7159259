import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'

/** Where to listen: an address, or a socket that somebody else bound (in another network namespace). */
export type ListenTarget = { readonly host: string; readonly port: number } | { readonly fd: number }

export interface ServingCertificate {
  readonly cert: string
  readonly key: string
}

/** One listening socket with its connections. */
export class Listener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #refusing = false

  constructor(
    certificate: ServingCertificate,
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    this.#server = createServer({ cert: certificate.cert, key: certificate.key }, onRequest)
    // Watches are silent for long; a client that is gone is found out by the end of its watch.
    this.#server.requestTimeout = 0
    this.#server.keepAliveTimeout = 60_000
    this.#server.on('connection', (socket: Socket) => this.#accept(socket))
    // A connection that breaks during its handshake is its client's trouble.
    this.#server.on('tlsClientError', () => {})
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** @returns the port, 0 for an inherited socket that has none */
  listen(target: ListenTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(target, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  }

  /** While refusing, connections are reset: those that exist, and every new one. */
  refuse(on: boolean): void {
    this.#refusing = on
    if (on) this.#resetAll()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#resetAll()
    await closed
  }

  #accept(socket: Socket): void {
    socket.on('error', () => {})
    if (this.#refusing) {
      socket.resetAndDestroy()
      return
    }
    socket.setNoDelay(true)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}
