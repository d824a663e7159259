import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Family } from '#inet/address.ts'
import type { Counters } from './dataplane.ts'

/** kube-proxy's buckets: 0.25, 0.5, 1 … 59, 60 … 115 by 5, 120 … 300 by 30 seconds. */
const programmingBuckets = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + index * 5),
  ...Array.from({ length: 7 }, (_, index) => 120 + index * 30),
]

/** kube-proxy's buckets, 1 ms to 16 s by doubling. */
const kubeProxySyncBuckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index)

/** All of kube-proxy's bounds, so that quantiles over both proxies are right, and finer ones below. */
const syncBuckets = [0.0001, 0.00025, 0.0005, ...kubeProxySyncBuckets]

/** Why everything was listed again and compared. */
export const resyncCauses = ['start', 'failure', 'foreign change', 'overrun'] as const
export type ResyncCause = (typeof resyncCauses)[number]

/** Why a connection to a NodePort on loopback was reset. */
export const localhostRefusals = ['limit', 'unreachable'] as const

/** The value of the label `ip_family`. */
export const familyLabel = (family: Family): { ip_family: 'IPv4' | 'IPv6' } => ({
  ip_family: family === 4 ? 'IPv4' : 'IPv6',
})

/**
 * kube-proxy's metrics, under its names, so that its dashboards, alerts and the NetworkProgrammingLatency SLI keep
 * working.
 *
 * kube-proxy has a proxier for each address family, and since 1.33 its metrics say which by the label `ip_family`.
 * Here one transaction holds both families. What belongs to the transaction (durations, timestamps, failures) has no
 * `ip_family`: counted for each family, `sum(rate(kubeproxy_sync_proxy_rules_duration_seconds_count[5m]))`, as the
 * "Kubernetes / Proxy" dashboard has it, would show twice as many synchronisations as there are. What is of one
 * family has the label, with kube-proxy's values IPv4 and IPv6: `…_no_local_endpoints_total`, conntrack, listeners on
 * loopback. Programming latency is observed once for each change of an EndpointSlice, whatever its family, so the
 * quantiles and rates of the SLI are the true ones; the label may say its family.
 *
 * Left out, because nothing here could make them true: `…_iptables_…`, and
 * `kubeproxy_nftables_localhost_nodeport_rejected_packets_total` (no rule of ours refuses UDP or SCTP to a NodePort on
 * loopback: nobody listens there, and the kernel says so).
 */
export class ForwardingMetrics {
  readonly syncDuration: Histogram
  readonly fullSyncDuration: Histogram
  readonly partialSyncDuration: Histogram
  readonly lastSync: Gauge
  readonly lastQueued: Gauge
  readonly serviceChanges: Counter
  readonly serviceChangesPending: Gauge
  readonly endpointChanges: Counter
  readonly endpointChangesPending: Gauge
  readonly programmingDuration: Histogram
  readonly syncFailures: Counter
  readonly cleanupFailures: Counter
  /** by `traffic_policy` and `ip_family`; fed by `no-local-endpoints.ts` */
  readonly noLocalEndpoints: Gauge
  /** by `ip_family` */
  readonly conntrackSyncDuration: Histogram
  /** by `ip_family` */
  readonly conntrackDeleted: Counter
  /** by `code` */
  readonly proxyHealthz: Counter
  /** by `code` */
  readonly proxyLivez: Counter
  /** by `ip_family` */
  readonly localhostListeners: Gauge
  /** by `ip_family` */
  readonly localhostListenerFailures: Counter
  readonly localhostConnections: Gauge
  /** by `reason` */
  readonly localhostRefused: Counter
  readonly elements: Gauge
  readonly hashElements: Gauge
  readonly hashDenied: Gauge
  /** by `cause` */
  readonly resyncs: Counter
  readonly escapesDropped: Counter
  readonly returnedRefused: Counter
  /** how the data plane's counters are read, at each scrape */
  readCounters: (() => Promise<Counters>) | undefined
  #reading: Promise<void> | undefined
  #seen: Counters = { escapes: 0, returned: 0 }

