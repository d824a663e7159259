import type { Config } from '#crds/config.ts'
import { keyOf } from '#kube/api.ts'
import { EventRecorder } from '#kube/events.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Outcome } from '#kube/work-queue.ts'
import { ConcernedServices, concernsUs } from './concerned-services.ts'
import { FOREIGN_CLASS_DELAY_MS } from './foreign-class.ts'
import { freshLists } from './fresh-lists.ts'
import { FrontendIndex } from './frontends.ts'
import { Inputs } from './inputs.ts'
import { notNow } from './leadership.ts'
import { ControllerMetrics } from './metrics.ts'
import { conflictsIn } from './pool-status.ts'
import { makeQueues, type Queues } from './queues.ts'
import { makeReconcilers, type ControllerOptions, type Reconcilers } from './reconcilers.ts'
import type { ReservationObject } from './reservation.ts'
import { Session } from './session.ts'
import { ANNOUNCED } from './status-patch.ts'

/** People wait for the first announcement of a Service; for later changes many nodes share one write. */
const FIRST_ANNOUNCEMENT_DELAY_MS = 300
const ANNOUNCEMENT_DELAY_MS = 1000
const POOL_STATUS_DELAY_MS = 1000
/** Between looks at a ConfigurationState that somebody else writes to. */
const CONFIG_STATE_DELAY_MS = 1000

/**
 * The edge: what is observed marks keys as dirty, and queues bring each key to its reconciler. Nothing is written
 * unless this replica leads, all first lists are complete, and the addresses that Services have are registered.
 */
export class Controller {
  readonly inputs: Inputs
  readonly metrics: ControllerMetrics
  readonly #options: ControllerOptions
  readonly #events: EventRecorder
  readonly #reconcilers: Reconcilers
  readonly #queues: Queues
  readonly #concerned = new ConcernedServices()
  readonly #frontends = new FrontendIndex()
  /** pools that another one displaced */
  #conflicts: ReadonlyMap<string, string> = new Map()
  #session: Session<ReservationObject> | undefined
  /** counts changes of leadership */
  #term = 0
  /** what was last said about leadership; a Lease may be late without it having changed */
  #leading = false

