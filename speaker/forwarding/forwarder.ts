import type { Clock, Timer } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { ChangeCounts } from './change-counts.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import type { Counters, Dataplane, ForeignChange } from './dataplane.ts'
import { applyTo } from './diff.ts'
import { EarlyAdoption } from './early-adoption.ts'
import type { Follower } from './follower.ts'
import { viewOf } from './forwarder-view.ts'
import { ProgrammingLatency } from './latency.ts'
import type { ForwardingMetrics, ResyncCause } from './metrics.ts'
import { countElements, emptyElements, type Elements, type MutableElements } from './model.ts'
import { OtherProxies } from './other-proxies.ts'
import { Planner } from './planner.ts'
import { ProgrammedServices } from './programmed-services.ts'
import { SyncRecord } from './sync-record.ts'
import type { ForwardingView } from './view.ts'

export interface ForwarderOptions {
  readonly dataplane: Dataplane
  readonly clock: Clock
  readonly config: ForwardingConfig
  readonly log: Logger
  readonly metrics?: ForwardingMetrics
  /** Services, by `namespace/name`, that became programmed or are not any more */
  readonly onProgrammed?: (services: readonly string[]) => void
  readonly followers?: readonly Follower[]
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 30_000

/**
 * Keeps a data plane as the Services want it. Handlers only note what changed; one loop plans, compares and applies,
 * one transaction at a time. After any failure nothing remembered is trusted: the elements are listed again.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #planner: Planner
  readonly #latency: ProgrammingLatency
  readonly #changes: ChangeCounts
  readonly #programmed: ProgrammedServices
  readonly #others: OtherProxies
  readonly #early: EarlyAdoption
  readonly #record = new SyncRecord()
  /** what the data plane held when it was last known */
  #actual: MutableElements = emptyElements()
  /** the elements must be listed before anything is compared with them */
  #adopt = true
  #watch: { close(): void } | undefined
  #timer: Timer | undefined
  /** for what has to be done although nothing changes */
  #laterTimer: Timer | undefined
  #running: Promise<void> | undefined
  #started = false
  #listed = false

  constructor(options: ForwarderOptions) {
    const { clock, config, dataplane, metrics } = options
    this.#options = options
    this.#planner = new Planner(config)
    this.#latency = new ProgrammingLatency(clock.now())
    this.#changes = new ChangeCounts(metrics)
    this.#programmed = new ProgrammedServices(this.#planner)
    this.#early = new EarlyAdoption(dataplane)
    this.#others = new OtherProxies({
      ...options,
      everSynced: () => this.#record.everSynced,
      verify: (by) => this.#verify(by),
      begin: () => this.sync(),
      onStandBy: () => options.onProgrammed?.([...this.#planner.known()]),
    })
    if (metrics !== undefined) metrics.readCounters = () => this.#counters()
  }

  /** Begins to work as soon as `allListed` was called and the node is known. */
  start(): void {
    this.#started = true
    if (this.#off) return
    this.#options.metrics?.resyncs.inc({ cause: 'start' })
    this.#watch = this.#options.dataplane.watch((change) => this.#onForeignChange(change))
    this.#others.start()
    this.#early.start()
    this.#schedule(0)
  }

  /** Stops working; what is in the data plane stays there and goes on forwarding. */
  async stop(): Promise<void> {
    this.#started = false
    this.#watch?.close()
    this.#timer?.cancel()
    this.#laterTimer?.cancel()
    this.#others.stop()
    await this.#early.done()
    await this.#running
    await Promise.all((this.#options.followers ?? []).map((follower) => follower.stop()))
    this.#options.dataplane.close()
  }

  /**
   * The first lists of Services and EndpointSlices are complete and were all handed over. Before that nothing is
   * programmed: what a half-read list does not name would be taken for gone.
   */
  allListed(): void {
    this.#listed = true
    this.#schedule(0)
  }

  setNode(node: NodeContext): void {
    this.#planner.setNode(node)
    this.#changed()
  }

  /** The Service and all its slices as they are now; undefined when it is gone. */
  setService(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    this.#planner.setService(key, service, slices)
    this.#latency.observe(key, service === undefined || this.#off ? undefined : slices)
    this.#changes.note(key, service, slices)
    this.#changed()
  }

  /** Brings the data plane up to date now; resolves when it is, or when the attempt failed (see `view`). */
  async sync(): Promise<void> {
    while (this.#running) await this.#running
    if (!this.#can) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#running = this.#run()
    await this.#running
  }

  /**
   * Packets to this Service are forwarded, refused or dropped as it wants: its frontends are in the data plane, or
   * are another proxy's to put there. With an address, in any text form: all of its frontends at that address, which
   * may have come later than the others.
   */
  isProgrammed(key: string, address?: string): boolean {
    return this.#off || this.#others.standingBy || this.#programmed.has(key, address)
  }

  /** How far behind programming is, for the health probes. */
  progress(): { readonly queuedSince: number | undefined; readonly lastSync: number } {
    const idle = this.#off || this.#others.standingBy
    const { queuedSince, lastSync } = this.#record
    return { queuedSince: idle ? undefined : queuedSince, lastSync }
  }

  /** What the data plane holds, for `trace`; nothing before the first listing. */
  elements(): Elements {
    return this.#actual
  }

  view(): ForwardingView {
    const { config, dataplane } = this.#options
    const { generation, lastSync, lastError, adopted } = this.#record
    const idle = this.#off || this.#others.standingBy
    return {
      mode: config.mode,
      synced: idle || (this.#record.healthy && !this.#planner.pending),
      generation,
      lastSync,
      ...(lastError === undefined ? {} : { lastError }),
      foreign: this.#others.found,
      reason: this.#off ? 'forwarding is off' : this.#others.reason,
      forwarding: !idle,
      ...(adopted === undefined ? {} : { adopted }),
      ...viewOf({
        planner: this.#planner,
        detector: config.detector,
        localhostNodePorts: config.localhostNodePorts,
        inDataplane: (key) => this.#off || this.#programmed.inDataplane(key),
        elements: () => this.#actual,
        list: () => dataplane.list(),
      }),
    }
  }

  /** Nothing is asked of a data plane that is not ours to use. */
  async #counters(): Promise<Counters> {
    const ours = this.#record.everSynced && this.#started
    return ours ? this.#options.dataplane.counters() : { escapes: 0, returned: 0 }
  }

  get #off(): boolean {
    return this.#options.config.mode === 'off'
  }

  get #can(): boolean {
    return this.#started && this.#listed && this.#planner.ready && !this.#off && !this.#others.standingBy
  }

  #changed(): void {
    this.#record.queued(this.#options.clock.now())
    this.#schedule(0)
  }

  #schedule(ms: number): void {
    if (!this.#can || this.#running) return
    this.#options.metrics?.lastQueued.set(this.#options.clock.now() / 1000)
    this.#timer ??= this.#options.clock.setTimeout(() => {
      this.#timer = undefined
      void this.sync()
    }, ms)
  }

