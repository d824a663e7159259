import { createServer } from 'node:net'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger, type Logger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import type { LocalDetector } from '../config.ts'
import { testConfig } from '../fixtures.ts'
import { ForwardingMetrics } from '../metrics.ts'
import { configz } from './configz.ts'
import { freePort } from './free-port.ts'
import type { NodeState, ProgrammingState } from './proxy-health.ts'
import { proxyHealthServer, proxyMetricsServer, type ProxyServer } from './proxy-server.ts'

/** For `vi.waitFor`. */
const patience = { interval: 2, timeout: 4000 }

let server: ProxyServer
afterEach(() => server.stop())

const at = { host: '127.0.0.1', port: 0 }

const get = async (path: string) => {
  const port = await vi.waitFor(() => {
    if (server.port === undefined) throw new Error('not open')
    return server.port
  }, patience)
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return { code: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

test('/healthz and /livez', async () => {
  const registry = new Registry()
  const clock = new TestClock()
  let programming: ProgrammingState = { queuedSince: undefined, lastSync: clock.now() }
  let node: NodeState | undefined
  server = proxyHealthServer({
    at,
    clock: { now: () => clock.now(), setTimeout: systemClock.setTimeout },
    log: silentLogger,
    programming: () => programming,
    node: () => node,
    metrics: new ForwardingMetrics(registry),
  })
  server.start()
  expect(await get('/healthz')).toMatchObject({ code: 200, type: 'application/json' })
  node = { deleting: true, taints: [] }
  expect((await get('/healthz')).code).toBe(503)
  expect((await get('/livez')).code).toBe(200)
  programming = { ...programming, queuedSince: clock.now() }
  await clock.advance(60_000)
  expect((await get('/livez?verbose')).code).toBe(503)
  expect(await get('/')).toMatchObject({ code: 404, body: '404 page not found\n' })
  const text = await registry.metrics()
  expect(text).toContain('kubeproxy_proxy_healthz_total{code="200"} 1\n')
  expect(text).toContain('kubeproxy_proxy_healthz_total{code="503"} 1\n')
  expect(text).toContain('kubeproxy_proxy_livez_total{code="200"} 1\n')
  expect(text).toContain('kubeproxy_proxy_livez_total{code="503"} 1\n')
})

test('the metrics address', async () => {
  const registry = new Registry()
  new ForwardingMetrics(registry).serviceChanges.inc(7)
  server = proxyMetricsServer({
    at,
    clock: systemClock,
    log: silentLogger,
    registry,
    configz: () => configz(testConfig, { metrics: { host: '127.0.0.1', port: 10_249 } }),
  })
  server.start()
  const metrics = await get('/metrics')
  expect(metrics.type).toContain('text/plain; version=0.0.4')
  expect(metrics.body).toContain('kubeproxy_sync_proxy_rules_service_changes_total 7')
  expect(await get('/healthz')).toMatchObject({ code: 200, body: 'ok' })
  expect(await get('/proxyMode')).toMatchObject({
    code: 200,
    type: 'text/plain; charset=utf-8',
    body: 'nftables',
  })
  const shown = await get('/configz')
  expect(shown).toMatchObject({ code: 200, type: 'application/json' })
  expect(JSON.parse(shown.body)).toEqual({
    'kubeproxy.config.k8s.io': {
      mode: 'nftables',
      healthzBindAddress: '',
      metricsBindAddress: '127.0.0.1:10249',
      detectLocalMode: 'ClusterCIDR',
      clusterCIDR: '10.0.0.0/8,fd00:10::/64',
      nodePortAddresses: ['primary'],
      nftables: { masqueradeBit: 14, masqueradeAll: false, minSyncPeriod: '0s' },
    },
  })
  expect((await get('/debug/pprof')).code).toBe(404)
})

test('a taken port is reported once and taken over when it is free', async () => {
  const port = await freePort()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
  const clock = new TestClock()
  const said: string[] = []
  const log: Logger = {
    ...silentLogger,
    warn: (_, message) => said.push(message),
    info: (_, message) => said.push(message),
  }
  server = proxyMetricsServer({
    at: { host: '127.0.0.1', port },
    clock,
    log,
    registry: new Registry(),
    configz: () => ({}),
  })
  server.start()
  for (let attempt = 0; attempt < 3; attempt++) {
    await clock.advance(0)
    await vi.waitFor(() => expect(clock.next).toBeGreaterThan(0), patience)
    await clock.advance(clock.next ?? 0)
  }
  expect(said).toEqual(['proxy metrics server is not open'])
  await new Promise((resolve) => taken.close(resolve))
  await vi.waitFor(async () => {
    await clock.advance(60_000)
    expect(said).toEqual(['proxy metrics server is not open', 'proxy metrics server is open now'])
  }, patience)
  expect((await get('/proxyMode')).body).toBe('nftables')
})

describe('/configz names the detector', () => {
  test.each<[LocalDetector, object]>([
    [{ by: 'nothing' }, { detectLocalMode: '' }],
    [{ by: 'node-cidrs' }, { detectLocalMode: 'NodeCIDR' }],
    [
      { by: 'bridge', name: 'cni0' },
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'cni0' } },
    ],
    [
      { by: 'interface-prefix', prefix: 'veth' },
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } },
    ],
  ])('%j', (detector, shown) => {
    const config = { ...testConfig, detector, nodePortAddresses: [parsePrefix('192.168.0.0/16')] }
    expect(configz(config, { healthz: { host: '::', port: 10_256 } })).toMatchObject({
      'kubeproxy.config.k8s.io': {
        ...shown,
        healthzBindAddress: '[::]:10256',
        nodePortAddresses: ['192.168.0.0/16'],
      },
    })
  })
})
