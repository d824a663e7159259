import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What a test does with one request. */
export type Script = (request: IncomingMessage & { body: string }, response: ServerResponse) => void

/** A server that does what a test tells it, and remembers what it was asked. */
export class TestServer {
  readonly #server: Server
  /** `GET /api/v1/nodes`, in order */
  readonly requests: string[] = []
  script: Script

  constructor(script: Script, tls?: ServerOptions) {
    this.script = script
    const listener: RequestListener = (request, response) => void this.#answer(request, response)
    this.#server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener)
    // A client that refuses our certificate is what some tests want.
    this.#server.on('tlsClientError', () => undefined)
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`)
    const parts: Buffer[] = []
    for await (const chunk of request) parts.push(chunk as Buffer)
    this.script(Object.assign(request, { body: Buffer.concat(parts).toString() }), response)
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
