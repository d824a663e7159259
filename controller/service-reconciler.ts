import { formatAddress } from '#inet/address.ts'
import { keyOf, type KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Outcome } from '#kube/work-queue.ts'
import type { Decision, NotOurs } from './decide.ts'
import { claimedCondition, FRONTENDS_CLAIMED, type TakenFrontend } from './frontends.ts'
import type { Inputs } from './inputs.ts'
import { notNow } from './leadership.ts'
import { LeavingAddresses } from './leaving.ts'
import { overwrittenMessage, leftWords, Overwrites } from './overwrites.ts'
import { POOL_ANNOTATION } from './request.ts'
import { ServiceEvents } from './service-events.ts'
import { ServiceReader } from './service-reader.ts'
import { ServiceWriter } from './service-writer.ts'
import type { Session } from './session.ts'
import { differs, type Words } from './status-patch.ts'

export interface ServiceReconcilerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly log: Logger
  readonly inputs: Inputs
  readonly events: EventRecorder
  /** the frontends of a Service that an older one has */
  readonly taken: (key: string) => readonly TakenFrontend[]
  /** undefined while this replica may not write */
  readonly session: () => Session | undefined
  /** there is a session, whether it may write now or not */
  readonly held: () => boolean
  /** see ReservationReconciler */
  readonly ensureReservation: (key: string) => Promise<boolean>
  /** after a decision others may have to be looked at */
  readonly onDecided: () => void
}

const ATTEMPTS = 4
/** The answer for a Service whose new address another one still shows. */
const soon: Outcome = { kind: 'after', ms: 100 }

/** Makes one Service what it should be: decides, writes the difference, and reads again when it was overtaken. */
export class ServiceReconciler {
  readonly #options: ServiceReconcilerOptions
  readonly #reader: ServiceReader
  readonly #events: ServiceEvents
  /** Services of which the last decision is not yet written */
  readonly #unwritten = new Set<string>()
  readonly #overwrites = new Overwrites()
  readonly #leaving = new LeavingAddresses()
  /** Services whose new address another one shows */
  readonly #waiting = new Set<string>()
  readonly #writer: ServiceWriter

