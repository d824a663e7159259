import { Registry } from 'prom-client'
import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from './fake-dataplane.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'
import { ForwardingMetrics } from './metrics.ts'
import { emptyElements } from './model.ts'
import type { ForwardingConfig } from './config.ts'

let clock: TestClock
let plane: FakeDataplane
let registry: Registry
let told: string[][]

beforeEach(() => {
  clock = new TestClock()
  plane = new FakeDataplane()
  registry = new Registry()
  told = []
})

function forwarder(config: ForwardingConfig = testConfig): Forwarder {
  return new Forwarder({
    dataplane: plane,
    clock,
    config,
    log: silentLogger,
    metrics: new ForwardingMetrics(new Registry()),
    onProgrammed: (services) => told.push([...services].sort()),
  })
}

async function started(): Promise<Forwarder> {
  const one = forwarder()
  one.start()
  one.setNode(testNode)
  one.allListed()
  await clock.advance(0)
  return one
}

const has = (text: string) => plane.dump().some((line) => line.includes(text))

describe('start', () => {
  test.each([
    ['start', (one: Forwarder) => one.start()],
    ['the node', (one: Forwarder) => one.setNode(testNode)],
    ['the lists', (one: Forwarder) => one.allListed()],
  ])('nothing is touched before %s', async (name) => {
    const one = forwarder()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    if (name !== 'start') one.start()
    if (name !== 'the node') one.setNode(testNode)
    if (name !== 'the lists') one.allListed()
    await clock.advance(60_000)
    expect(plane.adoptions).toBe(0)
    expect(one.view().synced).toBe(false)
  })

  test('another program is replaced: endpoints go where it had them', async () => {
    const inherited = emptyElements()
    inherited[4].frontends.set('172.30.0.41 . tcp . 80', '2')
    inherited[4].endpoints.set('172.30.0.41 . tcp . 80 . 0', '10.0.0.2 . 80')
    inherited[4].endpoints.set('172.30.0.41 . tcp . 80 . 1', '10.0.0.1 . 80')
    Object.assign(plane, { inherited: () => inherited })
    const one = forwarder()
    one.start()
    one.setNode(testNode)
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2'])])
    one.allListed()
    await clock.advance(0)
    expect(one.elements()[4].endpoints).toEqual(inherited[4].endpoints)
  })

  test('a restart changes nothing', async () => {
    const first = await started()
    first.setService('ns/s', service('s'), [slice('s', ['10.0.0.1', '10.0.0.2', '10.0.0.3'])])
    await clock.advance(0)
    // Out of order on purpose: slots are what the data plane has, not what a fresh plan would choose.
    first.setService('ns/s', service('s'), [slice('s', ['10.0.0.2', '10.0.0.3', '10.0.0.4'])])
    await clock.advance(0)
    await first.stop()
    const before = plane.dump()
    const { length } = plane.transactions
    const second = forwarder()
    second.start()
    second.setNode(testNode)
    second.setService('ns/s', service('s'), [slice('s', ['10.0.0.4', '10.0.0.3', '10.0.0.2'])])
    second.allListed()
    await clock.advance(0)
    expect(plane.transactions.length).toBe(length)
    expect(plane.dump()).toEqual(before)
    expect(second.view()).toMatchObject({ synced: true, generation: 0 })
    expect(second.isProgrammed('ns/s')).toBe(true)
  })

  test('what no Service wants any more is taken away', async () => {
    plane.meddle((elements) => elements[4]['cluster-ips'].set('172.30.7.7', ''))
    await started()
    expect(has('172.30.7.7')).toBe(false)
  })

  test('mode off: nothing is done and everything counts as programmed', async () => {
    const one = forwarder({ ...testConfig, mode: 'off' })
    one.start()
    one.setNode(testNode)
    one.setService('ns/s', service('s'), [])
    one.allListed()
    await clock.advance(60_000)
    expect(plane.adoptions).toBe(0)
    expect(one.isProgrammed('ns/s')).toBe(true)
    expect(one.view()).toMatchObject({ mode: 'off', synced: true })
  })
})