  constructor(registry: Registry) {
    const registers = [registry]
    const gauge = (name: string, help: string, labelNames: string[] = []) =>
      new Gauge({ name, help, labelNames, registers })
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers })
    const histogram = (name: string, help: string, buckets: number[], labelNames: string[] = []) =>
      new Histogram({ name, help, buckets, labelNames, registers })

    this.syncDuration = histogram(
      'kubeproxy_sync_proxy_rules_duration_seconds',
      'Time that one synchronisation of forwarding took',
      syncBuckets,
    )
    this.fullSyncDuration = histogram(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'Time that a synchronisation took that listed everything first',
      syncBuckets,
    )
    this.partialSyncDuration = histogram(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'Time that a synchronisation of what had changed took',
      syncBuckets,
    )
    this.programmingDuration = histogram(
      'kubeproxy_network_programming_duration_seconds',
      'Time from the change of a Pod to its endpoint being in the kernel',
      programmingBuckets,
      ['ip_family'],
    )
    this.lastSync = gauge(
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      'When forwarding was last synchronised',
    )
    this.lastQueued = gauge(
      'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
      'When a synchronisation was last asked for',
    )
    this.serviceChanges = counter(
      'kubeproxy_sync_proxy_rules_service_changes_total',
      'Changes of Services seen',
    )
    this.serviceChangesPending = gauge(
      'kubeproxy_sync_proxy_rules_service_changes_pending',
      'Changes of Services that are not in the kernel yet',
    )
    this.endpointChanges = counter(
      'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      'Changes of EndpointSlices seen',
    )
    this.endpointChangesPending = gauge(
      'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
      'Changes of EndpointSlices that are not in the kernel yet',
    )
    this.noLocalEndpoints = gauge(
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
      'Service ports with a Local traffic policy and endpoints on other nodes only',
      ['traffic_policy', 'ip_family'],
    )
    this.syncFailures = counter(
      'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      'Synchronisations that failed and were tried again',
    )
    this.cleanupFailures = counter(
      'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total',
      'Removals of what is no longer used that failed',
    )
    this.conntrackSyncDuration = histogram(
      'kubeproxy_conntrack_reconciler_sync_duration_seconds',
      'Time that one removal of stale conntrack entries took',
      kubeProxySyncBuckets,
      ['ip_family'],
    )
    this.conntrackDeleted = counter(
      'kubeproxy_conntrack_reconciler_deleted_entries_total',
      'Stale conntrack entries removed',
      ['ip_family'],
    )
    this.proxyHealthz = counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz', ['code'])
    this.proxyLivez = counter('kubeproxy_proxy_livez_total', 'Answers of /livez', ['code'])
    this.localhostListeners = gauge(
      'kubeproxy_nftables_localhost_nodeport_listeners',
      'NodePorts that are open on loopback',
      ['ip_family'],
    )
    this.localhostListenerFailures = counter(
      'kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total',
      'NodePorts that could not be opened on loopback',
      ['ip_family'],
    )
    this.localhostConnections = gauge(
      'fairlead_forwarding_localhost_connections',
      'Connections to NodePorts on loopback that are open',
    )
    this.localhostRefused = counter(
      'fairlead_forwarding_localhost_refused_total',
      'Connections to NodePorts on loopback that were reset: too many, or no endpoint took them',
      ['reason'],
    )
    this.elements = gauge('fairlead_forwarding_elements', 'Elements that the kernel holds for forwarding')
    this.hashElements = gauge(
      'fairlead_forwarding_source_hash_elements',
      'Elements of choice by client address (fairlead.io/balance: source-hash) that there are',
    )
    this.hashDenied = gauge(
      'fairlead_forwarding_source_hash_denied_services',
      'Services that ask for choice by client address and go without: older ones have all elements that there may be',
    )
    this.resyncs = counter(
      'fairlead_forwarding_resyncs_total',
      'How often everything was listed again and compared',
      ['cause'],
    )
    this.escapesDropped = new Counter({
      name: 'fairlead_forwarding_escapes_dropped_total',
      help: 'First packets to a frontend that nothing had translated, and that were dropped for it',
      registers,
      collect: () => this.#readCounters(),
    })
    this.returnedRefused = new Counter({
      name: 'fairlead_forwarding_returned_refused_total',
      help: 'First packets to an address that no Service has any more, which would have gone back to where they came from',
      registers,
      collect: () => this.#readCounters(),
    })
    // A rate needs the series before the first event.
    for (const code of ['200', '503']) {
      this.proxyHealthz.inc({ code }, 0)
      this.proxyLivez.inc({ code }, 0)
    }
    for (const cause of resyncCauses) this.resyncs.inc({ cause }, 0)
    for (const reason of localhostRefusals) this.localhostRefused.inc({ reason }, 0)
    for (const family of [4, 6] as const) {
      this.conntrackDeleted.inc(familyLabel(family), 0)
      this.localhostListeners.set(familyLabel(family), 0)
      this.localhostListenerFailures.inc(familyLabel(family), 0)
    }
  }

  /** One synchronisation succeeded: `full` behind a listing, `seconds` long, at epoch ms `now`. */
  synced(full: boolean, seconds: number, now: number): void {
    this.syncDuration.observe(seconds)
    if (full) this.fullSyncDuration.observe(seconds)
    else this.partialSyncDuration.observe(seconds)
    this.lastSync.set(now / 1000)
  }

  /** How much choice by client address takes. */
  hashed({ elements, denied }: { readonly elements: number; readonly denied: number }): void {
    this.hashElements.set(elements)
    this.hashDenied.set(denied)
  }

  /** Both metrics ask for them at each scrape. */
  #readCounters(): Promise<void> {
    return (this.#reading ??= this.#readThem().finally(() => (this.#reading = undefined)))
  }

  async #readThem(): Promise<void> {
    try {
      if (this.readCounters !== undefined) this.setCounters(await this.readCounters())
    } catch {
      // The last figure stays: a scrape must not fail because the kernel is busy.
    }
  }

  /** What the data plane has counted since its counters were made; less than before is a new counter. */
  setCounters(total: Counters): void {
    const more = (name: keyof Counters) =>
      total[name] < this.#seen[name] ? total[name] : total[name] - this.#seen[name]
    this.escapesDropped.inc(more('escapes'))
    this.returnedRefused.inc(more('returned'))
    this.#seen = total
  }
}
