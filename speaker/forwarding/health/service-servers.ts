import type { Family } from '#inet/address.ts'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { Service } from '#kube/objects/service.ts'
import { Claims } from '#kube/claims.ts'
import type { Follower, ProgrammedService } from '../follower.ts'
import { openHttp } from './http.ts'
import { Listeners } from './listeners.ts'
import { bindFailureText, healthCheckAnswer, healthCheckOf, type HealthCheck } from './service-health.ts'

export interface ServiceHealthServersOptions {
  /** the name of this node */
  readonly node: string
  readonly clock: Clock
  readonly log: Logger
  /** where to listen: addresses of this node; [] is everywhere */
  readonly addresses: () => readonly string[]
  /** forwarding as a whole keeps up; without that no Service is healthy here */
  readonly proxyHealthy: () => boolean
  /** a Warning Event `FailedToStartServiceHealthcheck` on the Service is due */
  readonly onBindFailure: (service: Service, message: string) => void
}

/**
 * One HTTP server for each health check node port. What it answers is looked up when it is asked, so a change of
 * endpoints opens and closes nothing.
 */
export class ServiceHealthServers implements Follower {
  readonly #options: ServiceHealthServersOptions
  readonly #checks = new Map<string, HealthCheck>()
  /** two Services on one port: the older has it */
  readonly #ports = new Claims()
  /** port -> the addresses at which it is wanted */
  readonly #wanted = new Map<number, readonly string[]>()
  /** Service -> what its owner was told about another Service that has its port */
  readonly #refused = new Map<string, string>()
  readonly #listeners: Listeners

  constructor(options: ServiceHealthServersOptions) {
    this.#options = options
    this.#listeners = new Listeners({
      clock: options.clock,
      onFailure: (key, error) => this.#failed(portOf(key), error),
    })
  }

  programmed(services: ReadonlyMap<string, ProgrammedService | undefined>): void {
    const looked = new Set<string>()
    const ports = new Set<number>()
    for (const [key, one] of services) {
      const before = this.#checks.get(key)
      const now = one && healthCheckOf(one, this.#options.node)
      if (before === undefined && now === undefined) continue
      if (now) this.#checks.set(key, now)
      else this.#checks.delete(key)
      looked.add(key)
      for (const check of [before, now]) if (check) ports.add(check.port)
      const created = (now ?? before)?.service.creationTimestamp ?? ''
      const claims = new Set(now ? [String(now.port)] : [])
      for (const other of this.#ports.set({ owner: key, created }, claims)) looked.add(other)
    }
    for (const port of ports) this.#reconcile(port)
    for (const key of looked) this.#tellRefused(key)
  }

  /** The addresses of the node changed. */
  addressesChanged(): void {
    for (const port of this.#wanted.keys()) this.#reconcile(port)
  }

  async stop(): Promise<void> {
    this.#wanted.clear()
    await this.#listeners.stop()
  }

  #reconcile(port: number): void {
    const held = this.#ports.holder(String(port)) !== undefined
    const { addresses } = this.#options
    const before = this.#wanted.get(port) ?? []
    const now = held ? listenAddresses(addresses()) : []
    for (const address of before) if (!now.includes(address)) this.#listeners.drop(keyOf(port, address))
    for (const host of now) {
      this.#listeners.want(keyOf(port, host), () =>
        openHttp({ host, port }, (_path, family) => this.#answer(port, family)),
      )
    }
    if (now.length > 0) this.#wanted.set(port, now)
    else this.#wanted.delete(port)
  }

  #answer(port: number, asked: Family) {
    return healthCheckAnswer(this.#holder(port), this.#options.proxyHealthy(), asked)
  }

  #holder(port: number): HealthCheck | undefined {
    return this.#checks.get(this.#ports.holder(String(port)) ?? '')
  }

  /** Said again at each attempt: Events are merged, and forgotten after an hour. */
  #failed(port: number, error: Error): void {
    const check = this.#holder(port)
    if (check) this.#report(check, error.message)
  }

  #tellRefused(key: string): void {
    const check = this.#checks.get(key)
    const holder = check && this.#ports.holder(String(check.port))
    if (check === undefined || holder === key) return void this.#refused.delete(key)
    const reason = `it belongs to the older Service ${holder}`
    if (this.#refused.get(key) === `${check.port} ${reason}`) return
    this.#refused.set(key, `${check.port} ${reason}`)
    this.#report(check, reason)
  }

  #report({ service, port }: HealthCheck, reason: string): void {
    const { node, log, onBindFailure } = this.#options
    const key = `${service.namespace}/${service.name}`
    log.warn({ service: key, port, reason }, 'health check node port is not open')
    onBindFailure(service, bindFailureText(node, key, port, reason))
  }
}

/** '' is everywhere. */
const listenAddresses = (addresses: readonly string[]): readonly string[] =>
  addresses.length === 0 ? [''] : [...new Set(addresses)]

const keyOf = (port: number, address: string): string => `${port} ${address}`

const portOf = (key: string): number => Number(key.slice(0, key.indexOf(' ')))
