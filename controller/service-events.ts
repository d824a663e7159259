import type { EventRecorder } from '#kube/events.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Decision, NotOurs, ServiceEvent } from './decide.ts'
import { told, withRemedy } from './remedies.ts'
import { deprecatedAnnotations } from './request.ts'
import { ADDRESS_ASSIGNED } from './status-patch.ts'

const KEPT = 10

/** What is told of Services: each thing once, and of decisions only what is written. */
export class ServiceEvents {
  readonly #events: Pick<EventRecorder, 'record'>
  /** of decisions that are not yet written */
  readonly #unsaid = new Map<string, ServiceEvent[]>()

  constructor(events: Pick<EventRecorder, 'record'>) {
    this.#events = events
  }

  clear(): void {
    this.#unsaid.clear()
  }

  /** The Service is gone. */
  forget(key: string): void {
    this.#unsaid.delete(key)
  }

  /** To be said when the decision is written. */
  remember(key: string, service: Service, decision: Decision | NotOurs): void {
    if ('notOurs' in decision) return
    const known = alreadySays(service, decision)
    const kept = this.#unsaid.get(key) ?? []
    for (const given of decision.events) {
      const event =
        given.type === 'Warning' && decision.addresses.length === 0 ? remedied(given, decision) : given
      const queued = kept.some(({ reason, message }) => reason === event.reason && message === event.message)
      if (!queued && !(known && event.type === 'Warning')) kept.push(event)
    }
    if (kept.length > 0) this.#unsaid.set(key, kept.slice(-KEPT))
  }

  /** Events follow the write: nobody reads of an address that the Service does not have. */
  sayRemembered(key: string, service: Service): void {
    for (const { type, reason, message } of this.#unsaid.get(key) ?? []) {
      this.#events.record(regarding(service), type, reason, message)
    }
    this.#unsaid.delete(key)
  }

  warn(service: Service, reason: string, message: string): void {
    this.#events.record(regarding(service), 'Warning', reason, message)
  }

  /** Says that the Service, of which the annotations may have changed, uses some of the old prefix. */
  warnDeprecated(previous: Service | undefined, service: Service): void {
    const names = deprecatedAnnotations(service)
    if (names.length === 0) return
    const said = previous === undefined ? [] : deprecatedAnnotations(previous)
    for (const name of names) {
      if (said.includes(name)) continue
      this.warn(service, 'deprecatedAnnotation', `Service uses deprecated annotation ${name}`)
    }
  }
}

/** The condition already has the words of this decision, so whoever reads events has been told. */
const alreadySays = (service: Service, decision: Decision): boolean =>
  service.conditions.some(
    ({ type, reason, message }) =>
      type === ADDRESS_ASSIGNED && reason === decision.reason && message === told(decision),
  )

const remedied = (event: ServiceEvent, { reason }: Decision): ServiceEvent => ({
  ...event,
  message: withRemedy(reason, event.message),
})

const regarding = (service: Service) => ({
  apiVersion: 'v1',
  kind: 'Service',
  namespace: service.namespace,
  name: service.name,
  uid: service.uid,
})
