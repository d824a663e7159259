import type { EventRecorder } from '#kube/events.ts'
import type { KubeApi } from '#kube/api.ts'
import type { Clock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { ConfigReport } from './config-report.ts'
import { ForeignClassNotice } from './foreign-class.ts'
import type { FrontendIndex } from './frontends.ts'
import type { Inputs } from './inputs.ts'
import type { Leadership } from './leadership.ts'
import { PoolStatusReconciler } from './pool-status.ts'
import { ReservationReconciler } from './reservation-reconciler.ts'
import type { ReservationObject } from './reservation.ts'
import { ServiceReconciler } from './service-reconciler.ts'
import type { Session } from './session.ts'
import { SpeakerFollower, type SpeakerFollowerOptions } from './speaker-follower.ts'

export interface ControllerOptions {
  readonly api: KubeApi
  readonly clock: Clock
  readonly namespace: string
  readonly identity: string
  readonly loadBalancerClass: string
  readonly log: Logger
  readonly leadership: Leadership
}

/** What reconcilers know of the controller, and tell it. */
export interface ReconcilersOptions extends Pick<SpeakerFollowerOptions, 'queue' | 'onService' | 'onAll'> {
  readonly controller: ControllerOptions
  readonly inputs: Inputs
  readonly events: EventRecorder
  readonly frontends: FrontendIndex
  /** the session, when a write may begin now */
  readonly writable: () => Session<ReservationObject> | undefined
  /** there is a session, whether it may write now or not */
  readonly held: () => boolean
  /** the pool that displaced this one */
  readonly conflict: (pool: string) => string | undefined
  /** Services to look at again */
  readonly onAffected: (services: Iterable<string>) => void
  /** after a decision others may have to be looked at */
  readonly onDecided: () => void
  /** somebody else writes to the ConfigurationState */
  readonly onReportDisturbed: () => void
}

/** Who makes each kind of thing right. */
export interface Reconcilers {
  readonly services: ServiceReconciler
  readonly reservations: ReservationReconciler
  readonly foreignClasses: ForeignClassNotice
  readonly poolStatus: PoolStatusReconciler
  readonly report: ConfigReport
  readonly speakers: SpeakerFollower
}

export function makeReconcilers(options: ReconcilersOptions): Reconcilers {
  const { controller, inputs, events, frontends, writable, held } = options
  const { api, clock, namespace, log, leadership, loadBalancerClass } = controller
  const reservations = new ReservationReconciler({
    api,
    clock,
    observed: (key) => inputs.reservations.store.get(key),
    session: writable,
    held,
    onChanged: options.onAffected,
  })
  return {
    reservations,
    services: new ServiceReconciler({
      api,
      clock,
      log,
      inputs,
      events,
      taken: (key) => frontends.taken(key),
      session: writable,
      held,
      ensureReservation: (key) => reservations.ensure(key),
      onDecided: options.onDecided,
    }),
    foreignClasses: new ForeignClassNotice({
      events,
      loadBalancerClass,
      service: (key) => inputs.services.store.get(key),
      leads: () => writable() !== undefined,
    }),
    poolStatus: new PoolStatusReconciler({
      api,
      clock,
      namespace,
      counts: (pool) => writable()?.counts(pool),
      conflict: (pool) => (writable() === undefined ? undefined : options.conflict(pool)),
      uidOf: (pool) => inputs.config.uidOf({ kind: 'IPAddressPool', namespace, name: pool }),
    }),
    report: new ConfigReport({
      api,
      clock,
      log,
      namespace,
      events,
      uidOf: (problem) => inputs.config.uidOf(problem),
      problems: () => (writable() === undefined ? undefined : inputs.config.problems),
      onDisturbed: options.onReportDisturbed,
    }),
    speakers: new SpeakerFollower({
      api,
      clock,
      inputs,
      leads: () => leadership.mayWrite(clock.now()),
      queue: options.queue,
      owners: (address) => frontends.addresses.of(address),
      onService: options.onService,
      onAll: options.onAll,
    }),
  }
}
