import type { Family } from '#inet/address.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { keepEntry, type ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import type { Follower, ProgrammedService } from '../follower.ts'
import { familyLabel } from '../metrics.ts'
import { udpPortsOf, UdpFrontends } from './stale.ts'
import type { ConntrackTable } from './table.ts'

/** What prom-client's Histogram and Counter are; the label is `familyLabel`. */
export interface ConntrackMetrics {
  readonly conntrackSyncDuration: { observe(labels: FamilyLabel, seconds: number): void }
  readonly conntrackDeleted: { inc(labels: FamilyLabel, count: number): void }
}

type FamilyLabel = ReturnType<typeof familyLabel>

export interface ConntrackCleanerOptions {
  readonly table: ConntrackTable
  readonly clock: Clock
  readonly log: Logger
  readonly metrics?: ConntrackMetrics
}

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000
/** After a clean-up nothing is listed for this many times as long as it took: a large table costs a third at most. */
const REST = 2
/** What was sent to an address before its NodePorts were programmed is there by then. */
const ADDRESS_SETTLES_MS = 1000
/** Connections remembered from one listing; with more of them the table is listed again when these are gone. */
const MAX_STALE = 10_000
const MAX_LISTINGS = 100

/**
 * Deletes UDP connections that lead nowhere (see `stale.ts`), behind every transaction after which there may be some.
 * What changes meanwhile is one clean-up later on, for each family on its own; programming never waits for any of it.
 */
export class ConntrackCleaner implements Follower {
  readonly #options: ConntrackCleanerOptions
  readonly #frontends = new UdpFrontends()
  #local: ReadonlySet<string> = new Set()
  /** families to be cleaned up */
  readonly #due = new Set<Family>()
  /** families of addresses that have just come */
  readonly #settling = new Set<Family>()
  #timer: Timer | undefined
  #addressTimer: Timer | undefined
  #running: Promise<void> | undefined
  #notBefore = 0
  #failures = 0
  #stopped = false

  constructor(options: ConntrackCleanerOptions) {
    this.#options = options
  }

  /**
   * The first call, with every Service, leads to one clean-up of all: connections may have become stale while nobody
   * looked.
   */
  programmed(services: ReadonlyMap<string, ProgrammedService | undefined>): void {
    for (const [key, service] of services) {
      const ports = service === undefined ? [] : udpPortsOf(service)
      for (const family of this.#frontends.set(key, ports)) this.#due.add(family)
    }
    this.#schedule()
  }

  /** The addresses of this node, canonical text of both families: where a NodePort is one. */
  setLocalAddresses(addresses: readonly string[]): void {
    const added = addresses.filter((address) => !this.#local.has(address))
    this.#local = new Set(addresses)
    if (this.#stopped) return
    for (const address of added) {
      const family = address.includes(':') ? 6 : 4
      if (this.#frontends.hasNodePorts(family)) this.#settling.add(family)
    }
    if (this.#settling.size === 0) return
    this.#addressTimer ??= this.#options.clock.setTimeout(() => {
      this.#addressTimer = undefined
      for (const family of this.#settling) this.#due.add(family)
      this.#settling.clear()
      this.#schedule()
    }, ADDRESS_SETTLES_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#addressTimer?.cancel()
    await this.#running
    this.#options.table.close()
  }

  #schedule(): void {
    if (this.#stopped || this.#running !== undefined || this.#due.size === 0) return
    const { clock } = this.#options
    this.#timer ??= clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#running = this.#run()
      },
      Math.max(0, this.#notBefore - clock.now()),
    )
  }

  async #run(): Promise<void> {
    const { clock, log, metrics } = this.#options
    const from = clock.now()
    let last = from
    let failure: unknown
    const due = [...this.#due]
    this.#due.clear()
    for (const family of due) {
      try {
        await this.#clean(family)
      } catch (error) {
        failure ??= error
        this.#due.add(family)
      }
      const now = clock.now()
      metrics?.conntrackSyncDuration.observe(familyLabel(family), (now - last) / 1000)
      last = now
    }
    const took = last - from
    if (failure === undefined) {
      this.#failures = 0
      this.#notBefore = clock.now() + took * REST
    } else {
      const wait = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS)
      this.#notBefore = clock.now() + wait
      const fields = { error: String(failure), failures: this.#failures }
      if (!this.#stopped) log.warn(fields, 'stale UDP connections could not be removed')
    }
    this.#running = undefined
    this.#schedule()
  }

  async #clean(family: Family): Promise<void> {
    const { log, metrics } = this.#options
    for (let listing = 0; listing < MAX_LISTINGS && !this.#stopped; listing++) {
      const { stale, more } = await this.#find(family)
      const { deleted, failure } = await this.#delete(stale)
      if (deleted > 0) {
        metrics?.conntrackDeleted.inc(familyLabel(family), deleted)
        log.info({ family, deleted }, 'stale UDP connections removed')
      }
      if (failure !== undefined) throw failure.error
      if (!more) return
    }
  }

  async #find(family: Family): Promise<{ stale: ConntrackEntry[]; more: boolean }> {
    const stale: ConntrackEntry[] = []
    let more = false
    await this.#options.table.udpEntries(family, (entry) => {
      if (!this.#frontends.isStale(entry, this.#local)) return
      if (stale.length < MAX_STALE) stale.push(keepEntry(entry))
      else more = true
    })
    return { stale, more }
  }

  /** One that cannot be deleted keeps no other from it. */
  async #delete(
    entries: readonly ConntrackEntry[],
  ): Promise<{ deleted: number; failure?: { readonly error: unknown } }> {
    let deleted = 0
    let failure: { readonly error: unknown } | undefined
    for (const entry of entries) {
      // Its endpoint may serve by now.
      if (this.#stopped || !this.#frontends.isStale(entry, this.#local)) continue
      try {
        if (await this.#options.table.delete(entry)) deleted++
      } catch (error) {
        failure ??= { error }
      }
    }
    return failure === undefined ? { deleted } : { deleted, failure }
  }
}
