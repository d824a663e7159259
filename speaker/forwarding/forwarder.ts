import { formatAddress, tryParseAddress } from '#inet/address.ts'
import type { Clock, Timer } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { forwardingDecision, type ForwardingDecision } from './coexistence.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import type { Dataplane, ForeignChange } from './dataplane.ts'
import { applyTo } from './diff.ts'
import type { Follower } from './follower.ts'
import { ProgrammingLatency } from './latency.ts'
import type { ForwardingMetrics, ResyncCause } from './metrics.ts'
import { copyElements, countElements, emptyElements, type Elements, type MutableElements } from './model.ts'
import { Planner } from './planner.ts'
import { serviceView } from './service-view.ts'
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
/** After somebody else's transaction, and while another proxy is in the way, things are listed: this often only. */
const VERIFY_MS = 10_000
/** But one that is named, after a quiet time, at once: a rule set that was flushed forwards nothing. */
const AT_ONCE_MS = 100
/** While ours stays out, a change may mean that the other proxy is going: every moment without a forwarder counts. */
const STAND_BY_MS = 1000
/** Listing the chains of a large proxy takes a while: at most a twentieth of the time goes into it. */
const LOOK_REST = 20
/** Some proxies come without a word: legacy iptables and ipvs tell nobody. */
const LOOK_MS = 60_000
/** Another proxy forwards the Service: there is nothing of ours that its announcement could wait for. */
const ELSEWHERE = 'elsewhere'

