import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService, type Service } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { settle, TestClock } from '#kube/test-clock.ts'
import { startController, type ControllerProcess } from './main.ts'
import { ADDRESS_ASSIGNED, ANNOUNCED } from './status-patch.ts'
import { rawService } from './test-services.ts'

const namespace = 'metallb-system'

let clock: TestClock
let api: FakeKubeApi
const running: ControllerProcess[] = []

beforeEach(() => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
})

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()))
})

async function start(identity = 'one', leaderElect = false): Promise<ControllerProcess> {
  const started = await startController({
    api,
    clock,
    namespace,
    identity,
    loadBalancerClass: '',
    log: silentLogger,
    leaderElect,
  })
  running.push(started)
  await clock.advance(10)
  return started
}

const stopAll = () => Promise.all(running.splice(0).map((one) => one.stop()))

const createPool = (name: string, ...addresses: string[]) =>
  api.create(resources.ipAddressPools, { metadata: { name, namespace }, spec: { addresses } } as KubeObject)

async function editPool(name: string, ...addresses: string[]): Promise<void> {
  await api.patch(resources.ipAddressPools, { namespace, name }, { spec: { addresses } }, { type: 'merge' })
  await clock.advance(10)
}

/** Creates Services one second apart, with a status when one is given. */
async function createService(name: string, more: Parameters<typeof rawService>[1] = {}): Promise<void> {
  await clock.advance(1000)
  const object = rawService(name, more)
  await api.create(resources.services, object)
  const { status } = object
  if (Object.keys(status).length > 0)
    await api.patch(
      resources.services,
      { namespace: 'test', name },
      { status },
      { type: 'merge', subresource: 'status' },
    )
  await clock.advance(10)
}

const read = async (name: string): Promise<Service> =>
  projectService(await api.get(resources.services, { namespace: 'test', name }))
const ipsOf = async (name: string) => (await read(name)).ingress.map(({ ip }) => ip)
const conditionOf = async (name: string, type: string) =>
  (await read(name)).conditions.find((one) => one.type === type)

async function events(): Promise<string[]> {
  await settle()
  const { items } = await api.list(resources.events, {})
  return items.map((item) => {
    const { involvedObject, reason, message } = item as KubeObject & {
      involvedObject: { name: string }
      reason: string
      message: string
    }
    return `${involvedObject.name} ${reason} ${message}`
  })
}

const statusWrites = () => api.requests.filter((request) => request.startsWith('patch services/status'))

const given = (ip: string) => ({ loadBalancer: { ingress: [{ ip }] } })

test('gives a Service an address and says so everywhere', async () => {
  await createPool('first', '192.168.1.240-192.168.1.250')
  await createService('web')
  const controller = await start()
  expect(controller.ready()).toEqual({ ok: true, reason: '' })
  const service = await read('web')
  expect(service.ingress).toEqual([{ ip: '192.168.1.240', ipMode: 'VIP' }])
  expect(service.annotations).toEqual({ 'metallb.io/ip-allocated-from-pool': 'first' })
  expect(await conditionOf('web', ADDRESS_ASSIGNED)).toMatchObject({
    status: 'True',
    reason: 'Assigned',
    message: '192.168.1.240 from pool first',
    observedGeneration: 1,
  })
  expect(await events()).toEqual(['web IPAllocated Assigned IP ["192.168.1.240"]'])
  expect(statusWrites()).toHaveLength(1)
  await clock.advance(2000)
  const pool = await api.get(resources.ipAddressPools, { namespace, name: 'first' })
  expect(pool).toMatchObject({
    status: { assignedIPv4: 1, availableIPv4: 10, assignedIPv6: 0, availableIPv6: 0 },
  })
  const state = await api.get(resources.configurationStates, { namespace, name: 'controller' })
  expect(state).toMatchObject({ status: { result: 'Valid', errorSummary: '' } })
  const metrics = await controller.registry.metrics()
  expect(metrics).toContain('metallb_allocator_addresses_in_use_total{pool="first"} 1')
  expect(metrics).toContain('metallb_allocator_addresses_total{pool="first"} 11')
  expect(metrics).toContain('metallb_allocator_services_allocated_total{pool="first"} 1')
  expect(metrics).toContain('metallb_k8s_client_config_loaded_bool 1')
  expect(metrics).toContain('metallb_k8s_client_config_stale_bool 0')
})

