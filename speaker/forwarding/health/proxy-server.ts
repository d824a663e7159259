import type { Registry } from 'prom-client'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { ForwardingMetrics } from '../metrics.ts'
import {
  notFound,
  openHttp,
  plainText,
  type Answerer,
  type BindAddress,
  type HttpAnswer,
  type HttpListening,
} from './http.ts'
import { Listeners } from './listeners.ts'
import {
  HEALTH_TIMEOUT_MS,
  healthzAnswer,
  livezAnswer,
  type NodeState,
  type ProgrammingState,
} from './proxy-health.ts'

interface ProxyServerOptions {
  /** for the log */
  readonly what: string
  readonly at: BindAddress
  readonly clock: Clock
  readonly log: Logger
  readonly answer: Answerer
}

/** Load balancers ask there: when kube-proxy goes its port must not stay closed for long. */
const LONGEST_RETRY_MS = 5000

/**
 * An HTTP server at a well-known address. A taken port (a kube-proxy that is still there) is reported once, costs
 * nothing else, and is tried again quietly until it is free.
 */
export class ProxyServer {
  readonly #options: ProxyServerOptions
  readonly #listeners: Listeners
  #failed = false
  #listening: HttpListening | undefined

  constructor(options: ProxyServerOptions) {
    this.#options = options
    this.#listeners = new Listeners({
      clock: options.clock,
      longestRetryMs: LONGEST_RETRY_MS,
      onOpen: (at) => {
        if (this.#failed) options.log.info({ at }, `${options.what} server is open now`)
        this.#failed = false
      },
      onFailure: (at, error) => {
        if (!this.#failed)
          options.log.warn({ at, error: error.message }, `${options.what} server is not open`)
        this.#failed = true
      },
    })
  }

  start(): void {
    const { at, answer } = this.#options
    this.#listeners.want(`${at.host} ${at.port}`, async () => (this.#listening = await openHttp(at, answer)))
  }

  async stop(): Promise<void> {
    await this.#listeners.stop()
    this.#listening = undefined
  }

  /** The port that it listens on; undefined while it does not. */
  get port(): number | undefined {
    return this.#listening?.port
  }
}

export interface ProxyHealthServerOptions {
  readonly at: BindAddress
  readonly clock: Clock
  readonly log: Logger
  readonly programming: () => ProgrammingState
  /** undefined until the node is known; `missingNode` when it is gone */
  readonly node: () => NodeState | undefined
  readonly metrics?: Pick<ForwardingMetrics, 'proxyHealthz' | 'proxyLivez'>
  /** ms that a change may wait */
  readonly timeoutMs?: number
}

/** `/healthz` and `/livez`, for load balancers and liveness probes. */
export function proxyHealthServer(options: ProxyHealthServerOptions): ProxyServer {
  const { at, clock, log, metrics, timeoutMs = HEALTH_TIMEOUT_MS } = options
  const input = () => ({
    now: clock.now(),
    programming: options.programming(),
    node: options.node(),
    timeoutMs,
  })
  const counted = (
    counter: ForwardingMetrics['proxyHealthz'] | undefined,
    answer: HttpAnswer,
  ): HttpAnswer => {
    counter?.inc({ code: String(answer.code) })
    return answer
  }
  const answer = (path: string): HttpAnswer => {
    if (path === '/healthz') return counted(metrics?.proxyHealthz, healthzAnswer(input()))
    if (path === '/livez') return counted(metrics?.proxyLivez, livezAnswer(input()))
    return notFound
  }
  return new ProxyServer({ what: 'proxy health', at, clock, log, answer })
}

export interface ProxyMetricsServerOptions {
  readonly at: BindAddress
  readonly clock: Clock
  readonly log: Logger
  readonly registry: Registry
  /** see configz.ts */
  readonly configz: () => object
}

/** What kube-proxy shows on its metrics address: `/metrics`, `/healthz`, `/proxyMode`, `/configz`. */
export function proxyMetricsServer(options: ProxyMetricsServerOptions): ProxyServer {
  const { at, clock, log, registry } = options
  const text = (body: string): HttpAnswer => ({ code: 200, headers: plainText, body })
  const answer = async (path: string): Promise<HttpAnswer> => {
    switch (path) {
      case '/metrics':
        return {
          code: 200,
          headers: { 'Content-Type': registry.contentType },
          body: await registry.metrics(),
        }
      case '/healthz':
        return text('ok')
      case '/proxyMode':
        return text('nftables')
      case '/configz':
        return {
          code: 200,
          headers: { ...plainText, 'Content-Type': 'application/json' },
          body: JSON.stringify(options.configz()),
        }
      default:
        return notFound
    }
  }
  return new ProxyServer({ what: 'proxy metrics', at, clock, log, answer })
}