  constructor(options: ServiceReconcilerOptions) {
    this.#options = options
    this.#reader = new ServiceReader({
      api: options.api,
      observed: (key) => options.inputs.services.store.get(key),
    })
    this.#events = new ServiceEvents(options.events)
    this.#writer = new ServiceWriter(options)
  }

  /**
   * A new term begins: what was known of writes of an earlier one says nothing any more. Nothing may be running.
   * @param services as they were just listed
   */
  begin(session: Session, services: readonly Service[]): void {
    this.#reader.clear()
    this.#events.clear()
    this.#unwritten.clear()
    this.#overwrites.clear()
    this.#leaving.clear()
    this.#waiting.clear()
    this.#writer.clear()
    for (const service of services) {
      const key = keyOf(service)
      // What could not be adopted is shown until it is written, and may be given to another one before.
      if (Object.hasOwn(service.annotations, POOL_ANNOTATION))
        this.#leaving.set(key, service, session.addresses(key))
    }
  }

  /** Until the reflector knows this Service, or it is gone, each reconcile asks the API server for it. */
  confirm(service: Service): void {
    this.#reader.confirm(service)
  }

  /** Is this change of a Service nothing to reconcile, because it was written here? */
  settles(key: string, current: Service): boolean {
    return this.#writer.settles(key, current)
  }

  async reconcile(key: string): Promise<Outcome> {
    const outcome = await this.#reconcile(key)
    const again = this.#writer.takeChanged(key) && outcome.kind !== 'failed'
    return again ? { kind: 'after', ms: 0 } : outcome
  }

  async #reconcile(key: string): Promise<Outcome> {
    let service = await this.#reader.current(key)
    let fresh = false
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const session = this.#options.session()
      // A session that may not write just now (its Lease is late) must not forget the Service.
      if (session === undefined) return this.#options.held() ? notNow : { kind: 'done' }
      if (service === undefined || session.replaces(service, key)) this.#forget(key, session)
      const before = session.outcome(key)
      const had = session.addresses(key)
      const decision = service === undefined ? undefined : session.decide(service, key)
      this.#options.onDecided()
      if (service === undefined || decision === undefined) return { kind: 'done' }
      const leaving = this.#leaving.update(key, service, had, decision, fresh)
      const changed = this.#unwritten.has(key) || !sameAssignment(before, decision)
      // Either the reflector is behind what was written last, or somebody has overwritten that.
      const doubtful = leaving || (!changed && differs(service, decision))
      if (doubtful && !fresh) {
        service = await this.#reader.read(key)
        fresh = true
        continue
      }
      this.#events.remember(key, service, decision)
      const reservation = 'notOurs' in decision ? '' : decision.reservation
      const kept = reservation === '' || (await this.#options.ensureReservation(reservation))
      // That took a while, in which leadership may have gone.
      if (this.#options.session() !== session) continue
      const written = kept ? await this.#bring(key, service, decision, changed) : undefined
      if (written !== undefined) return written
      service = await this.#reader.read(key)
      fresh = true
    }
    return { kind: 'failed', error: new Error(`${key}: others kept changing it`) }
  }

  /** The Service is gone, and whatever has its name now is another one. */
  #forget(key: string, session: Session): void {
    session.forget(key)
    this.#events.forget(key)
    this.#unwritten.delete(key)
    this.#overwrites.forget(key)
    this.#leaving.forget(key)
    this.#waiting.delete(key)
    this.#writer.forget(key)
  }

  /** Says that the Service, of which the annotations may have changed, uses some of the old prefix. */
  warnDeprecated(previous: Service | undefined, service: Service): void {
    this.#events.warnDeprecated(previous, service)
  }

  /**
   * Writes what was decided, unless somebody else does not stop writing something else.
   * @returns undefined when the Service has changed or gone since it was read
   */
  async #bring(
    key: string,
    service: Service,
    decision: Decision | NotOurs,
    changed: boolean,
  ): Promise<Outcome | undefined> {
    if (!('notOurs' in decision) && this.#leaving.blocks(key, service, decision.addresses))
      return this.#giveWay(key, service)
    const now = this.#options.clock.now()
    if (changed || 'notOurs' in decision || !differs(service, decision)) {
      if (!(await this.#write(key, service, decision))) return undefined
      this.#overwrites.settled(key, now)
      return { kind: 'done' }
    }
    const answer = this.#overwrites.met(key, `${textOf(decision)} ${service.generation}`, now)
    if (answer.kind === 'wait') return { kind: 'after', ms: answer.ms }
    const { log } = this.#options
    const who = service.statusManager ?? ''
    if (answer.kind === 'leave') {
      this.#leaving.forget(key)
      const left = leftWords(service, who, textOf(decision))
      if (answer.tell) {
        if (!(await this.#write(key, service, decision, left))) return undefined
        this.#overwrites.told(key, now)
        this.#events.warn(service, left.reason, left.message)
        log.warn({ service: key, manager: who }, 'Service status left to whoever writes it')
      }
      return { kind: 'after', ms: answer.ms }
    }
    if (!(await this.#write(key, service, decision))) return undefined
    this.#overwrites.rewritten(key, now)
    const message = overwrittenMessage(service, who, textOf(decision))
    this.#events.warn(service, 'StatusOverwritten', message)
    log.warn({ service: key, manager: who }, 'Service status was overwritten')
    return { kind: 'done' }
  }

  /**
   * Another Service still shows the address that this one is to have: waits for it, and when that takes long shows
   * nothing meanwhile, because the other one may wait for what this one shows.
   * @returns undefined when the Service has changed or gone since it was read
   */
  async #giveWay(key: string, service: Service): Promise<Outcome | undefined> {
    const waited = this.#waiting.has(key)
    this.#waiting.add(key)
    this.#unwritten.add(key)
    if (!waited || service.ingress.length === 0) return soon
    const { resourceVersion } = service
    const withdrawn = await this.#writer.write(key, {
      metadata: { resourceVersion },
      status: { loadBalancer: { ingress: null } },
    })
    if (!withdrawn) return undefined
    this.#leaving.forget(key)
    return soon
  }

  /** @returns false when the Service has changed or gone since it was read */
  async #write(
    key: string,
    service: Service,
    decision: Decision | NotOurs,
    left?: Words['left'],
  ): Promise<boolean> {
    const claimed = claimedCondition(this.#options.taken(key))
    const patch = this.#writer.difference(key, service, decision, left)
    if (patch !== undefined) {
      this.#unwritten.add(key)
      if (!(await this.#writer.write(key, patch))) return false
      if (patch.status.loadBalancer !== undefined)
        this.#options.log.info(summary(key, decision), 'Service status written')
    }
    this.#unwritten.delete(key)
    this.#waiting.delete(key)
    this.#leaving.forget(key)
    this.#events.sayRemembered(key, service)
    const told = service.conditions.find(({ type }) => type === FRONTENDS_CLAIMED)?.message
    if (claimed !== undefined && claimed.message !== told) {
      this.#events.warn(service, 'FrontendTaken', claimed.message)
    }
    return true
  }
}

const sameAssignment = (before: Decision | undefined, decision: Decision | NotOurs): boolean =>
  before !== undefined &&
  !('notOurs' in decision) &&
  before.pool === decision.pool &&
  textOf(before) === textOf(decision)

const textOf = ({ addresses }: Decision): string => addresses.map(formatAddress).join(', ')

const summary = (key: string, decision: Decision | NotOurs): object =>
  'notOurs' in decision
    ? { service: key, reason: decision.notOurs }
    : {
        service: key,
        addresses: decision.addresses.map(formatAddress),
        pool: decision.pool,
        reason: decision.reason,
      }
