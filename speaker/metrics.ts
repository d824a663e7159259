import { Counter, Gauge, Registry } from 'prom-client'
import type { SessionStatus } from '#bgp-ts/status.ts'
import type { AddressCounters } from './wire/protocol.ts'

/**
 * The speaker's Prometheus metrics under MetalLB's names (labels as upstream's native mode), so that dashboards and
 * alerts go on working. Values come from the wire thread as totals; counters are set to them.
 */
export class SpeakerMetrics {
  readonly registry = new Registry()
  readonly #announced = this.#gauge('metallb_speaker_announced', 'Services announced from this node', [
    'service',
    'protocol',
    'node',
    'ip',
  ])
  readonly #requests = this.#counter(
    'metallb_layer2_requests_received',
    'ARP and NDP requests for owned IPs',
    ['ip'],
  )
  readonly #responses = this.#counter('metallb_layer2_responses_sent', 'ARP and NDP answers for owned IPs', [
    'ip',
  ])
  readonly #gratuitous = this.#counter(
    'metallb_layer2_gratuitous_sent',
    'Gratuitous ARP and NDP frames sent',
    ['ip'],
  )
  readonly #conflicts = this.#counter(
    'fairlead_layer2_conflicts',
    'Frames in which another MAC claimed an owned IP',
    ['ip'],
  )
  readonly #sessionUp = this.#gauge('metallb_bgp_session_up', 'BGP session state (1 is Established)', [
    'peer',
  ])
  readonly #prefixes = this.#gauge('metallb_bgp_announced_prefixes_total', 'Prefixes announced to the peer', [
    'peer',
  ])
  readonly #pending = this.#gauge(
    'metallb_bgp_pending_prefixes_total',
    'Prefixes not yet written to the peer',
    ['peer'],
  )
  readonly #sessions = {
    updatesSent: this.#counter('metallb_bgp_updates_total', 'UPDATE messages sent', ['peer']),
    opensSent: this.#counter('metallb_bgp_opens_sent', 'OPEN messages sent', ['peer']),
    opensReceived: this.#counter('metallb_bgp_opens_received', 'OPEN messages received', ['peer']),
    notificationsSent: this.#counter('metallb_bgp_notifications_sent', 'NOTIFICATION messages sent', [
      'peer',
    ]),
    keepalivesSent: this.#counter('metallb_bgp_keepalives_sent', 'KEEPALIVE messages sent', ['peer']),
    keepalivesReceived: this.#counter('metallb_bgp_keepalives_received', 'KEEPALIVE messages received', [
      'peer',
    ]),
    updatesReceived: this.#counter('metallb_bgp_updates_total_received', 'UPDATE messages received', [
      'peer',
    ]),
  }
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

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  /** One Service's addresses by one protocol: 1 while announced, gone otherwise. */
  announced(service: string, protocol: 'layer2' | 'bgp', node: string, ip: string, on: boolean): void {
    const labels = { service, protocol, node, ip }
    if (on) this.#announced.set(labels, 1)
    else this.#announced.remove(labels)
  }

  addresses(counters: readonly AddressCounters[]): void {
    for (const one of counters) {
      const labels = { ip: one.address }
      setTotal(this.#requests, labels, one.requestsReceived)
      setTotal(this.#responses, labels, one.responsesSent)
      setTotal(this.#gratuitous, labels, one.gratuitousSent)
      setTotal(this.#conflicts, labels, one.conflicts)
    }
  }

  session(status: SessionStatus): void {
    const labels = { peer: status.endpoint }
    this.#sessionUp.set(labels, status.state === 'Established' ? 1 : 0)
    this.#prefixes.set(
      labels,
      Object.values(status.announced).reduce((sum, count) => sum + count, 0),
    )
    this.#pending.set(labels, status.pending)
    for (const name of sessionCounters) setTotal(this.#sessions[name], labels, status.counters[name])
  }

  /** An address that no Service has any more leaves no series behind. */
  forgetAddress(ip: string): void {
    for (const metric of [this.#requests, this.#responses, this.#gratuitous, this.#conflicts])
      metric.remove({ ip })
  }

  /** A peer that is no longer configured leaves no series behind. */
  forgetSession(endpoint: string): void {
    const labels = { peer: endpoint }
    for (const metric of [this.#sessionUp, this.#prefixes, this.#pending, ...Object.values(this.#sessions)]) {
      metric.remove(labels)
    }
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

/** The counters of a session that upstream has a metric for. */
const sessionCounters = [
  'updatesSent',
  'opensSent',
  'opensReceived',
  'notificationsSent',
  'keepalivesSent',
  'keepalivesReceived',
  'updatesReceived',
] as const

/** prom-client counters only grow by `inc`; totals from another thread are brought over by removing and adding. */
function setTotal(counter: Counter, labels: Record<string, string>, total: number): void {
  counter.remove(labels)
  counter.inc(labels, total)
}
