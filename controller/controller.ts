import type { Config } from '#crds/config.ts'
import { isKubeError } from '#kube/errors.ts'
import { keyOf, type KubeApi, type KubeObject, type Resource } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import { classRefusal } from '#kube/objects/load-balancer-class.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'
import { ConfigReport } from './config-report.ts'
import { FOREIGN_CLASS_DELAY_MS, ForeignClassNotice } from './foreign-class.ts'
import { FrontendIndex, saysClaimed } from './frontends.ts'
import { Inputs } from './inputs.ts'
import { notNow, type Leadership } from './leadership.ts'
import { ControllerMetrics } from './metrics.ts'
import { conflictsIn, PoolStatusReconciler } from './pool-status.ts'
import { POOL_ANNOTATION } from './request.ts'
import { ReservationReconciler } from './reservation-reconciler.ts'
import { projectReservation, type ReservationObject } from './reservation.ts'
import { ServiceReconciler } from './service-reconciler.ts'
import { byAge, Session } from './session.ts'
import { SpeakerFollower } from './speaker-follower.ts'
import { ADDRESS_ASSIGNED, ANNOUNCED } from './status-patch.ts'

export interface ControllerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  readonly identity: string
  readonly loadBalancerClass: string
  readonly log: Logger
  readonly leadership: Leadership
}

/** People wait for the first announcement of a Service; for later changes many nodes share one write. */
const FIRST_ANNOUNCEMENT_DELAY_MS = 300
const ANNOUNCEMENT_DELAY_MS = 1000
const POOL_STATUS_DELAY_MS = 1000
/** Between looks at a ConfigurationState that somebody else writes to. */
const CONFIG_STATE_DELAY_MS = 1000
const CONCURRENCY = 8
const PAGE = 500

/**
 * The edge: what is observed marks keys as dirty, and queues bring each key to its reconciler. Nothing is written
 * unless this replica leads, all first lists are complete, and the addresses that Services have are registered.
 */
