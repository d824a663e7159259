import type { Socket } from 'node:net'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { Claims } from '#kube/claims.ts'
import type { Family } from '#inet/address.ts'
import type { Follower, ProgrammedService } from '../follower.ts'
import { Listeners } from '../health/listeners.ts'
import { familyLabel, type ForwardingMetrics } from '../metrics.ts'
import { Affinity, attempts, localPortsOf, loopback, type LocalPort } from './local-ports.ts'
import { openTcp, relay } from './relay.ts'

export interface LocalhostProxyOptions {
  readonly clock: Clock
  readonly log: Logger
  /** in [0, 1) */
  readonly random?: () => number
  readonly metrics?: Pick<
    ForwardingMetrics,
    'localhostListeners' | 'localhostListenerFailures' | 'localhostConnections' | 'localhostRefused'
  >
  /** endpoints that may be called, by their address; by default all but those on loopback */
  readonly callable?: (address: string) => boolean
  /** open connections over all ports */
  readonly maxConnections?: number
}

const MAX_CONNECTIONS = 4096

interface Offered {
  readonly created: string
  readonly ports: ReadonlyMap<string, LocalPort>
}

/**
 * NodePorts on 127.0.0.1 and ::1 (KEP-6032): a TCP proxy in this process, because the kernel forwards from loopback
 * only with `route_localnet`, which opens loopback services to the neighbourhood (CVE-2020-8558), and for IPv6 not at
 * all. UDP and SCTP are not offered. A connection that is established outlives its Service, as it does in the kernel.
 */
export class LocalhostProxy implements Follower {
  readonly #options: LocalhostProxyOptions
  readonly #offered = new Map<string, Offered>()
  /** two Services on one port: the older has it */
  readonly #ports = new Claims()
  readonly #affinities = new Map<string, Affinity>()
  readonly #connections = new Set<Socket>()
  readonly #listeners: Listeners

  constructor(options: LocalhostProxyOptions) {
    this.#options = options
    this.#listeners = new Listeners({
      clock: options.clock,
      onOpen: (key) => options.metrics?.localhostListeners.inc(familyLabel(familyOf(key))),
      onFailure: (key, error, failures) => this.#failed(key, error, failures),
    })
  }

  programmed(services: ReadonlyMap<string, ProgrammedService | undefined>): void {
    const touched = new Set<string>()
    for (const [service, one] of services) {
      const before = this.#offered.get(service)
      const offered = one ? localPortsOf(one, this.#options.callable) : []
      const ports = new Map(offered.map((port) => [keyOf(port), port]))
      if (before === undefined && ports.size === 0) continue
      const created = one?.service.creationTimestamp ?? before?.created ?? ''
      if (ports.size > 0) this.#offered.set(service, { created, ports })
      else this.#offered.delete(service)
      for (const key of [...(before?.ports.keys() ?? []), ...ports.keys()]) touched.add(key)
      this.#ports.set({ owner: service, created }, new Set(ports.keys()))
    }
    for (const key of touched) this.#reconcile(key)
  }

  async stop(): Promise<void> {
    await this.#listeners.stop()
    for (const client of this.#connections) client.destroy()
  }

  #reconcile(key: string): void {
    const offered = this.#localPort(key)
    if (offered?.affinityMs === undefined) this.#affinities.delete(key)
    else if (!this.#affinities.has(key)) this.#affinities.set(key, new Affinity())
    if (offered !== undefined) {
      const { family, port } = offered
      this.#listeners.want(key, () => openTcp(loopback[family], port, (client) => this.#accept(key, client)))
    } else if (this.#listeners.drop(key)) {
      this.#options.metrics?.localhostListeners.dec(familyLabel(familyOf(key)))
    }
  }

  #localPort(key: string): LocalPort | undefined {
    return this.#offered.get(this.#ports.holder(key) ?? '')?.ports.get(key)
  }

  #accept(key: string, client: Socket): void {
    const { metrics, maxConnections = MAX_CONNECTIONS } = this.#options
    if (this.#connections.size >= maxConnections) {
      metrics?.localhostRefused.inc({ reason: 'limit' })
      client.resetAndDestroy()
      return
    }
    this.#connections.add(client)
    metrics?.localhostConnections.inc()
    client.once('close', () => {
      this.#connections.delete(client)
      metrics?.localhostConnections.dec()
    })
    void this.#relay(key, client)
  }

  async #relay(key: string, client: Socket): Promise<void> {
    const { clock, metrics, random = Math.random } = this.#options
    const { targets = [], affinityMs = 0 } = this.#localPort(key) ?? {}
    const affinity = this.#affinities.get(key)
    const order = attempts(targets, affinity?.kept(targets, clock.now()), random)
    const served = await relay(client, order, (target) => affinity?.keep(target, clock.now() + affinityMs))
    if (!served) metrics?.localhostRefused.inc({ reason: 'unreachable' })
  }

  /** Logged once for each port; it is tried again until it can be opened. */
  #failed(key: string, error: Error, failures: number): void {
    const { log, metrics } = this.#options
    metrics?.localhostListenerFailures.inc(familyLabel(familyOf(key)))
    if (failures > 1) return
    log.warn({ service: this.#ports.holder(key), error: error.message }, 'NodePort is not open on loopback')
  }
}

const keyOf = ({ family, port }: LocalPort): string => `${family} ${port}`

const familyOf = (key: string): Family => (key.startsWith('4') ? 4 : 6)