  /** Nothing remembered is trusted any more: the next transaction begins with a listing. */
  #resync(cause: ResyncCause): void {
    this.#adopt = true
    this.#options.metrics?.resyncs.inc({ cause })
  }

  async #run(): Promise<void> {
    const { clock, log, metrics } = this.#options
    const from = clock.now()
    const full = this.#adopt
    this.#record.begin(from)
    try {
      await this.#synchronise()
      this.#record.failures = 0
      if (!this.#others.standingBy) metrics?.synced(full, (clock.now() - from) / 1000, clock.now())
    } catch (error) {
      this.#resync('failure')
      this.#record.failed(clock.now(), error)
      metrics?.syncFailures.inc()
      const { failures } = this.#record
      log.error({ error: String(error), failures }, 'forwarding could not be programmed')
    } finally {
      this.#running = undefined
      this.#record.end()
    }
    const { failures } = this.#record
    if (failures > 0) {
      this.#schedule(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS))
    } else if (this.#planner.pending) this.#schedule(0)
  }

  async #synchronise(): Promise<void> {
    const { dataplane, clock, log, metrics } = this.#options
    const full = this.#adopt
    if (full && (await this.#others.mustStandBy())) return
    const actual = full ? ((await this.#early.take()) ?? (await dataplane.adopt())) : this.#actual
    const found = full ? countElements(actual) : 0
    const changes = this.#changes.pending
    const inherited = full ? dataplane.inherited?.() : undefined
    const { operations, services, wanted } = this.#planner.operations(actual, full, inherited, clock.now())
    if (full) {
      const counts = { elements: found, operations: operations.length }
      log.info(counts, 'forwarding adopted what the kernel holds')
    }
    // Even without operations after an adoption: a program that had to be replaced waits for it.
    if (operations.length > 0 || full) await dataplane.apply(operations)
    if (wanted === undefined) applyTo(this.#actual, operations)
    else this.#actual = wanted
    this.#adopt = false
    this.#record.synced(clock.now(), found, operations.length)
    this.#changes.done(changes)
    this.#comeBack()
    metrics?.elements.set(countElements(this.#actual))
    metrics?.hashed(this.#planner.hashUsage())
    // After a failure the Services of the attempts before are among those that are programmed only now.
    const settled = full
      ? new Set([...services, ...this.#programmed.keys(), ...this.#planner.services()])
      : services
    for (const key of settled) {
      for (const at of this.#latency.take(key)) {
        metrics?.programmingDuration.observe(Math.max(0, clock.now() - at) / 1000)
      }
    }
    const changed = this.#programmed.settle(settled)
    if (changed.length > 0) this.#options.onProgrammed?.(changed)
    this.#tellFollowers(settled)
  }

  #comeBack(): void {
    const { clock } = this.#options
    const at = this.#planner.nextAt
    this.#laterTimer?.cancel()
    this.#laterTimer =
      at === undefined ? undefined : clock.setTimeout(() => this.#schedule(0), Math.max(0, at - clock.now()))
  }

  #tellFollowers(services: ReadonlySet<string>): void {
    const { followers = [] } = this.#options
    if (followers.length === 0 || services.size === 0) return
    const programmed = new Map([...services].map((key) => [key, this.#planner.programmed(key)]))
    for (const follower of followers) follower.programmed(programmed)
  }

  #onForeignChange(change: ForeignChange): void {
    if (change.ours) this.#early.spoil()
    this.#others.changed(change)
  }

  /** Another process changed what is ours, or may have: it is listed again. */
  async #verify(by: string): Promise<void> {
    while (this.#running) await this.#running
    const before = this.#record.generation
    this.#resync(by === '' ? 'overrun' : 'foreign change')
    await this.sync()
    if (this.#record.generation !== before && this.#record.failures === 0) {
      this.#options.log.warn({ by }, 'forwarding was changed by somebody else and has been put right')
    }
  }
}
