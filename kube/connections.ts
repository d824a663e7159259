import type { buildConnector as BuildConnector, Dispatcher } from 'undici'
// The parts of undici that are needed. `import 'undici'` also loads fetch, WebSocket, caches and mocks: 13 MB and 35 ms
// more, see docs/decisions/0001-kubeconfig-loading.md.
import request from 'undici/lib/api/api-request.js'
import buildConnector from 'undici/lib/core/connect.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import type { TlsMaterial } from './credentials.ts'
import { Exchange } from './exchange.ts'

export type Answer = Dispatcher.ResponseData

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** with query */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

// Time limits are the caller's; a quiet watch is not an error.
const noLimits = { headersTimeout: 0, bodyTimeout: 0 } as const

const CONNECT_TIMEOUT_MS = 10_000
/** Idle time after which TCP asks whether the peer still lives; it gives up about 10 s later. */
const KEEP_ALIVE_MS = 15_000
const IDLE_MS = 30_000
const REQUEST_CONNECTIONS = 8
/** One a watch; more watches than this wait for each other. */
const WATCH_CONNECTIONS = 64

/** HTTP/1.1 connections to one server, those of watches apart so that they cannot starve requests. */
export class Connections {
  readonly #origin: string
  readonly #tls: () => Promise<TlsMaterial>
  #requests: Pool
  #watches: Pool

  constructor(origin: string, tls: () => Promise<TlsMaterial>) {
    this.#origin = origin
    this.#tls = tls
    this.#requests = this.#pool(REQUEST_CONNECTIONS)
    this.#watches = this.#pool(WATCH_CONNECTIONS)
  }

  /** Begins a request; its time limit is the caller's, by `cancel`. */
  request(call: Call): Exchange {
    const exchange = new Exchange()
    this.#requests.dispatch({ ...call, ...noLimits }, exchange)
    return exchange
  }

  /** Resolves when an answer begins to come; its time limit is the caller's, by signal. */
  watch(call: Call, signal: AbortSignal): Promise<Answer> {
    return request.call(this.#watches, { ...call, ...noLimits, signal })
  }

  /** New connections from here on, for instance with another client certificate; running requests go on. */
  renew(): void {
    void this.#requests.close()
    void this.#watches.close()
    this.#requests = this.#pool(REQUEST_CONNECTIONS)
    this.#watches = this.#pool(WATCH_CONNECTIONS)
  }

  async close(): Promise<void> {
    await Promise.all([this.#requests.destroy(), this.#watches.destroy()])
  }

  #pool(connections: number): Pool {
    const connect: BuildConnector.connector = (options, callback) => {
      // Read for each connection: certificates and CA files rotate.
      this.#tls().then(
        (tls) => {
          const limits = { timeout: CONNECT_TIMEOUT_MS, keepAliveInitialDelay: KEEP_ALIVE_MS }
          buildConnector({ ...tls, ...limits, allowH2: false })(options, callback)
        },
        (error: Error) => callback(error, null),
      )
    }
    return new Pool(this.#origin, {
      connections,
      connect,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
    })
  }
}