test('A41: before there is a pool nothing is given; without pools nothing is kept', async () => {
  await createService('web')
  await start()
  expect(await ipsOf('web')).toEqual([])
  expect(await conditionOf('web', ADDRESS_ASSIGNED)).toMatchObject({ status: 'False', reason: 'NoPools' })
  await createPool('p', '1.2.3.0/24')
  await clock.advance(10)
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
  await api.delete(resources.ipAddressPools, { namespace, name: 'p' })
  await clock.advance(10)
  expect(await read('web')).toMatchObject({ ingress: [], annotations: {} })
})

test('without the definition of AddressReservation there are none, and all else works', async () => {
  api.fail = (_verb, resource) =>
    resource === resources.addressReservations
      ? new KubeError('FL_KUBE_NOT_FOUND', 'the server could not find the requested resource')
      : undefined
  await createPool('p', '192.0.2.0/31')
  await start()
  await createService('a')
  expect(await ipsOf('a')).toEqual(['192.0.2.0'])
})

test('a restart changes nothing and writes nothing', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  for (const name of ['c', 'a', 'b']) await createService(name)
  await api.delete(resources.services, { namespace: 'test', name: 'c' })
  await clock.advance(5000)
  await stopAll()
  const before = await api.list(resources.services, {})
  api.requests.length = 0
  await start('two')
  await clock.advance(5000)
  expect((await api.list(resources.services, {})).items).toEqual(before.items)
  expect(statusWrites()).toEqual([])
  await createService('d')
  expect(await ipsOf('d')).toEqual(['1.2.3.0'])
})

test('at start those with an address go before older ones without', async () => {
  await createPool('p', '1.2.3.0/31')
  await createService('old')
  await createService('holder', { status: given('1.2.3.0') })
  await start()
  expect(await ipsOf('holder')).toEqual(['1.2.3.0'])
  expect(await ipsOf('old')).toEqual(['1.2.3.1'])
})

test('at start the one address left goes to who waits longest', async () => {
  await createPool('p', '1.2.3.0/32')
  await createService('z-old')
  await createService('a-young')
  await start()
  expect(await ipsOf('z-old')).toEqual(['1.2.3.0'])
  expect(await ipsOf('a-young')).toEqual([])
})

test('of two with the same address the older one keeps it', async () => {
  await createPool('p', '1.2.3.0/24')
  await createService('z-old', { status: given('1.2.3.7') })
  await createService('a-young', { status: given('1.2.3.7') })
  await start()
  expect(await ipsOf('z-old')).toEqual(['1.2.3.7'])
  expect(await ipsOf('a-young')).toEqual(['1.2.3.0'])
  expect((await events()).some((event) => event.startsWith('a-young ClearAssignment'))).toBe(true)
})

test.each([false, true])('nothing is given before all lists are complete (election: %s)', async (elect) => {
  await createPool('p', '1.2.3.0/24')
  await createService('web')
  api.fail = (_verb, resource) =>
    resource.plural === 'namespaces' ? new KubeError('FL_KUBE_SERVER', 'not yet') : undefined
  const controller = await start('one', elect)
  await clock.advance(5000)
  expect(controller.ready()).toEqual({ ok: false, reason: 'waiting for the first list of namespaces' })
  expect(statusWrites()).toEqual([])
  api.fail = undefined
  await clock.advance(40_000)
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
})

test('a full pool: the reason is said once, and a free address goes to who waits longest', async () => {
  await createPool('p', '1.2.3.0/32')
  await start()
  for (const name of ['first', 'second', 'third']) await createService(name)
  expect(await conditionOf('second', ADDRESS_ASSIGNED)).toMatchObject({
    status: 'False',
    reason: 'PoolExhausted',
    message: expect.stringMatching(/^no available IPs: p has no free address\. Add addresses to a pool/),
  })
  await api.patch(
    resources.services,
    { namespace: 'test', name: 'second' },
    { metadata: { labels: { a: 'b' } } },
    { type: 'merge' },
  )
  await clock.advance(10)
  const failures = (await events()).filter((event) => event.includes('AllocationFailed'))
  expect(failures).toEqual([
    expect.stringContaining(
      'second AllocationFailed Failed to allocate IP for "test/second": no available IPs',
    ),
    expect.stringContaining(
      'third AllocationFailed Failed to allocate IP for "test/third": no available IPs',
    ),
  ])
  await api.delete(resources.services, { namespace: 'test', name: 'first' })
  await clock.advance(10)
  expect(await ipsOf('second')).toEqual(['1.2.3.0'])
  expect(await ipsOf('third')).toEqual([])
})

