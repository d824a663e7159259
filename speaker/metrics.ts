import { Counter, Gauge, Registry } from 'prom-client'
import { Layer2Metrics } from './layer2-metrics.ts'
import { registerReadMetric } from './read-metric.ts'

/** One address of a Service that is announced by one protocol. */
export interface Announced {
  readonly service: string
  readonly protocol: 'layer2' | 'bgp'
  readonly node: string
  readonly ip: string
}

/**
 * The speaker's Prometheus metrics under MetalLB's names, so that dashboards and alerts go on working. Those of BGP and
 * BFD are registered here, too, and read from what the wire thread has told (`bgp/metrics.ts`, `bfd/metrics.ts`).
 */
export class SpeakerMetrics {
  readonly registry = new Registry()
  readonly layer2 = new Layer2Metrics(this.registry)
  readonly #updates = this.#counter(
    'metallb_k8s_client_updates_total',
    'Configuration and Service events processed',
    [],
  )
  readonly #updateErrors = this.#counter(
    'metallb_k8s_client_update_errors_total',
    'Events that could not be processed',
    [],
  )
  readonly #configLoaded = this.#gauge(
    'metallb_k8s_client_config_loaded_bool',
    '1 when a configuration was loaded',
    [],
  )
  readonly #configStale = this.#gauge(
    'metallb_k8s_client_config_stale_bool',
    '1 when part of the configuration is invalid and its last good version is in force',
    [],
  )

  /** read when metrics are asked for */
  #announced: () => Iterable<Announced> = () => []

  constructor() {
    registerReadMetric(this.registry, {
      name: 'metallb_speaker_announced',
      help: 'Services announced from this node',
      type: 'gauge',
      samples: () => [...this.#announced()].map((labels) => ({ labels: { ...labels }, value: 1 })),
    })
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  /** Where it is read what is announced. */
  readAnnounced(source: () => Iterable<Announced>): void {
    this.#announced = source
  }

  update(failed: boolean): void {
    this.#updates.inc()
    if (failed) this.#updateErrors.inc()
  }

  config(loaded: boolean, stale: boolean): void {
    this.#configLoaded.set(loaded ? 1 : 0)
    this.#configStale.set(stale ? 1 : 0)
  }
}
