import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** kube-proxy's buckets: 0.25, 0.5, 1 … 59, 60 … 115 by 5, 120 … 300 by 30 seconds. */
const programmingBuckets = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + index * 5),
  ...Array.from({ length: 7 }, (_, index) => 120 + index * 30),
]

const syncBuckets = Array.from({ length: 15 }, (_, index) => 0.0001 * 2 ** index)

/**
 * kube-proxy's metrics, under its names, so that its dashboards and alerts keep working. One transaction holds both
 * address families, so the label `ip_family` is absent.
 */
export class ForwardingMetrics {
  readonly syncDuration: Histogram
  readonly lastSync: Gauge
  readonly lastQueued: Gauge
  readonly serviceChanges: Counter
  readonly serviceChangesPending: Gauge
  readonly endpointChanges: Counter
  readonly endpointChangesPending: Gauge
  readonly programmingDuration: Histogram
  readonly syncFailures: Counter
  readonly elements: Gauge

  constructor(registry: Registry) {
    const registers = [registry]
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers })
    const counter = (name: string, help: string) => new Counter({ name, help, registers })
    this.syncDuration = new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'Time that one synchronisation of forwarding took',
      buckets: syncBuckets,
      registers,
    })
    this.programmingDuration = new Histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'Time from the change of a Pod to its endpoint being in the kernel',
      buckets: programmingBuckets,
      registers,
    })
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
    this.syncFailures = counter(
      'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      'Synchronisations that failed and were tried again',
    )
    this.elements = gauge('fairlead_forwarding_elements', 'Elements that the kernel holds for forwarding')
  }
}