export class Controller {
  readonly inputs: Inputs
  readonly metrics: ControllerMetrics
  readonly #options: ControllerOptions
  readonly #events: EventRecorder
  readonly #services: ServiceReconciler
  readonly #reservations: ReservationReconciler
  readonly #foreignClasses: ForeignClassNotice
  readonly #poolStatus: PoolStatusReconciler
  readonly #report: ConfigReport
  readonly #speakers: SpeakerFollower
  readonly #queues: {
    readonly activation: WorkQueue
    readonly services: WorkQueue
    readonly reservations: WorkQueue
    readonly classes: WorkQueue
    readonly pools: WorkQueue
    readonly configuration: WorkQueue
    readonly speakers: WorkQueue
  }
  /** keys of Services that concern us, by namespace */
  readonly #byNamespace = new Map<string, Set<string>>()
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
    this.#reservations = new ReservationReconciler({
      api,
      clock,
      observed: (key) => this.inputs.reservations.store.get(key),
      session: () => this.#writable(),
      held: () => this.#session !== undefined,
      onChanged: (services) => {
        for (const key of services) this.#dirty(key)
        this.#followUp()
      },
    })
    this.#services = new ServiceReconciler({
      api,
      clock,
      log,
      inputs: this.inputs,
      events: this.#events,
      taken: (key) => this.#frontends.taken(key),
      session: () => this.#writable(),
      held: () => this.#session !== undefined,
      ensureReservation: (key) => this.#reservations.ensure(key),
      onDecided: () => this.#followUp(),
    })
    this.#foreignClasses = new ForeignClassNotice({
      events: this.#events,
      loadBalancerClass: options.loadBalancerClass,
      service: (key) => this.inputs.services.store.get(key),
      leads: () => this.#writable() !== undefined,
    })
    this.#poolStatus = new PoolStatusReconciler({
      api,
      clock,
      namespace,
      counts: (pool) => this.#writable()?.counts(pool),
      conflict: (pool) => (this.#writable() === undefined ? undefined : this.#conflicts.get(pool)),
      uidOf: (pool) => this.inputs.config.uidOf({ kind: 'IPAddressPool', namespace, name: pool }),
    })
    this.#report = new ConfigReport({
      api,
      clock,
      log,
      namespace,
      events: this.#events,
      uidOf: (problem) => this.inputs.config.uidOf(problem),
      problems: () => (this.#writable() === undefined ? undefined : this.inputs.config.problems),
      onDisturbed: () => this.#queues.configuration.addAfter('configuration', CONFIG_STATE_DELAY_MS),
    })
    this.#speakers = new SpeakerFollower({
      api,
      clock,
      inputs: this.inputs,
      leads: () => options.leadership.mayWrite(clock.now()),
      queue: () => this.#queues.speakers,
      onService: (service) => this.#announcementChanged(service),
      onAll: () => {
        for (const keys of this.#byNamespace.values()) for (const key of keys) this.#announcementChanged(key)
      },
    })
    this.#queues = {
      activation: this.#queue('activation', () => this.#activate()),
      services: this.#queue('services', (key) => this.#services.reconcile(key), CONCURRENCY),
      reservations: this.#queue('reservations', (key) => this.#reservations.reconcile(key), CONCURRENCY),
      classes: this.#queue('classes', (key) => this.#foreignClasses.reconcile(key)),
      pools: this.#queue('pools', (key) => this.#unlessFenced(() => this.#poolStatus.reconcile(key))),
      configuration: this.#queue('configuration', () => this.#unlessFenced(() => this.#report.reconcile())),
      speakers: this.#queue('speakers', (node) => this.#speakers.reachability.reconcile(node)),
    }
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
      for (const service of this.#byNamespace.get(key) ?? []) this.#dirty(service)
      this.#followUp()
    })
    this.inputs.reservations.onChange(({ key }) => {
      this.#reservations.doubt(key)
      if (this.#session !== undefined) this.#queues.reservations.add(key)
    })
    this.inputs.onAnnouncement((service) => this.#announcementChanged(service))
    this.#speakers.start()
    this.inputs.config.onChange((config, _previous, _problems, recreated) => {
      this.#configChanged(config)
      // A pool that came back as another object has no status.
      for (const { kind, name } of recreated)
        if (kind === 'IPAddressPool') this.#queues.pools.addAfter(name, POOL_STATUS_DELAY_MS)
    })
    this.#report.start()
    for (const queue of Object.values(this.#queues)) queue.start()
    this.inputs.start()
    void this.inputs.whenSynced().then(() => this.#queues.activation.add('activation'))
    void this.inputs.whenAnnouncementsSynced().then(() => {
      for (const keys of this.#byNamespace.values()) for (const key of keys) this.#dirty(key)
    })
  }

  /** To be called whenever leadership was won or lost. */
  leadershipChanged(leader: boolean): void {
    this.#options.log.info({ leader }, leader ? 'leading' : 'standing by')
    this.#session = undefined
    this.#reservations.endTerm()
    this.#leading = leader
    this.#term++
    if (leader) {
      this.#speakers.lead()
      this.#queues.activation.add('activation')
    } else this.#queues.configuration.add('configuration')
  }

  /** Begins nothing more, finishes what was begun and says what is left to say. */
  async stop(): Promise<void> {
    this.inputs.stop()
    this.#report.stop()
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

  #queue(name: string, reconcile: (key: string) => Promise<Outcome>, concurrency = 1): WorkQueue {
    const { clock, log } = this.#options
    return new WorkQueue({
      name,
      clock,
      reconcile,
      concurrency,
      onOutcome: (key, outcome, ms, waitedMs) => {
        this.metrics.observe(name, outcome, ms, waitedMs)
        if ('error' in outcome) log.warn({ err: outcome.error, queue: name, key }, 'will be tried again')
      },
    })
  }

  #dirty(key: string): void {
    if (this.#session !== undefined) this.#queues.services.add(key)
  }

  #serviceChanged(key: string, previous: Service | undefined, current: Service | undefined): void {
    const { loadBalancerClass } = this.#options
    const concerns = current !== undefined && concernsUs(current, loadBalancerClass)
    const namespace = key.slice(0, key.indexOf('/'))
    const keys = this.#byNamespace.get(namespace) ?? new Set()
    const concerned = keys.has(key)
    this.#speakers.serviceChanged(key, previous, concerns ? current : undefined)
    if (concerns) this.#byNamespace.set(namespace, keys.add(key))
    else if (keys.delete(key) && keys.size === 0) this.#byNamespace.delete(namespace)
    const affects = concerns || concerned || this.#session?.has(key)
    if (affects && (current === undefined || !this.#services.settles(key, current))) this.#dirty(key)
    for (const affected of this.#frontends.set(key, current)) this.#dirty(affected)
    if (this.#foreignClasses.concerns(current)) this.#queues.classes.addAfter(key, FOREIGN_CLASS_DELAY_MS)
    if (concerns && this.#writable() !== undefined) this.#services.warnDeprecated(previous, current)
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
    this.#report.log(problems)
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
    const { clock, leadership, loadBalancerClass, log } = this.#options
    if (this.#session !== undefined || this.inputs.missing.length > 0) return { kind: 'done' }
    const fenced = () => !leadership.mayWrite(clock.now())
    if (fenced()) return this.#leading ? notNow : { kind: 'done' }
    const term = this.#term
    // What an earlier term began to write must be in the list.
    await Promise.all([this.#queues.services.idle(), this.#queues.reservations.idle()])
    this.#reservations.beginTerm()
    const services = (await this.#list(resources.services, projectService)).sort(byAge)
    const reservations = await this.#listReservations()
    if (term !== this.#term) return { kind: 'done' }
    if (fenced()) return this.#leading ? notNow : { kind: 'done' }
    const { config, problems } = this.inputs.config
    const namespaces = this.inputs.namespaces.store.values()
    this.#session = new Session(loadBalancerClass, config, problems, namespaces, services, reservations)
    this.#services.begin(this.#session, services)
    this.#poolStatus.reset()
    for (const service of services) {
      const key = keyOf(service)
      if (this.inputs.services.store.get(key)?.uid !== service.uid) this.#services.confirm(service)
      if (concernsUs(service, loadBalancerClass)) this.#queues.services.add(key)
    }
    for (const keys of this.#byNamespace.values()) for (const key of keys) this.#queues.services.add(key)
    for (const [key, service] of this.inputs.services.store)
      if (this.#foreignClasses.concerns(service)) this.#queues.classes.addAfter(key, FOREIGN_CLASS_DELAY_MS)
    for (const key of this.#frontends.losers()) this.#queues.services.add(key)
    for (const name of [...config.pools.map((pool) => pool.name), ...this.#conflicts.keys()])
      this.#queues.pools.addAfter(name, POOL_STATUS_DELAY_MS)
    for (const reservation of reservations) this.#queues.reservations.add(keyOf(reservation))
    for (const key of this.#reservations.doubtful) this.#queues.reservations.add(key)
    this.#queues.configuration.add('configuration')
    log.info({ services: services.length, pools: config.pools.length }, 'allocating')
    return { kind: 'done' }
  }

  /** A cluster without the custom resource has none. */
  async #listReservations(): Promise<ReservationObject[]> {
    try {
      return await this.#list(resources.addressReservations, projectReservation)
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return []
      throw error
    }
  }

  async #list<T>(resource: Resource, project: (object: KubeObject) => T): Promise<T[]> {
    const all: T[] = []
    let next: string | undefined
    do {
      const page = await this.#options.api.list(resource, {
        limit: PAGE,
        ...(next === undefined ? {} : { continue: next }),
      })
      for (const object of page.items) all.push(project(object))
      next = page.continue
    } while (next)
    return all
  }
}

/** Ours to serve, or not any more but with something of ours on it. */
const concernsUs = (service: Service, loadBalancerClass: string): boolean =>
  classRefusal(service, loadBalancerClass) === '' ||
  Object.hasOwn(service.annotations, POOL_ANNOTATION) ||
  service.conditions.some(({ type }) => type === ADDRESS_ASSIGNED) ||
  saysClaimed(service)

const saysAnnounced = (service: Service | undefined): boolean =>
  service?.conditions.some(({ type, status }) => type === ANNOUNCED && status === 'True') === true

const sameLabels = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
