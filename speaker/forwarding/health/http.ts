import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Family } from '#inet/address.ts'
import type { Listening } from './listeners.ts'

/** Small HTTP servers for probes: one short answer a connection, and nothing that a client could hold on to. */

export interface BindAddress {
  /** an address; `0.0.0.0`, `::` and '' are every address of both families, as in Go */
  readonly host: string
  /** 0 lets the kernel choose */
  readonly port: number
}

export interface HttpAnswer {
  readonly code: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** From the path of a request (without its query), and the family of the address that was asked, to the answer. */
export type Answerer = (path: string, asked: Family) => HttpAnswer | Promise<HttpAnswer>

export interface HttpListening extends Listening {
  readonly port: number
}

/** A client that says or reads nothing for so long is cut off. */
const SILENCE_MS = 5000
const REQUEST_MS = 5000
const MAX_CONNECTIONS = 128
const MAX_HEADER_BYTES = 8192

/**
 * Opens a server; every connection is closed behind its answer.
 * @throws (rejects) Node's system errors of `listen`, such as EADDRINUSE
 */
export function openHttp(at: BindAddress, answer: Answerer): Promise<HttpListening> {
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => void respond(request, response, answer),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(SILENCE_MS)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: at.port, ...(everywhere(at.host) ? {} : { host: at.host }) }, () => {
      server.off('error', reject)
      // accept() may fail later for want of descriptors; the next connection is tried all the same.
      server.on('error', () => {})
      resolve({ port: portOf(server), close: () => close(server) })
    })
  })
}

/** Without a host Node listens on `::` for both families, or on 0.0.0.0 where IPv6 is off. */
const everywhere = (host: string): boolean => host === '' || host === '0.0.0.0' || host === '::'

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function respond(request: IncomingMessage, response: ServerResponse, answer: Answerer): Promise<void> {
  request.resume()
  const { code, headers, body } = await answerTo(request, answer)
  response.writeHead(code, {
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  })
  response.end(body)
}

async function answerTo(request: IncomingMessage, answer: Answerer): Promise<HttpAnswer> {
  try {
    return await answer((request.url ?? '/').split('?', 1)[0], familyOf(request))
  } catch (error) {
    return { code: 500, headers: plainText, body: `${String(error)}\n` }
  }
}

/** A socket for both families shows IPv4 as mapped addresses. */
const familyOf = ({ socket }: IncomingMessage): Family =>
  /^::(?!ffff:)|^[0-9a-f]+:/i.test(socket.localAddress ?? '') ? 6 : 4

export const plainText = {
  'Content-Type': 'text/plain; charset=utf-8',
  'X-Content-Type-Options': 'nosniff',
} as const

/** What Go's ServeMux says for a path that it does not know. */
export const notFound: HttpAnswer = { code: 404, headers: plainText, body: '404 page not found\n' }