describe('changes', () => {
  test('of one turn share a transaction', async () => {
    const one = await started()
    const { length } = plane.transactions
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      one.setService(`ns/${name}`, service(name, { clusterIPs: [`172.30.0.${index}`] }), [])
    }
    await clock.advance(0)
    expect(plane.transactions.length).toBe(length + 1)
    expect(told).toEqual([['ns/a', 'ns/b', 'ns/c']])
  })

  test('are told when they are in the data plane, not before', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    expect(one.isProgrammed('ns/s')).toBe(false)
    expect(one.view().synced).toBe(false)
    await clock.advance(0)
    expect(one.isProgrammed('ns/s')).toBe(true)
    expect(one.view().synced).toBe(true)
    one.setService('ns/s', undefined, [])
    await clock.advance(0)
    expect(one.isProgrammed('ns/s')).toBe(false)
    expect(told).toEqual([['ns/s'], ['ns/s']])
  })

  test('that arrive while a transaction runs go into the next', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    const running = one.sync()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.2'])])
    await running
    expect(has('10.0.0.1')).toBe(true)
    await clock.advance(0)
    expect(has('10.0.0.1')).toBe(false)
    expect(has('10.0.0.2')).toBe(true)
  })

  test('an address that comes later is programmed later, and told', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    told.length = 0
    one.setService('ns/s', service('s', { type: 'LoadBalancer', ingress: [{ ip: '1.2.3.4' }] }), [
      slice('s', ['10.0.0.1']),
    ])
    expect([one.isProgrammed('ns/s'), one.isProgrammed('ns/s', '1.2.3.4')]).toEqual([true, false])
    await clock.advance(0)
    expect(one.isProgrammed('ns/s', '1.2.3.4')).toBe(true)
    expect(told).toEqual([['ns/s']])
  })

  test('an address is asked for in any text form', async () => {
    const one = await started()
    const addresses = { clusterIPs: ['fd00:172:30::41'], ingress: [{ ip: '2001:DB8:0::1' }] }
    one.setService('ns/s', service('s', addresses), [slice('s', ['fd00:10::1'])])
    await clock.advance(0)
    const forms = ['2001:db8::1', '2001:DB8:0::1', '2001:db8:0:0:0:0:0:1', '2001:db8::2', 'nonsense']
    expect(forms.map((form) => one.isProgrammed('ns/s', form))).toEqual([true, true, true, false, false])
  })

  test('a Service that another proxy forwards holds nothing up, and that is told', async () => {
    const one = await started()
    const labels = { 'service.kubernetes.io/service-proxy-name': 'other' }
    const text = { ingress: [{ ip: '1.2.3.4' }] }
    one.setService('ns/s', service('s', { ...text, labels }), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    expect([one.isProgrammed('ns/s'), one.isProgrammed('ns/s', '1.2.3.4')]).toEqual([true, true])
    expect(told).toEqual([['ns/s']])
    expect(has('1.2.3.4')).toBe(false)
    expect(one.view().service('ns/s')).toMatchObject({
      programmed: false,
      error: 'not forwarded: other proxy',
    })
    // It becomes ours.
    one.setService('ns/s', service('s', text), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    expect(one.isProgrammed('ns/s', '1.2.3.4')).toBe(true)
    expect(has('1.2.3.4')).toBe(true)
    expect(told).toEqual([['ns/s'], ['ns/s']])
    one.setService('ns/s', undefined, [])
    await clock.advance(0)
    expect(one.isProgrammed('ns/s')).toBe(false)
  })

  test('a headless Service is known but not programmed', async () => {
    const one = await started()
    one.setService('ns/s', service('s', { clusterIPs: ['None'] }), [])
    await clock.advance(0)
    expect(one.isProgrammed('ns/s')).toBe(false)
    expect(one.view().service('ns/s')).toMatchObject({ frontends: [], error: 'not forwarded: headless' })
  })
})