  constructor(options: ControllerOptions) {
    const { api, clock, namespace, identity, log } = options
    this.#options = options
    this.inputs = new Inputs({
      api,
      clock,
      namespace,
      onError: (what, error, retryInMs) => log.warn({ err: error, retryInMs }, `cannot follow ${what}`),
    })
    this.#events = new EventRecorder({ api, clock, component: 'fairlead-controller', instance: identity })
    this.#reconcilers = makeReconcilers({
      controller: options,
      inputs: this.inputs,
      events: this.#events,
      frontends: this.#frontends,
      writable: () => this.#writable(),
      held: () => this.#session !== undefined,
      conflict: (pool) => this.#conflicts.get(pool),
      queue: () => this.#queues.speakers,
      onAffected: (services) => {
        for (const key of services) this.#dirty(key)
        this.#followUp()
      },
      onDecided: () => this.#followUp(),
      onReportDisturbed: () => this.#queues.configuration.addAfter('configuration', CONFIG_STATE_DELAY_MS),
      onService: (service) => this.#announcementChanged(service),
      onAll: () => {
        for (const key of this.#concerned.all()) this.#announcementChanged(key)
      },
    })
    const { services, reservations, foreignClasses, poolStatus, report, speakers } = this.#reconcilers
    this.#queues = makeQueues({
      clock,
      log,
      metrics: () => this.metrics,
      reconcile: {
        activation: () => this.#activate(),
        services: (key) => services.reconcile(key),
        reservations: (key) => reservations.reconcile(key),
        classes: (key) => foreignClasses.reconcile(key),
        pools: (key) => this.#unlessFenced(() => poolStatus.reconcile(key)),
        configuration: () => this.#unlessFenced(() => report.reconcile()),
        speakers: (node) => this.#unlessFenced(() => speakers.reachability.reconcile(node)),
      },
    })
    this.metrics = new ControllerMetrics({
      pools: () => this.poolCounts(),
      configLoaded: () => this.inputs.config.synced,
      configStale: () => this.inputs.config.problems.some(({ severity }) => severity === 'error'),
      leader: () => this.#options.leadership.mayWrite(clock.now()),
      frontendConflicts: () => this.#frontends.losers().size,
      reservationPhases: () => [...this.inputs.reservations.store.values()].map(({ phase }) => phase),
      queues: () => Object.values(this.#queues),
    })
  }

  /** where the configuration is read */
  get namespace(): string {
    return this.#options.namespace
  }

  /** What was allocated, while this replica leads and is ready to. */
  get session(): Session<ReservationObject> | undefined {
    return this.#session
  }

  *poolCounts(): Generator<readonly [string, NonNullable<ReturnType<Session['counts']>>], void> {
    for (const { name } of this.inputs.config.config.pools) {
      const counts = this.#session?.counts(name)
      if (counts !== undefined) yield [name, counts]
    }
  }

  start(): void {
    this.inputs.services.onChange(({ key, previous, current }) =>
      this.#serviceChanged(key, previous, current),
    )
    this.inputs.namespaces.onChange(({ key, previous, current }) => {
      if (previous !== undefined && current !== undefined && sameLabels(previous.labels, current.labels))
        return
      if (this.#session?.setNamespace(key, current?.labels) !== true) return
      for (const service of this.#concerned.in(key)) this.#dirty(service)
      this.#followUp()
    })
    this.inputs.reservations.onChange(({ key }) => {
      this.#reconcilers.reservations.doubt(key)
      if (this.#session !== undefined) this.#queues.reservations.add(key)
    })
    this.inputs.onAnnouncement((service) => this.#announcementChanged(service))
    this.#reconcilers.speakers.start()
    this.inputs.config.onChange((config, _previous, _problems, recreated) => {
      this.#configChanged(config)
      // A pool that came back as another object has no status.
      for (const { kind, name } of recreated)
        if (kind === 'IPAddressPool') this.#queues.pools.addAfter(name, POOL_STATUS_DELAY_MS)
    })
    this.#reconcilers.report.start()
    for (const queue of Object.values(this.#queues)) queue.start()
    this.inputs.start()
    void this.inputs.whenSynced().then(() => this.#queues.activation.add('activation'))
    void this.inputs.whenAnnouncementsSynced().then(() => {
      for (const key of this.#concerned.all()) this.#dirty(key)
    })
  }

  /** To be called whenever leadership was won or lost. */
  leadershipChanged(leader: boolean): void {
    this.#options.log.info({ leader }, leader ? 'leading' : 'standing by')
    this.#session = undefined
    this.#reconcilers.reservations.endTerm()
    this.#leading = leader
    this.#term++
    if (leader) {
      this.#reconcilers.speakers.lead()
      this.#queues.activation.add('activation')
    } else this.#queues.configuration.add('configuration')
  }

  /** Begins nothing more, finishes what was begun and says what is left to say. */
  async stop(): Promise<void> {
    this.inputs.stop()
    this.#reconcilers.report.stop()
    this.#reconcilers.speakers.stop()
    await Promise.all(Object.values(this.#queues).map((queue) => queue.stop()))
    this.#session = undefined
    await this.#events.flush()
  }

  /** The session, when a write may begin now. */
  #writable(): Session<ReservationObject> | undefined {
    const { clock, leadership } = this.#options
    return leadership.mayWrite(clock.now()) ? this.#session : undefined
  }

  /** Without a session there is nothing to wait for: activation adds all keys. */
  async #unlessFenced(reconcile: () => Promise<Outcome>): Promise<Outcome> {
    return this.#session !== undefined && this.#writable() === undefined ? notNow : reconcile()
  }

  #dirty(key: string): void {
    if (this.#session !== undefined) this.#queues.services.add(key)
  }

  #serviceChanged(key: string, previous: Service | undefined, current: Service | undefined): void {
    const { loadBalancerClass } = this.#options
    const concerns = current !== undefined && concernsUs(current, loadBalancerClass)
    const concerned = this.#concerned.set(key, concerns)
    const affects = concerns || concerned || this.#session?.has(key)
    if (affects && (current === undefined || !this.#reconcilers.services.settles(key, current)))
      this.#dirty(key)
    for (const affected of this.#frontends.set(key, previous, current)) this.#dirty(affected)
    if (this.#reconcilers.foreignClasses.concerns(current))
      this.#queues.classes.addAfter(key, FOREIGN_CLASS_DELAY_MS)
    if (concerns && this.#writable() !== undefined)
      this.#reconcilers.services.warnDeprecated(previous, current)
  }

  /** Who announces a Service, or why nobody does, has changed. */
  #announcementChanged(service: string): void {
    if (!this.#session?.has(service)) return
    const known = this.inputs.services.store.get(service)
    const delay = saysAnnounced(known) ? ANNOUNCEMENT_DELAY_MS : FIRST_ANNOUNCEMENT_DELAY_MS
    this.#queues.services.addAfter(service, delay)
  }

  #configChanged(config: Config): void {
    const { problems } = this.inputs.config
    this.#reconcilers.report.log(problems)
    this.#queues.configuration.add('configuration')
    const before = this.#conflicts
    this.#conflicts = conflictsIn(problems)
    if (this.#session === undefined) return
    for (const pool of new Set([...before.keys(), ...this.#conflicts.keys()]))
      if (before.get(pool) !== this.#conflicts.get(pool))
        this.#queues.pools.addAfter(pool, POOL_STATUS_DELAY_MS)
    for (const key of this.#session.setConfig(config, problems)) this.#dirty(key)
    this.#followUp()
  }

  /** What the last steps of the session make worth looking at. */
  #followUp(): void {
    const session = this.#session
    if (session === undefined) return
    for (const key of session.takeHopeful()) this.#queues.services.add(key)
    for (const key of session.takeTouchedReservations()) this.#queues.reservations.add(key)
    for (const pool of session.takeTouched()) this.#queues.pools.addAfter(pool, POOL_STATUS_DELAY_MS)
  }

  /**
   * The first thing a leader does. It lists Services and AddressReservations anew, because its reflectors may be
   * behind the last writes of the leader before it, and registers all addresses in use before it gives out any.
   */
  async #activate(): Promise<Outcome> {
    const { api, clock, leadership, loadBalancerClass, log } = this.#options
    if (this.#session !== undefined || this.inputs.missing.length > 0) return { kind: 'done' }
    const fenced = () => !leadership.mayWrite(clock.now())
    if (fenced()) return this.#leading ? notNow : { kind: 'done' }
    const term = this.#term
    // What an earlier term began to write must be in the list.
    await Promise.all([this.#queues.services.idle(), this.#queues.reservations.idle()])
    this.#reconcilers.reservations.beginTerm()
    const { services, reservations } = await freshLists(api, (key) => this.inputs.services.store.get(key))
    if (term !== this.#term) return { kind: 'done' }
    if (fenced()) return this.#leading ? notNow : { kind: 'done' }
    const { config, problems } = this.inputs.config
    const namespaces = this.inputs.namespaces.store.values()
    this.#session = new Session(loadBalancerClass, config, problems, namespaces, services, reservations)
    this.#reconcilers.services.begin(this.#session, services)
    this.#reconcilers.poolStatus.reset()
    for (const service of services) {
      const key = keyOf(service)
      if (this.inputs.services.store.get(key)?.uid !== service.uid)
        this.#reconcilers.services.confirm(service)
      if (concernsUs(service, loadBalancerClass)) this.#queues.services.add(key)
    }
    for (const key of this.#concerned.all()) this.#queues.services.add(key)
    for (const [key, service] of this.inputs.services.store)
      if (this.#reconcilers.foreignClasses.concerns(service))
        this.#queues.classes.addAfter(key, FOREIGN_CLASS_DELAY_MS)
    for (const key of this.#frontends.losers()) this.#queues.services.add(key)
    for (const name of [...config.pools.map((pool) => pool.name), ...this.#conflicts.keys()])
      this.#queues.pools.addAfter(name, POOL_STATUS_DELAY_MS)
    for (const reservation of reservations) this.#queues.reservations.add(keyOf(reservation))
    for (const key of this.#reconcilers.reservations.doubtful) this.#queues.reservations.add(key)
    this.#queues.configuration.add('configuration')
    log.info({ services: services.length, pools: config.pools.length }, 'allocating')
    return { kind: 'done' }
  }
}

const saysAnnounced = (service: Service | undefined): boolean =>
  service?.conditions.some(({ type, status }) => type === ANNOUNCED && status === 'True') === true

const sameLabels = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
