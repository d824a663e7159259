import { formatAddress } from '#inet/address.ts'
import { parseKey, type KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import type { EventRecorder } from '#kube/events.ts'
import type { Logger } from '#kube/logger.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { Outcome } from '#kube/work-queue.ts'
import { announcedCondition } from './announcements.ts'
import type { Decision, NotOurs, ServiceEvent } from './decide.ts'
import { claimedCondition, FRONTENDS_CLAIMED, type TakenFrontend } from './frontends.ts'
import type { Inputs } from './inputs.ts'
import { notNow } from './leadership.ts'
import { deprecatedAnnotations } from './request.ts'
import type { Session } from './session.ts'
import { ADDRESS_ASSIGNED, statusPatch } from './status-patch.ts'

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
  /** what else has to be looked at after a decision */
  readonly onDecided: (hopeful: readonly string[], touchedPools: readonly string[]) => void
}

const ATTEMPTS = 4
const EVENTS_KEPT = 10

/** Makes one Service what it should be: decides, writes the difference, and reads again when it was overtaken. */
export class ServiceReconciler {
  readonly #options: ServiceReconcilerOptions
  /** Services that exist, or existed, but that the reflector does not know (any more): asked for by name */
  readonly #unconfirmed = new Set<string>()
  /** events of decisions that are not yet written */
  readonly #unsaid = new Map<string, ServiceEvent[]>()

  constructor(options: ServiceReconcilerOptions) {
    this.#options = options
  }

  /** Until the reflector knows this Service, or it is gone, each reconcile asks the API server for it. */
  confirm(key: string): void {
    this.#unconfirmed.add(key)
  }

  async reconcile(key: string): Promise<Outcome> {
    let service = await this.#current(key)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const session = this.#options.session()
      // A session that may not write just now (its Lease is late) must not forget the Service.
      if (session === undefined) return this.#options.held() ? notNow : { kind: 'done' }
      const decision = service === undefined ? undefined : session.decide(service)
      if (service === undefined) session.forget(key)
      this.#options.onDecided(session.takeHopeful(), session.takeTouched())
      if (service === undefined || decision === undefined) {
        this.#unsaid.delete(key)
        return { kind: 'done' }
      }
      this.#remember(key, service, decision)
      if (await this.#write(key, service, decision)) return { kind: 'done' }
      service = await this.#read(key)
    }
    return { kind: 'failed', error: new Error(`${key}: others kept changing it`) }
  }

  /** Says that the Service uses annotations of the old prefix. */
  warnDeprecated(service: Service): void {
    for (const name of deprecatedAnnotations(service)) {
      const message = `Service uses deprecated annotation ${name}`
      this.#options.events.record(regarding(service), 'Warning', 'deprecatedAnnotation', message)
    }
  }

  /** @returns false when the Service has changed or gone since it was read */
  async #write(key: string, service: Service, decision: Decision | NotOurs): Promise<boolean> {
    const { api, clock, inputs, log } = this.#options
    const hasAddress = !('notOurs' in decision) && decision.addresses.length > 0
    const announced = inputs.announcementsSynced
      ? announcedCondition(inputs.announcements.of(key), hasAddress)
      : undefined
    const claimed = claimedCondition(this.#options.taken(key))
    const patch = statusPatch(service, decision, { announced, claimed }, timestamp(clock.now()))
    if (patch !== undefined) {
      try {
        await api.patch(resources.services, parseKey(key), patch, { type: 'merge', subresource: 'status' })
      } catch (error) {
        if (isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_NOT_FOUND')) return false
        throw error
      }
      if (patch.status.loadBalancer !== undefined) log.info(summary(key, decision), 'Service status written')
    }
    this.#say(key, service)
    const told = service.conditions.find(({ type }) => type === FRONTENDS_CLAIMED)?.message
    if (claimed !== undefined && claimed.message !== told) {
      this.#options.events.record(regarding(service), 'Warning', 'FrontendTaken', claimed.message)
    }
    return true
  }

  /** What the reflector does not know yet must not count as gone: its address would be given to another. */
  async #current(key: string): Promise<Service | undefined> {
    const known = this.#options.inputs.services.store.get(key)
    if (known === undefined && !this.#unconfirmed.has(key)) return undefined
    const service = known ?? (await this.#read(key))
    if (known !== undefined || service === undefined) this.#unconfirmed.delete(key)
    return service
  }

  async #read(key: string): Promise<Service | undefined> {
    try {
      return projectService(await this.#options.api.get(resources.services, parseKey(key)))
    } catch (error) {
      if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }

  #remember(key: string, service: Service, decision: Decision | NotOurs): void {
    if ('notOurs' in decision) return
    const told = alreadySays(service, decision)
    const kept = this.#unsaid.get(key) ?? []
    for (const event of decision.events) {
      const known = kept.some(({ reason, message }) => reason === event.reason && message === event.message)
      if (!known && !(told && event.type === 'Warning')) kept.push(event)
    }
    if (kept.length > 0) this.#unsaid.set(key, kept.slice(-EVENTS_KEPT))
  }

  /** Events follow the write: nobody reads of an address that the Service does not have. */
  #say(key: string, service: Service): void {
    for (const { type, reason, message } of this.#unsaid.get(key) ?? []) {
      this.#options.events.record(regarding(service), type, reason, message)
    }
    this.#unsaid.delete(key)
  }
}

/** The condition already has the words of this decision, so whoever reads events has been told. */
const alreadySays = (service: Service, decision: Decision): boolean =>
  service.conditions.some(
    ({ type, reason, message }) =>
      type === ADDRESS_ASSIGNED && reason === decision.reason && message === decision.message,
  )

const regarding = (service: Service) => ({
  apiVersion: 'v1',
  kind: 'Service',
  namespace: service.namespace,
  name: service.name,
  uid: service.uid,
})

const summary = (key: string, decision: Decision | NotOurs): object =>
  'notOurs' in decision
    ? { service: key, reason: decision.notOurs }
    : {
        service: key,
        addresses: decision.addresses.map(formatAddress),
        pool: decision.pool,
        reason: decision.reason,
      }