describe('failures', () => {
  test('are tried again with growing pauses, from a fresh listing', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    const before = plane.adoptions
    for (const pause of [0, 100, 200]) {
      plane.failure = new Error('no')
      await clock.advance(pause)
      expect(plane.failure).toBeUndefined()
    }
    await clock.advance(399)
    expect(one.view().lastError?.text).toContain('no')
    expect(one.isProgrammed('ns/s')).toBe(false)
    await clock.advance(1)
    expect(plane.adoptions).toBe(before + 3)
    expect(one.isProgrammed('ns/s')).toBe(true)
    expect(one.view().lastError).toBeUndefined()
    expect(one.view().synced).toBe(true)
  })

  test('a data plane that is not as remembered is listed and put right', async () => {
    const one = await started()
    plane.meddle((elements) => elements[4]['cluster-ips'].set('172.30.0.41', ''))
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    expect(one.view().lastError?.text).toContain('is there already')
    await clock.advance(100)
    expect(one.view().synced).toBe(true)
    expect(one.isProgrammed('ns/s')).toBe(true)
  })

  test('what somebody else changes is put right within seconds, with one listing for many changes', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    const before = plane.adoptions
    for (let count = 0; count < 5; count++) plane.meddle((elements) => elements[4].frontends.clear())
    await clock.advance(10_000)
    expect(plane.adoptions).toBe(before + 1)
    expect(has('4 frontends { 172.30.0.41 . tcp . 80 : 1 }')).toBe(true)
    expect(one.view().synced).toBe(true)
  })

  test('a first change by somebody else is put right at once, and others with seconds between', async () => {
    const one = await started()
    one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
    await clock.advance(0)
    await clock.advance(60_000)
    const { adoptions } = plane
    const meddle = () => plane.meddle((elements) => elements[4].frontends.clear())
    meddle()
    await clock.advance(200)
    expect(has('4 frontends { 172.30.0.41 . tcp . 80 : 1 }')).toBe(true)
    meddle()
    await clock.advance(5000)
    expect(plane.adoptions).toBe(adoptions + 1)
    await clock.advance(5000)
    expect(plane.adoptions).toBe(adoptions + 2)
    expect(has('4 frontends { 172.30.0.41 . tcp . 80 : 1 }')).toBe(true)
  })

  test('what others change of their own causes no listing of ours, but a look for other proxies', async () => {
    const one = await started()
    const before = plane.adoptions
    plane.foreignProxy = 'kube-proxy'
    plane.meddleElsewhere()
    expect(one.view().foreign).toBe('')
    await clock.advance(10_000)
    expect(plane.adoptions).toBe(before)
    expect(one.view().foreign).toBe('kube-proxy')
    plane.meddleElsewhere()
    plane.meddle((elements) => elements[4]['cluster-ips'].set('172.30.7.7', ''))
    plane.meddleElsewhere()
    await clock.advance(10_000)
    expect(plane.adoptions).toBe(before + 1)
    expect(has('172.30.7.7')).toBe(false)
  })

  test('after stop nothing is touched any more', async () => {
    const one = await started()
    await one.stop()
    const { length } = plane.transactions
    one.setService('ns/s', service('s'), [])
    await clock.advance(60_000)
    expect(plane.transactions.length).toBe(length)
    expect(clock.pending).toBe(0)
  })
})

describe('objects that cannot be programmed as they are', () => {
  test.each([70_000, -1, 1.5])(
    'a slice with port %s: that port is left out, nothing else is',
    async (port) => {
      const one = await started()
      one.setService('ns/bad', service('bad'), [
        slice('bad', ['10.0.0.1'], [{ port }], { name: 'bad-1' }),
        slice('bad', ['10.0.0.2'], [{ port: 8080 }], { name: 'bad-2' }),
      ])
      one.setService('ns/good', service('good', { clusterIPs: ['172.30.0.42'] }), [
        slice('good', ['10.0.0.3']),
      ])
      await clock.advance(0)
      expect(one.view()).toMatchObject({ synced: true })
      expect(plane.dump().filter((line) => line.includes(' endpoints {'))).toEqual([
        '4 endpoints { 172.30.0.41 . tcp . 80 . 0 : 10.0.0.2 . 8080 }',
        '4 endpoints { 172.30.0.42 . tcp . 80 . 0 : 10.0.0.3 . 80 }',
      ])
      expect(one.view().service('ns/bad')).toMatchObject({
        programmed: true,
        error: `EndpointSlice bad-1: port ${port} is not a port and is left out`,
      })
    },
  )

  test('a Service with bad ports keeps the others', async () => {
    const one = await started()
    const ports = [
      { name: 'a', port: 80, nodePort: 70_000 },
      { name: 'b', port: -1 },
      { name: 'c', port: 81, nodePort: 30_081 },
    ]
    one.setService('ns/s', service('s', { ports }), [])
    await clock.advance(0)
    const view = one.view().service('ns/s')
    expect(view?.frontends.map(({ address, port }) => `${address} ${port}`)).toEqual([
      '172.30.0.41 80',
      '172.30.0.41 81',
      '* 30081',
    ])
    expect(view?.error).toBe(
      'nodePort 70000 is not a port and is left out; port -1 is not a port and is left out',
    )
  })

  test('endpoints whose address is none, or not of the family of their slice, are left out', async () => {
    const one = await started()
    const mixed = slice('s', ['10.0.0.1', '10.0.0.300', ''])
    const other = { ...slice('s', ['fd00:10::1', '10.0.0.2']), addressType: 'IPv4' as const }
    one.setService('ns/s', service('s'), [mixed, other])
    await clock.advance(0)
    expect(one.view().service('ns/s')?.frontends[0].endpoints).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
  })

  test('a Service that no element can describe is left out and says why; it comes back when it is right', async () => {
    const one = await started()
    const ingress = [{ ip: '1.2.3.4' }]
    const wrong = service('wrong', { ingress, ports: [{ port: 80, protocol: 'QUIC' as never }] })
    const younger = service('younger', {
      ingress,
      clusterIPs: ['172.30.0.42'],
      created: '2026-02-01T00:00:00Z',
    })
    one.setService('ns/wrong', service('wrong', { ingress }), [])
    one.setService('ns/younger', younger, [])
    await clock.advance(0)
    expect(one.isProgrammed('ns/younger', '1.2.3.4')).toBe(false)
    one.setService('ns/wrong', wrong, [])
    await clock.advance(0)
    expect(one.view().synced).toBe(true)
    expect(one.view().service('ns/wrong')).toMatchObject({
      programmed: false,
      frontends: [],
      error: 'not forwarded: invalid; cannot be programmed: protocol QUIC',
    })
    // It claims nothing either.
    expect(one.isProgrammed('ns/younger', '1.2.3.4')).toBe(true)
    one.setService('ns/wrong', service('wrong', { ingress }), [])
    await clock.advance(0)
    expect(one.isProgrammed('ns/wrong', '1.2.3.4')).toBe(true)
  })
})