test('a Service that becomes a ClusterIP gives back its address and loses what we wrote', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  await createService('web')
  await api.patch(
    resources.services,
    { namespace: 'test', name: 'web' },
    { spec: { type: 'ClusterIP' } },
    { type: 'merge' },
  )
  await clock.advance(10)
  expect(await read('web')).toMatchObject({ ingress: [], annotations: {}, conditions: [] })
  await createService('next')
  expect(await ipsOf('next')).toEqual(['1.2.3.0'])
})

test('409: reads again and keeps what others wrote', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  let overtaken = 0
  api.fail = (verb, resource, key) => {
    if (verb !== 'patch' || resource.plural !== 'services' || overtaken > 0) return undefined
    overtaken++
    const [inNamespace, name] = key.split('/')
    const foreign = {
      type: 'example.com/Checked',
      status: 'True',
      reason: 'X',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }
    const patch = { status: { conditions: [foreign] } }
    void api.patch(resources.services, { namespace: inNamespace, name }, patch, {
      type: 'merge',
      subresource: 'status',
    })
    return undefined
  }
  await createService('web')
  expect(overtaken).toBe(1)
  expect(api.requests).toContain('get services test/web')
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
  expect((await read('web')).conditions.map(({ type }) => type)).toContain('example.com/Checked')
  expect((await events()).filter((event) => event.includes('IPAllocated'))).toHaveLength(1)
})

test('a status wiped by others is written again, with the same address', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  await createService('a')
  await createService('b')
  await api.delete(resources.services, { namespace: 'test', name: 'a' })
  await api.patch(
    resources.services,
    { namespace: 'test', name: 'b' },
    { status: { loadBalancer: null } },
    { type: 'merge', subresource: 'status' },
  )
  await clock.advance(10)
  expect(await ipsOf('b')).toEqual(['1.2.3.1'])
})

test('an invalid pool keeps its last good version, and its Services their addresses', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  await createService('web')
  await editPool('p', 'nonsense')
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
  await createService('more')
  expect(await ipsOf('more')).toEqual(['1.2.3.1'])
  const invalid = (await events()).filter((event) => event.includes('InvalidConfiguration'))
  expect(invalid).toEqual([
    expect.stringMatching(/^p InvalidConfiguration spec\.addresses\[0\]: invalid CIDR "nonsense"/),
  ])
  const state = await api.get(resources.configurationStates, { namespace, name: 'controller' })
  expect(state).toMatchObject({ status: { result: 'Invalid' } })
  await editPool('p', '1.2.4.0/24')
  expect(await ipsOf('web')).toEqual(['1.2.4.0'])
})

test('a restart while a pool is in error takes no address away', async () => {
  await createPool('p', '1.2.3.0/24')
  await createPool('q', '9.9.9.0/24')
  await start()
  await createService('web', { annotations: { 'metallb.io/address-pool': 'p' } })
  await stopAll()
  await editPool('p', 'nonsense')
  await start('two')
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
  expect(await conditionOf('web', ADDRESS_ASSIGNED)).toMatchObject({ status: 'True', reason: 'PoolInvalid' })
  await editPool('p', '1.2.3.0/28')
  expect(await conditionOf('web', ADDRESS_ASSIGNED)).toMatchObject({ status: 'True', reason: 'Assigned' })
})

test('labels of a namespace decide which pool its Services may use', async () => {
  await api.create(resources.namespaces, { metadata: { name: 'test', labels: { team: 'a' } } })
  const spec = {
    addresses: ['1.2.3.0/24'],
    serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: 'b' } }] },
  }
  await api.create(resources.ipAddressPools, { metadata: { name: 'p', namespace }, spec } as KubeObject)
  await start()
  await createService('web')
  expect(await conditionOf('web', ADDRESS_ASSIGNED)).toMatchObject({ reason: 'NoMatchingPool' })
  const label = (team: string) =>
    api.patch(resources.namespaces, { name: 'test' }, { metadata: { labels: { team } } }, { type: 'merge' })
  await label('b')
  await clock.advance(10)
  expect(await ipsOf('web')).toEqual(['1.2.3.0'])
  await label('c')
  await clock.advance(10)
  expect(await ipsOf('web')).toEqual([])
})

const labels = (node: string) => ({
  'metallb.io/node': node,
  'metallb.io/service-name': 'web',
  'metallb.io/service-namespace': 'test',
})

