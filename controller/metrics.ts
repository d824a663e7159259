import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Outcome } from '#kube/work-queue.ts'
import type { PoolCounts } from './allocator/pool-state.ts'

/** What is read when the metrics are scraped. */
export interface MetricSources {
  /** pools in force with their counts */
  readonly pools: () => Iterable<readonly [name: string, counts: PoolCounts]>
  readonly configLoaded: () => boolean
  /** an object is in error, and not all that is written is in force */
  readonly configStale: () => boolean
  readonly leader: () => boolean
  /** Services without all of their frontends */
  readonly frontendConflicts: () => number
  /** the phase of each AddressReservation, '' before it has one */
  readonly reservationPhases: () => Iterable<string>
  readonly queues: () => Iterable<{ readonly name: string; readonly depth: number }>
}

/** The metrics of one controller, under upstream's names where upstream has them; its own registry. */
export class ControllerMetrics {
  readonly registry = new Registry()
  readonly #updates: Counter
  readonly #updateErrors: Counter
  readonly #retries: Counter<'name'>
  readonly #duration: Histogram<'name'>
  readonly #wait: Histogram<'name'>
  readonly #reviews: Counter<'kind' | 'verdict'>
  readonly #reviewDuration: Histogram

  constructor(sources: MetricSources) {
    const registers = [this.registry]
    const perPool = (name: string, help: string, value: (counts: PoolCounts) => bigint | number) =>
      new Gauge({
        name: `metallb_allocator_${name}`,
        help,
        labelNames: ['pool'],
        registers,
        collect() {
          this.reset()
          for (const [pool, counts] of sources.pools()) this.set({ pool }, Number(value(counts)))
        },
      })
    perPool('addresses_total', 'Addresses that the pool has', ({ capacity }) => capacity.v4 + capacity.v6)
    perPool('ipv4_addresses_total', 'IPv4 addresses that the pool has', ({ capacity }) => capacity.v4)
    perPool('ipv6_addresses_total', 'IPv6 addresses that the pool has', ({ capacity }) => capacity.v6)
    perPool('addresses_in_use_total', 'Addresses in use', ({ assigned }) => assigned.v4 + assigned.v6)
    perPool('ipv4_addresses_in_use_total', 'IPv4 addresses in use', ({ assigned }) => assigned.v4)
    perPool('ipv6_addresses_in_use_total', 'IPv6 addresses in use', ({ assigned }) => assigned.v6)
    perPool('services_allocated_total', 'Services with addresses of the pool', ({ services }) => services)
    const gauge = (name: string, help: string, value: () => boolean | number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(Number(value()))
        },
      })
    gauge('metallb_k8s_client_config_loaded_bool', '1 once a configuration is in force', sources.configLoaded)
    gauge(
      'metallb_k8s_client_config_stale_bool',
      '1 while an object of the configuration is in error',
      sources.configStale,
    )
    gauge('fairlead_controller_leader', '1 while this replica leads', sources.leader)
    gauge(
      'fairlead_frontend_conflicts',
      'Services that claim an address and port which an older Service has',
      sources.frontendConflicts,
    )
    const reservations = new Gauge({
      name: 'fairlead_reservations',
      help: 'AddressReservations by phase',
      labelNames: ['phase'],
      registers: [],
      collect() {
        this.reset()
        for (const phase of sources.reservationPhases()) this.inc({ phase: phase || 'Unknown' })
      },
    })
    const depths = new Gauge({
      name: 'workqueue_depth',
      help: 'Keys that wait, due or not',
      labelNames: ['name'],
      registers: [],
      collect() {
        for (const { name, depth } of sources.queues()) this.set({ name }, depth)
      },
    })
    for (const one of [depths, reservations]) this.registry.registerMetric(one as Gauge)
    const seconds = (name: string, help: string) =>
      new Histogram({ name, help, labelNames: ['name'], registers, buckets: [0.001, 0.01, 0.1, 1, 10, 60] })
    this.#duration = seconds('workqueue_work_duration_seconds', 'How long work on one key took')
    this.#wait = seconds('workqueue_queue_duration_seconds', 'How long a key was due before work on it began')
    this.#retries = new Counter({
      name: 'workqueue_retries_total',
      help: 'Keys that failed and are tried again',
      labelNames: ['name'],
      registers,
    })
    this.#reviews = new Counter({
      name: 'fairlead_webhook_reviews_total',
      help: 'Objects that the webhook judged',
      labelNames: ['kind', 'verdict'],
      registers,
    })
    this.#reviewDuration = new Histogram({
      name: 'fairlead_webhook_review_duration_seconds',
      help: 'How long a judgement took, what had to be looked up included',
      registers,
      buckets: [0.001, 0.01, 0.1, 1, 10],
    })
    this.#updates = new Counter({
      name: 'metallb_k8s_client_updates_total',
      help: 'Objects that were reconciled',
      registers,
    })
    this.#updateErrors = new Counter({
      name: 'metallb_k8s_client_update_errors_total',
      help: 'Reconciles that failed',
      registers,
    })
  }

  /** One answer of the webhook. @param verdict allowed, warned, denied, or unknown for a request that was not judged */
  review(kind: string, verdict: string, ms: number): void {
    this.#reviews.inc({ kind, verdict })
    this.#reviewDuration.observe(ms / 1000)
  }

  observe(name: string, outcome: Outcome, ms: number, waitedMs: number): void {
    this.#duration.observe({ name }, ms / 1000)
    this.#wait.observe({ name }, waitedMs / 1000)
    this.#updates.inc()
    if (outcome.kind === 'failed') this.#retries.inc({ name })
    if (outcome.kind === 'failed' || outcome.kind === 'terminal') this.#updateErrors.inc()
  }
}
