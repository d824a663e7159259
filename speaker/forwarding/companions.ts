import type { Registry } from 'prom-client'
import type { Clock } from '#kube/clock.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import { ConntrackCleaner } from './conntrack/cleaner.ts'
import { KernelConntrackTable } from './conntrack/kernel-table.ts'
import type { Follower } from './follower.ts'
import { configz } from './health/configz.ts'
import type { BindAddress } from './health/http.ts'
import {
  HEALTH_TIMEOUT_MS,
  isProxyHealthy,
  type NodeState,
  type ProgrammingState,
} from './health/proxy-health.ts'
import { proxyHealthServer, proxyMetricsServer, type ProxyServer } from './health/proxy-server.ts'
import { BIND_FAILURE_REASON, healthAddresses } from './health/service-health.ts'
import { ServiceHealthServers } from './health/service-servers.ts'
import { LocalhostProxy } from './localhost/localhost-proxy.ts'
import type { ForwardingMetrics } from './metrics.ts'
import { NoLocalEndpoints } from './no-local-endpoints.ts'
import { SysctlKeeper } from './sysctl.ts'

/** Where kube-proxy's own servers listen; absent means not at all. */
export interface ProxyAddresses {
  /** `/healthz` and `/livez` for load balancers, kube-proxy's 0.0.0.0:10256 */
  readonly healthz?: BindAddress
  /** `/metrics` and `/proxyMode`, kube-proxy's 127.0.0.1:10249 */
  readonly metrics?: BindAddress
}

export interface CompanionsOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly config: ForwardingConfig
  readonly registry: Registry
  readonly metrics: ForwardingMetrics
  readonly events: EventRecorder
  readonly addresses: ProxyAddresses
  readonly node: string
  readonly programming: () => ProgrammingState
  /** undefined before it is known whether this Node exists */
  readonly ownNode: () => NodeState | undefined
}

/**
 * What kube-proxy does beside its rules: kernel settings, removal of stale conntrack entries, health servers, proxies
 * on loopback, servers for its own health and metrics. None of it while forwarding is off.
 */
export class Companions {
  readonly followers: readonly Follower[]
  readonly #health: ServiceHealthServers | undefined
  readonly #conntrack: ConntrackCleaner | undefined
  readonly #sysctls: SysctlKeeper | undefined
  readonly #servers: readonly ProxyServer[]
  #context: NodeContext | undefined
  #raised = false

  constructor(options: CompanionsOptions) {
    const { clock, log, config, registry, metrics, events, addresses, node, programming } = options
    if (config.mode === 'off') {
      this.followers = []
      this.#servers = []
      return
    }
    this.#health = new ServiceHealthServers({
      node,
      clock,
      log,
      addresses: () => (this.#context === undefined ? [] : healthAddresses(config, this.#context)),
      proxyHealthy: () => isProxyHealthy(programming(), clock.now(), HEALTH_TIMEOUT_MS),
      onBindFailure: ({ namespace, name, uid }, message) =>
        events.record(
          { apiVersion: 'v1', kind: 'Service', namespace, name, uid },
          'Warning',
          BIND_FAILURE_REASON,
          message,
        ),
    })
    this.#conntrack = new ConntrackCleaner({ table: new KernelConntrackTable(), clock, log, metrics })
    this.#sysctls = new SysctlKeeper(config, log)
    this.followers = [
      { programmed: () => this.#raiseAgain(), stop: async () => {} },
      this.#conntrack,
      this.#health,
      new NoLocalEndpoints(metrics.noLocalEndpoints),
      ...(config.localhostNodePorts ? [new LocalhostProxy({ clock, log, metrics })] : []),
    ]
    const { healthz, metrics: metricsAt } = addresses
    this.#servers = [
      ...(healthz === undefined
        ? []
        : [proxyHealthServer({ at: healthz, clock, log, metrics, programming, node: options.ownNode })]),
      ...(metricsAt === undefined
        ? []
        : [
            proxyMetricsServer({
              at: metricsAt,
              clock,
              log,
              registry,
              configz: () => configz(config, addresses),
            }),
          ]),
    ]
  }

  start(): void {
    for (const server of this.#servers) server.start()
  }

  /** To be called before the forwarder hears of it. */
  setNode(context: NodeContext): void {
    this.#context = context
    this.#sysctls?.raise(context)
    this.#conntrack?.setLocalAddresses(context.localAddresses)
    this.#health?.addressesChanged()
  }

  /** The rules bring conntrack with them: its settings may not have been there before. */
  #raiseAgain(): void {
    if (this.#raised || this.#context === undefined) return
    this.#raised = true
    this.#sysctls?.raise(this.#context)
  }

  /** Stops the servers; the followers stop with the forwarder. */
  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
  }
}
