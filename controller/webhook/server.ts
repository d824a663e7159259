import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from '#kube/logger.ts'

/** Answers one body; a text says why the body is no good. */
export type ReviewHandler = (body: unknown) => Promise<object | string>

export interface ReviewServerOptions {
  /** all addresses of both families when absent */
  readonly host?: string
  /** 0: any free one */
  readonly port: number
  readonly log: Logger
  /** by path */
  readonly handlers: ReadonlyMap<string, ReviewHandler>
  /** milliseconds that connections get to end when the server is stopped */
  readonly stopTimeout?: number
}

/** A list of BGPPeers to convert comes as one request; a review of two objects of the largest size has 3 MiB. */
const BODY_LIMIT = 16 * 1024 * 1024
/** All bodies together; the API server alone needs a fraction of it. */
const BODIES_LIMIT = 64 * 1024 * 1024
const CONNECTIONS = 200
const REQUEST_MS = 10_000
/** What was begun when the server is stopped may take so long; then its connection ends. */
const STOP_MS = 2_000

/** Serves reviews over TLS. The certificate can be replaced at any time; present connections keep theirs. */
export class ReviewServer {
  readonly #options: ReviewServerOptions
  readonly #server: Server
  /** the TCP connections: one that never ends its TLS handshake is no HTTP connection yet */
  readonly #sockets = new Set<Socket>()
  #inFlight = 0

  constructor(options: ReviewServerOptions) {
    this.#options = options
    this.#server = createServer(
      {
        minVersion: 'TLSv1.3',
        requestTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS / 2,
        // Longer than the API server keeps idle connections, so that it is never the server who closes one in use.
        keepAliveTimeout: 120_000,
      },
      (request, response) => void this.#answer(request, response),
    )
    this.#server.maxConnections = CONNECTIONS
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // Scanners and clients that do not trust us.
    this.#server.on('tlsClientError', (error) =>
      options.log.debug({ error: String(error) }, 'a TLS connection to the webhook failed'),
    )
  }

  /** From now on new connections get this certificate. @throws when the texts are no certificate and key */
  use({ cert, key }: { readonly cert: string; readonly key: string }): void {
    this.#server.setSecureContext({ cert, key, minVersion: 'TLSv1.3' })
  }

  /** @throws when the port cannot be had */
  async start(): Promise<void> {
    const { host, port } = this.#options
    this.#server.listen({ port, ...(host === undefined ? {} : { host }) })
    await once(this.#server, 'listening')
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Lets what was begun finish. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeIdleConnections()
    // A connection that is answered now, or is still in its handshake, would stay open as an idle one.
    const limit = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#options.stopTimeout ?? STOP_MS)
    await closed
    clearTimeout(limit)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log, handlers } = this.#options
    response.shouldKeepAlive &&= this.#server.listening
    // The API server adds ?timeout=10s.
    const [path] = (request.url ?? '').split('?')
    const handler = handlers.get(path)
    let held = 0
    try {
      if (handler === undefined) return send(response, 404, { message: 'no such path' })
      if (request.method !== 'POST') return send(response, 405, { message: 'only POST' })
      const parts: Buffer[] = []
      for await (const chunk of request as AsyncIterable<Buffer>) {
        held += chunk.length
        this.#inFlight += chunk.length
        if (held > BODY_LIMIT) return send(response, 413, { message: `more than ${BODY_LIMIT} octets` })
        if (this.#inFlight > BODIES_LIMIT) return send(response, 503, { message: 'too much at once' })
        parts.push(chunk)
      }
      const body = parse(Buffer.concat(parts))
      const answer = body === undefined ? 'the body is not JSON' : await handler(body)
      if (typeof answer === 'string') return send(response, 400, { message: answer })
      send(response, 200, answer)
    } catch (error) {
      // A client that goes away in the middle of its request needs no answer.
      if (request.errored !== null) return
      log.error({ err: error, path }, 'a review failed')
      send(response, 500, { message: 'internal error' })
    } finally {
      this.#inFlight -= held
    }
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return
  // What is left of a request that is refused is not read.
  const headers = status === 200 ? {} : { connection: 'close' }
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