/**
 * Keeps a data plane as the Services want it. Handlers only note what changed; one loop plans, compares and applies,
 * one transaction at a time. After any failure nothing remembered is trusted: the elements are listed again.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #planner: Planner
  readonly #latency: ProgrammingLatency
  /** Service -> the addresses whose frontends are all in the data plane, or that another proxy has them */
  readonly #programmed = new Map<string, ReadonlySet<string> | typeof ELSEWHERE>()
  /** what the data plane held when it was last known */
  #actual: MutableElements = emptyElements()
  /** the elements must be listed before anything is compared with them */
  #adopt = true
  #everSynced = false
  /** another proxy is in the way */
  #standingBy = false
  /** what a person should know about why forwarding is done or is not */
  #reason = ''
  /** when the oldest change that is not programmed was noted */
  #queuedSince: number | undefined
  /** the same for the changes of the transaction that is under way */
  #inFlightSince: number | undefined
  #watch: { close(): void } | undefined
  #timer: Timer | undefined
  #verifyTimer: Timer | undefined
  #verifyAt = 0
  /** how long the last look for other proxies took */
  #lookMs = 0
  #verifiedAt = -Infinity
  /** what the timer is for */
  #suspected: ForeignChange | undefined
  #running: Promise<void> | undefined
  #started = false
  #listed = false
  #failures = 0
  #generation = 0
  #lastSync = 0
  #adopted: boolean | undefined
  #lastError: { at: number; text: string } | undefined
  #foreign = ''
  #serviceChanges = 0
  #endpointChanges = 0

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#planner = new Planner(options.config)
    this.#latency = new ProgrammingLatency(options.clock.now())
    if (options.metrics !== undefined) options.metrics.countEscapes = () => this.#escapes()
  }

  /** Begins to work as soon as `allListed` was called and the node is known. */
  start(): void {
    this.#started = true
    if (this.#off) return
    this.#options.metrics?.resyncs.inc({ cause: 'start' })
    this.#watch = this.#options.dataplane.watch((change) =>
      this.#suspect(
        change,
        this.#standingBy ? Math.max(STAND_BY_MS, this.#lookMs * LOOK_REST) : this.#patience(change),
      ),
    )
    this.#lookLater()
    this.#schedule(0)
  }

  /** Stops working; what is in the data plane stays there and goes on forwarding. */
  async stop(): Promise<void> {
    this.#started = false
    this.#watch?.close()
    this.#timer?.cancel()
    this.#verifyTimer?.cancel()
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
    this.#countChange(key, service, slices)
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
    const programmed = this.#programmed.get(key)
    if (this.#off || this.#standingBy || programmed === ELSEWHERE) return true
    return (
      programmed !== undefined &&
      (address === undefined || programmed.has(address) || programmed.has(canonical(address)))
    )
  }

  /** How far behind programming is, for the health probes. */
  progress(): { readonly queuedSince: number | undefined; readonly lastSync: number } {
    const idle = this.#off || this.#standingBy
    const queuedSince = this.#inFlightSince ?? this.#queuedSince
    return { queuedSince: idle ? undefined : queuedSince, lastSync: this.#lastSync }
  }

  /** What the data plane holds, for `trace`; nothing before the first listing. */
  elements(): Elements {
    return this.#actual
  }

  view(): ForwardingView {
    const planner = this.#planner
    // Here the word is about the data plane only: what another proxy does is not known.
    const inDataplane = (key: string) =>
      this.#off || (this.#programmed.has(key) && this.#programmed.get(key) !== ELSEWHERE)
    const one = (key: string) => serviceView(planner, key, inDataplane(key))
    return {
      mode: this.#options.config.mode,
      synced: this.#off || this.#standingBy || (this.#everSynced && this.#failures === 0 && !planner.pending),
      generation: this.#generation,
      lastSync: this.#lastSync,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      foreign: this.#foreign,
      reason: this.#off ? 'forwarding is off' : this.#reason,
      forwarding: !this.#off && !this.#standingBy,
      ...(this.#adopted === undefined ? {} : { adopted: this.#adopted }),
      *services() {
        for (const key of planner.services()) {
          const view = one(key)
          if (view) yield view
        }
      },
      service: one,
      inspection: {
        node: planner.node,
        detector: this.#options.config.detector,
        elements: () => this.#actual,
        services: () => planner.services(),
        programmed: inDataplane,
        problems: (key) => planner.problems(key),
        desired: () => planner.desired(),
        desiredOf: (key) => planner.desiredOf(key),
        holder: (family, frontend) => planner.holder(family, frontend),
        list: () => this.#options.dataplane.list(),
      },
    }
  }

  /** Nothing is asked of a data plane that is not ours to use. */
  async #escapes(): Promise<number> {
    return this.#everSynced && this.#started ? (await this.#options.dataplane.counters()).escapes : 0
  }

  get #off(): boolean {
    return this.#options.config.mode === 'off'
  }

  get #can(): boolean {
    return this.#started && this.#listed && this.#planner.ready && !this.#off && !this.#standingBy
  }

  #changed(): void {
    this.#queuedSince ??= this.#options.clock.now()
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
    this.#inFlightSince = this.#queuedSince ?? from
    this.#queuedSince = undefined
    try {
      await this.#synchronise()
      this.#failures = 0
      if (!this.#standingBy) metrics?.synced(full, (clock.now() - from) / 1000, clock.now())
    } catch (error) {
      this.#resync('failure')
      this.#failures++
      this.#queuedSince = this.#inFlightSince
      this.#lastError = { at: clock.now(), text: String(error) }
      metrics?.syncFailures.inc()
      log.error({ error: String(error), failures: this.#failures }, 'forwarding could not be programmed')
    } finally {
      this.#running = undefined
      this.#inFlightSince = undefined
    }
    if (this.#failures > 0) {
      this.#schedule(Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS))
    } else if (this.#planner.pending) this.#schedule(0)
  }

  async #synchronise(): Promise<void> {
    const { dataplane, clock, log, metrics } = this.#options
    const full = this.#adopt
    if (full) {
      await this.#lookForOthers()
      if (await this.#mustStandBy()) return
      this.#actual = copyElements(await dataplane.adopt())
    }
    const actual = this.#actual
    const found = full ? countElements(actual) : 0
    const endpointChanges = this.#endpointChanges
    const serviceChanges = this.#serviceChanges
    const inherited = full ? dataplane.inherited?.() : undefined
    const { operations, services } = this.#planner.operations(actual, full, inherited)
    if (full) {
      const counts = { elements: found, operations: operations.length }
      log.info(counts, 'forwarding adopted what the kernel holds')
    }
    // Even without operations after an adoption: a program that had to be replaced waits for it.
    if (operations.length > 0 || full) await dataplane.apply(operations)
    applyTo(actual, operations)
    this.#adopt = false
    this.#everSynced = true
    this.#adopted ??= found > 0
    if (operations.length > 0) this.#generation++
    this.#lastSync = clock.now()
    this.#lastError = undefined
    this.#endpointChanges -= endpointChanges
    this.#serviceChanges -= serviceChanges
    metrics?.endpointChangesPending.set(this.#endpointChanges)
    metrics?.serviceChangesPending.set(this.#serviceChanges)
    metrics?.elements.set(countElements(actual))
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
    this.#tellProgrammed(settled)
    this.#tellFollowers(settled)
  }

  #tellProgrammed(services: ReadonlySet<string>): void {
    const changed: string[] = []
    for (const key of services) {
      const before = this.#programmed.get(key)
      const now = this.#programmedAddresses(key)
      if (same(before, now)) continue
      if (now === undefined) this.#programmed.delete(key)
      else this.#programmed.set(key, now)
      changed.push(key)
    }
    if (changed.length > 0) this.#options.onProgrammed?.(changed)
  }

  #tellFollowers(services: ReadonlySet<string>): void {
    const { followers = [] } = this.#options
    if (followers.length === 0 || services.size === 0) return
    const programmed = new Map([...services].map((key) => [key, this.#planner.programmed(key)]))
    for (const follower of followers) follower.programmed(programmed)
  }

  /** undefined: no frontend of the Service is in the data plane */
  #programmedAddresses(key: string): ReadonlySet<string> | typeof ELSEWHERE | undefined {
    const plan = this.#planner.plan(key)
    if (plan?.skipped === 'other proxy') return ELSEWHERE
    const frontends = plan?.frontends ?? []
    const conflicts = this.#planner.conflicts(key)
    if (frontends.length <= conflicts.length) return undefined
    const addresses = new Set(frontends.map(({ address }) => address))
    for (const { frontend } of conflicts) addresses.delete(frontend.address)
    return addresses
  }

  /**
   * Another process changed the rule set: what it changed is listed again, not more often than every few seconds.
   * That is ours, or else what others have put there, among which may be another proxy now.
   */
  #suspect(change: ForeignChange, within = VERIFY_MS): void {
    if (!this.#started) return
    if (this.#suspected === undefined || (change.ours && !this.#suspected.ours)) this.#suspected = change
    const { clock } = this.#options
    const at = clock.now() + within
    if (this.#verifyTimer !== undefined && this.#verifyAt <= at) return
    this.#verifyTimer?.cancel()
    this.#verifyAt = at
    this.#verifyTimer = clock.setTimeout(() => {
      const { by, ours } = this.#suspected as ForeignChange
      this.#verifyTimer = undefined
      this.#suspected = undefined
      if (ours) void this.#verify(by)
      else void this.#lookAgain()
    }, within)
  }

  #patience({ by, ours }: ForeignChange): number {
    const since = this.#options.clock.now() - this.#verifiedAt
    return ours && by !== '' ? Math.max(AT_ONCE_MS, VERIFY_MS - since) : VERIFY_MS
  }

  async #verify(by: string): Promise<void> {
    this.#verifiedAt = this.#options.clock.now()
    while (this.#running) await this.#running
    const before = this.#generation
    this.#resync(by === '' ? 'overrun' : 'foreign change')
    await this.sync()
    if (this.#generation !== before && this.#failures === 0) {
      this.#options.log.warn({ by }, 'forwarding was changed by somebody else and has been put right')
    }
    this.#lookLater()
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#lookForOthers()
      if (this.#standingBy) await this.#reconsider()
      else await this.#decide()
    } catch (error) {
      if (this.#started)
        this.#options.log.warn({ error: String(error) }, 'cannot look for other service proxies')
    }
    this.#lookLater()
  }

  #lookLater(): void {
    this.#suspect({ by: '', ours: false }, this.#standingBy ? VERIFY_MS : LOOK_MS)
  }

  /** Another proxy is in the way: ours stays out, the addresses are announced all the same, and it is looked again. */
  async #mustStandBy(): Promise<boolean> {
    const { forward, reason } = await this.#decide()
    if (forward) return false
    this.#options.log.warn({ reason }, 'forwarding stays off')
    this.#standingBy = true
    this.#lookLater()
    this.#options.onProgrammed?.([...this.#planner.known()])
    return true
  }

  /** The other proxy may be gone, or yet another one there. */
  async #reconsider(): Promise<void> {
    const { forward } = await this.#decide()
    if (!forward) return
    this.#options.log.info({}, 'no other service proxy is left: forwarding begins')
    this.#standingBy = false
    await this.sync()
    this.#options.onProgrammed?.([...this.#planner.known()])
  }

  async #decide(): Promise<ForwardingDecision> {
    const { config, dataplane } = this.#options
    const decision = forwardingDecision({
      mode: config.mode,
      forced: config.force,
      foreign: this.#foreign,
      everProgrammed: this.#everSynced || (this.#foreign !== '' && (await dataplane.installed())),
    })
    this.#reason = decision.reason
    return decision
  }

  async #lookForOthers(): Promise<void> {
    const { clock, dataplane } = this.#options
    const from = clock.now()
    const foreign = await dataplane.foreign()
    this.#lookMs = clock.now() - from
    if (foreign !== this.#foreign && foreign !== '') {
      this.#options.log.warn({ foreign }, 'another service proxy is at work on this node')
    }
    this.#foreign = foreign
  }

  #countChange(key: string, service: Service | undefined, slices: readonly EndpointSlice[]): void {
    const { metrics } = this.#options
    const text = service?.resourceVersion
    if (this.#versions.get(key) === text && text !== undefined) {
      this.#endpointChanges++
      metrics?.endpointChanges.inc()
      metrics?.endpointChangesPending.set(this.#endpointChanges)
    } else {
      this.#serviceChanges++
      metrics?.serviceChanges.inc()
      metrics?.serviceChangesPending.set(this.#serviceChanges)
      if (slices.length > 0) {
        this.#endpointChanges++
        metrics?.endpointChanges.inc()
        metrics?.endpointChangesPending.set(this.#endpointChanges)
      }
    }
    if (text === undefined) this.#versions.delete(key)
    else this.#versions.set(key, text)
  }

  /** resourceVersions of the Services, to tell their changes from those of their slices */
  readonly #versions = new Map<string, string>()
}

const canonical = (text: string): string => {
  const address = tryParseAddress(text)
  return address === undefined ? text : formatAddress(address)
}

type Programmed = ReadonlySet<string> | typeof ELSEWHERE | undefined

const same = (a: Programmed, b: Programmed): boolean =>
  a === b ||
  (typeof a === 'object' && typeof b === 'object' && a.size === b.size && [...a].every((one) => b.has(one)))
