import { Registry } from 'prom-client'
import { beforeEach, describe, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { service, slice, testNode } from './fixtures.ts'
import { ForwardingMetrics } from './metrics.ts'
import { NoLocalEndpoints } from './no-local-endpoints.ts'
import { planService } from './plan.ts'

let registry: Registry
let metrics: ForwardingMetrics

beforeEach(() => {
  registry = new Registry()
  metrics = new ForwardingMetrics(registry)
})

const value = async (line: string): Promise<number | undefined> => {
  const text = await registry.metrics()
  const found = text.split('\n').find((one) => one.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length + 1))
}

test("kube-proxy's names", () => {
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'kubeproxy_conntrack_reconciler_deleted_entries_total',
      'kubeproxy_conntrack_reconciler_sync_duration_seconds',
      'kubeproxy_network_programming_duration_seconds',
      'kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total',
      'kubeproxy_nftables_localhost_nodeport_listeners',
      'kubeproxy_proxy_healthz_total',
      'kubeproxy_proxy_livez_total',
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'kubeproxy_sync_proxy_rules_duration_seconds',
      'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
      'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      'kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total',
      'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
      'kubeproxy_sync_proxy_rules_service_changes_pending',
      'kubeproxy_sync_proxy_rules_service_changes_total',
    ]),
  )
})

test('counters that a rate needs are there before their first event', async () => {
  expect(await value('kubeproxy_proxy_healthz_total{code="503"}')).toBe(0)
  expect(await value('fairlead_forwarding_resyncs_total{cause="foreign change"}')).toBe(0)
  expect(await value('kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv6"}')).toBe(0)
})

test('a synchronisation counts once, as a whole and as full or partial', async () => {
  metrics.synced(true, 0.5, 1_700_000_000_500)
  metrics.synced(false, 0.0002, 1_700_000_001_000)
  expect(await value('kubeproxy_sync_proxy_rules_duration_seconds_count')).toBe(2)
  expect(await value('kubeproxy_sync_full_proxy_rules_duration_seconds_count')).toBe(1)
  expect(await value('kubeproxy_sync_partial_proxy_rules_duration_seconds_count')).toBe(1)
  expect(await value('kubeproxy_sync_partial_proxy_rules_duration_seconds_bucket{le="0.00025"}')).toBe(1)
  expect(await value('kubeproxy_sync_full_proxy_rules_duration_seconds_bucket{le="0.512"}')).toBe(1)
  expect(await value('kubeproxy_sync_proxy_rules_last_timestamp_seconds')).toBe(1_700_000_001)
})

test('escapes and returned packets are what the data plane has counted, over all its counters', async () => {
  metrics.setCounters({ escapes: 3, returned: 0 })
  metrics.setCounters({ escapes: 3, returned: 7 })
  metrics.setCounters({ escapes: 5, returned: 7 })
  expect(await value('fairlead_forwarding_escapes_dropped_total')).toBe(5)
  expect(await value('fairlead_forwarding_returned_refused_total')).toBe(7)
  metrics.setCounters({ escapes: 1, returned: 0 })
  expect(await value('fairlead_forwarding_escapes_dropped_total')).toBe(6)
})

describe('Service ports without local endpoints', () => {
  let tracker: NoLocalEndpoints
  beforeEach(() => {
    tracker = new NoLocalEndpoints(metrics.noLocalEndpoints)
  })

  const plan = (made: Service, ...slices: EndpointSlice[]) => planService(made, slices, testNode)
  const remote = (name: string, ...ports: { name?: string; port: number }[]) =>
    slice(name, [{ address: '10.0.0.1', node: 'other' }], ports.length > 0 ? ports : undefined)
  const counts = async () => {
    const one = (policy: string, family: string) =>
      value(
        `kubeproxy_sync_proxy_rules_no_local_endpoints_total{traffic_policy="${policy}",ip_family="${family}"}`,
      )
    return [
      await one('internal', 'IPv4'),
      await one('internal', 'IPv6'),
      await one('external', 'IPv4'),
      await one('external', 'IPv6'),
    ]
  }

  test('are counted by policy, and go with their Service', async () => {
    expect(await counts()).toEqual([0, 0, 0, 0])
    tracker.set('ns/a', plan(service('a', { internal: 'Local' }), remote('a')))
    tracker.set('ns/b', plan(service('b', { internal: 'Local', clusterIPs: ['172.30.0.2'] }), remote('b')))
    tracker.set('ns/b', plan(service('b', { internal: 'Local', clusterIPs: ['172.30.0.2'] }), remote('b')))
    expect(await counts()).toEqual([2, 0, 0, 0])
    tracker.delete('ns/a')
    tracker.delete('ns/a')
    expect(await counts()).toEqual([1, 0, 0, 0])
    const local = slice('b', [{ address: '10.0.0.1', node: 'node-1' }])
    tracker.set('ns/b', plan(service('b', { internal: 'Local', clusterIPs: ['172.30.0.2'] }), local))
    expect(await counts()).toEqual([0, 0, 0, 0])
  })

  test('a port is one, however many external addresses and NodePorts it has', async () => {
    const ports = [
      { name: 'a', port: 80, nodePort: 30_080 },
      { name: 'b', port: 443, nodePort: 30_443 },
    ]
    const text = { ports, external: 'Local' as const, ingress: [{ ip: '1.2.3.4' }, { ip: '1.2.3.5' }] }
    const targets = [
      { name: 'a', port: 8080 },
      { name: 'b', port: 8443 },
    ]
    tracker.set('ns/s', plan(service('s', text), remote('s', ...targets)))
    expect(await counts()).toEqual([0, 0, 2, 0])
    tracker.set(
      'ns/s',
      plan(service('s', { ...text, type: 'NodePort', ingress: [] }), remote('s', ...targets)),
    )
    expect(await counts()).toEqual([0, 0, 2, 0])
  })

  test('not when nobody has endpoints, nor with policy Cluster', async () => {
    tracker.set('ns/a', plan(service('a', { internal: 'Local' })))
    tracker.set('ns/b', plan(service('b'), remote('b')))
    expect(await counts()).toEqual([0, 0, 0, 0])
  })

  test('follow what is programmed', async () => {
    const made = service('a', { internal: 'Local', clusterIPs: ['fd00:172:30::1'] })
    const slices = [slice('a', [{ address: 'fd00:10::1', node: 'other' }])]
    const one = { key: 'ns/a', service: made, slices, plan: plan(made, ...slices) }
    tracker.programmed(new Map([['ns/a', one]]))
    expect(await counts()).toEqual([0, 1, 0, 0])
    tracker.programmed(new Map([['ns/a', undefined]]))
    expect(await counts()).toEqual([0, 0, 0, 0])
  })
})