describe('view', () => {
  test('shows frontends as an external client meets them, and conflicts', async () => {
    const one = await started()
    const text = {
      externalIPs: ['198.51.100.1'],
      external: 'Local' as const,
      ports: [{ port: 80, nodePort: 30_080 }],
    }
    one.setService('ns/a', service('a', { ...text, created: '2026-01-01T00:00:00Z' }), [
      slice('a', [
        { address: '10.0.0.1', node: 'node-1' },
        { address: '10.0.0.2', node: 'other' },
      ]),
    ])
    one.setService(
      'ns/b',
      service('b', {
        externalIPs: ['198.51.100.1'],
        clusterIPs: ['172.30.0.42'],
        created: '2026-01-02T00:00:00Z',
      }),
      [],
    )
    plane.foreignProxy = 'kube-proxy'
    await clock.advance(0)
    expect(one.view().service('ns/a')?.frontends).toEqual([
      {
        kind: 'ClusterIP',
        address: '172.30.0.41',
        protocol: 'TCP',
        port: 80,
        verdict: 'forward',
        endpoints: ['10.0.0.1:80', '10.0.0.2:80'],
      },
      {
        kind: 'ExternalIP',
        address: '198.51.100.1',
        protocol: 'TCP',
        port: 80,
        verdict: 'forward',
        endpoints: ['10.0.0.1:80'],
      },
      {
        kind: 'NodePort',
        address: '*',
        protocol: 'TCP',
        port: 30_080,
        verdict: 'forward',
        endpoints: ['10.0.0.1:80'],
      },
    ])
    expect(one.view().service('ns/b')?.error).toBe('198.51.100.1:80/TCP belongs to the older Service ns/a')
    expect([...one.view().services()].map(({ key }) => key)).toEqual(['ns/a', 'ns/b'])
    expect(one.view().service('ns/c')).toBeUndefined()
  })
})

test('metrics have the names and meanings of kube-proxy', async () => {
  const one = new Forwarder({
    dataplane: plane,
    clock,
    config: testConfig,
    log: silentLogger,
    metrics: new ForwardingMetrics(registry),
  })
  one.start()
  one.setNode(testNode)
  one.allListed()
  const at = (ms: number) => new Date(clock.now() + ms).toISOString()
  const value = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value
  one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'], undefined, { triggerTime: at(-5000) })])
  expect(await value('kubeproxy_sync_proxy_rules_service_changes_pending')).toBe(1)
  await clock.advance(1000)
  one.setService('ns/s', service('s'), [slice('s', ['10.0.0.2'], undefined, { triggerTime: at(-500) })])
  plane.failure = new Error('no')
  await clock.advance(1000)
  const text = await registry.metrics()
  expect(text).toContain('kubeproxy_sync_proxy_rules_service_changes_pending 0')
  expect(text).toContain('kubeproxy_sync_proxy_rules_endpoint_changes_pending 0')
  expect(text).toContain('kubeproxy_sync_proxy_rules_nftables_sync_failures_total 1')
  // The change from before the start is not counted; the other took 0.5 s and one retry.
  expect(text).toContain('kubeproxy_network_programming_duration_seconds_count 1')
  expect(text).toContain('kubeproxy_network_programming_duration_seconds_sum 0.6')
  expect(text).toContain(`kubeproxy_sync_proxy_rules_last_timestamp_seconds ${(clock.now() - 900) / 1000}`)
})
