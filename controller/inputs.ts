import { ConfigSource } from '#kube/config-source.ts'
import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import { projectNamespace, type Namespace } from '#kube/objects/node.ts'
import { projectNextService, type Service } from '#kube/objects/service.ts'
import { OptionalReflector } from '#kube/optional-reflector.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import { projectReservation, type ReservationObject } from './reservation.ts'
import { AnnouncementIndex, projectAnnouncement, type Announcement } from './announcements.ts'
import { projectSpeakerLease, SPEAKER_LEASES, type SpeakerLease } from './speaker-leases.ts'
import { projectReport, SpeakerReports, type SpeakerReport } from './speakers.ts'

export interface InputsOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  readonly onError: (what: string, error: unknown, retryInMs: number) => void
}

/** Everything that the controller observes, whether it leads or not. */
export class Inputs {
  readonly services: Reflector<Service>
  readonly namespaces: Reflector<Namespace>
  readonly reservations: Reflector<ReservationObject>
  readonly config: ConfigSource
  readonly announcements = new AnnouncementIndex()
  /** what each speaker says of itself, by node */
  readonly speakers: Reflector<SpeakerReport>
  readonly reports = new SpeakerReports()
  /** of speakers */
  readonly leases: Reflector<SpeakerLease>
  readonly #statuses: readonly Reflector<Announcement>[]
  readonly #announced = new Set<(service: string) => void>()

  constructor({ api, clock, namespace, onError }: InputsOptions) {
    const report = (what: string) => (error: unknown, retryInMs: number) => onError(what, error, retryInMs)
    const of = { api, clock }
    this.config = new ConfigSource({ ...of, namespace, onError: report('configuration') })
    this.services = new Reflector({
      ...of,
      resource: resources.services,
      project: projectNextService,
      onError: report('services'),
    })
    this.namespaces = new Reflector({
      ...of,
      resource: resources.namespaces,
      project: projectNamespace,
      onError: report('namespaces'),
    })
    // Helm does not bring new definitions with an upgrade: without this one there are no reservations, and the rest works.
    this.reservations = new OptionalReflector({
      ...of,
      resource: resources.addressReservations,
      project: projectReservation,
      absent: ['FL_KUBE_NOT_FOUND'],
      onError: report('addressreservations'),
    })
    this.speakers = new OptionalReflector({
      ...of,
      resource: resources.speakerStatuses,
      project: projectReport,
      absent: ['FL_KUBE_NOT_FOUND'],
      onError: report('speakerstatuses'),
    })
    this.leases = new Reflector({
      ...of,
      resource: resources.leases,
      select: { namespace, labelSelector: SPEAKER_LEASES },
      project: projectSpeakerLease,
      onError: report('leases'),
    })
    this.#statuses = [
      { resource: resources.serviceL2Statuses, protocol: 'layer2' as const },
      { resource: resources.serviceBgpStatuses, protocol: 'bgp' as const },
    ].map(({ resource, protocol }) => {
      const reflector = new Reflector({
        ...of,
        resource,
        select: { namespace },
        project: projectAnnouncement(protocol),
        onError: report(resource.plural),
      })
      reflector.onChange(({ key, previous, current }) => {
        this.announcements.change(`${protocol} ${key}`, previous, current)
        for (const service of new Set([previous?.service, current?.service])) {
          if (service !== undefined) for (const listener of this.#announced) listener(service)
        }
      })
      return reflector
    })
  }

  /** Which first lists are still missing of those without which nothing may be allocated. */
  get missing(): string[] {
    return [
      ...(this.services.synced ? [] : ['services']),
      ...(this.namespaces.synced ? [] : ['namespaces']),
      ...(this.reservations.synced ? [] : ['addressreservations']),
      ...(this.config.synced ? [] : ['configuration']),
    ]
  }

  /** Allocation does not wait for these; until they are there nobody says what is announced. */
  get announcementsSynced(): boolean {
    return [...this.#statuses, this.speakers].every((reflector) => reflector.synced)
  }

  onAnnouncement(listener: (service: string) => void): void {
    this.#announced.add(listener)
  }

  start(): void {
    this.config.start()
    for (const reflector of this.#own()) reflector.start()
  }

  async whenSynced(): Promise<void> {
    const needed = [this.config, this.services, this.namespaces, this.reservations]
    await Promise.all(needed.map((one) => one.whenSynced()))
  }

  async whenAnnouncementsSynced(): Promise<void> {
    await Promise.all([...this.#statuses, this.speakers].map((reflector) => reflector.whenSynced()))
  }

  stop(): void {
    this.config.stop()
    for (const reflector of this.#own()) reflector.stop()
  }

  lastContact(): Record<string, number> {
    return {
      ...this.config.lastContact(),
      ...Object.fromEntries(this.#own().map(({ resource, lastContact }) => [resource.plural, lastContact])),
    }
  }

  #own() {
    const { services, namespaces, reservations, speakers, leases } = this
    return [services, namespaces, reservations, ...this.#statuses, speakers, leases]
  }
}