test('says soon who announces a Service first, and later changes many in one write', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  await createService('web')
  expect(await conditionOf('web', ANNOUNCED)).toMatchObject({ status: 'False', reason: 'NoSpeakerReady' })
  await api.create(resources.serviceL2Statuses, {
    metadata: { name: 'l2-1', namespace, labels: labels('node2') },
  })
  await api.create(resources.serviceBgpStatuses, {
    metadata: { name: 'bgp-1', namespace, labels: labels('node1') },
  })
  let before = statusWrites().length
  await clock.advance(300)
  expect(statusWrites().length - before).toBe(1)
  expect(await conditionOf('web', ANNOUNCED)).toMatchObject({
    status: 'True',
    message: 'announced by node1 (bgp), node2 (layer2)',
  })
  before = statusWrites().length
  await api.delete(resources.serviceL2Statuses, { namespace, name: 'l2-1' })
  await clock.advance(600)
  await api.create(resources.serviceBgpStatuses, {
    metadata: { name: 'bgp-2', namespace, labels: labels('node3') },
  })
  await clock.advance(400)
  expect(statusWrites().length - before).toBe(1)
  expect(await conditionOf('web', ANNOUNCED)).toMatchObject({
    message: 'announced by node1 (bgp), node3 (bgp)',
  })
})

test('warns of deprecated annotations', async () => {
  await createPool('p', '1.2.3.0/24')
  await start()
  await createService('web', { annotations: { 'metallb.universe.tf/address-pool': 'p' } })
  expect(await events()).toContain(
    'web deprecatedAnnotation Service uses deprecated annotation metallb.universe.tf/address-pool',
  )
  const deprecated = async () => (await events()).filter((event) => event.includes('deprecatedAnnotation'))
  const before = await deprecated()
  // Another annotation is no new reason to say so.
  const patch = { metadata: { annotations: { note: 'x' } } }
  await api.patch(resources.services, { namespace: 'test', name: 'web' }, patch, { type: 'merge' })
  await clock.advance(5000)
  expect(await deprecated()).toEqual(before)
  expect(before).toHaveLength(1)
})

test('only the leader writes, and the next one continues where it stopped', async () => {
  await createPool('p', '1.2.3.0/24')
  const first = await start('one', true)
  await clock.advance(5000)
  const second = await start('two', true)
  await clock.advance(5000)
  await createService('a')
  expect([first.view().leader, second.view().leader]).toEqual([true, false])
  expect(second.ready()).toEqual({ ok: true, reason: '' })
  expect(statusWrites()).toHaveLength(1)
  expect(second.view().pools).toMatchObject([{ name: 'p', assigned: { v4: 1n }, capacity: { v4: 256n } }])
  await first.stop()
  running.splice(running.indexOf(first), 1)
  await createService('b')
  await clock.advance(20_000)
  expect(second.view().leader).toBe(true)
  expect(await ipsOf('a')).toEqual(['1.2.3.0'])
  expect(await ipsOf('b')).toEqual(['1.2.3.1'])
})

test('a leader that cannot renew its Lease stops writing', async () => {
  await createPool('p', '1.2.3.0/24')
  const controller = await start('one', true)
  await clock.advance(5000)
  await createService('a')
  api.fail = (_verb, resource) =>
    resource.plural === 'leases' ? new KubeError('FL_KUBE_SERVER', 'broken') : undefined
  await clock.advance(12_000)
  expect(controller.view().leader).toBe(false)
  await createService('b')
  expect(await ipsOf('b')).toEqual([])
  api.fail = undefined
  await clock.advance(20_000)
  expect(await ipsOf('b')).toEqual(['1.2.3.1'])
})

test('an API outage takes nothing away, and what failed is tried again', async () => {
  await createPool('p', '1.2.3.0/24')
  const controller = await start()
  await createService('a')
  api.fail = (verb) => (verb === 'patch' ? new KubeError('FL_KUBE_UNREACHABLE', 'gone') : undefined)
  await api.create(resources.services, rawService('b'))
  await clock.advance(1000)
  expect(await ipsOf('b')).toEqual([])
  api.fail = undefined
  api.outage(true)
  await clock.advance(60_000)
  api.outage(false)
  await clock.advance(60_000)
  expect(await ipsOf('a')).toEqual(['1.2.3.0'])
  expect(await ipsOf('b')).toEqual(['1.2.3.1'])
  expect(controller.view().service('test/b')).toMatchObject({ ours: true, pool: 'p', reason: 'Assigned' })
  expect((await events()).filter((event) => event.startsWith('b IPAllocated'))).toHaveLength(1)
})
