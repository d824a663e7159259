import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { LEASE_COMPONENT_LABEL, speakerLeaseName } from '#kube/lease.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService, type Condition } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { microTimestamp } from '#kube/timestamp.ts'
import { startController, type ControllerProcess } from './main.ts'
import { ANNOUNCED } from './status-patch.ts'
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
  const options = { api, clock, namespace, identity, loadBalancerClass: '', log: silentLogger, leaderElect }
  const started = await startController(options)
  running.push(started)
  await clock.advance(10)
  return started
}

/** As a speaker writes it: under its own name, and never the condition ApiReachable. */
async function speaker(node: string, status: object = {}): Promise<void> {
  const key = { name: node }
  await api.patch(resources.speakerStatuses, key, {}, { type: 'apply', fieldManager: 'fairlead-speaker' })
  const time = { lastTransitionTime: '2026-01-01T00:00:00Z' }
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Ready', message: '', ...time }]
  await api.patch(
    resources.speakerStatuses,
    key,
    { metadata: key, status: { node, conditions, ...status } },
    { type: 'apply', subresource: 'status', fieldManager: 'fairlead-speaker', force: true },
  )
}

const renew = (node: string) =>
  api.patch(
    resources.leases,
    { namespace, name: speakerLeaseName(node) },
    {
      metadata: { labels: { [LEASE_COMPONENT_LABEL]: 'speaker' } },
      spec: { holderIdentity: node, renewTime: microTimestamp(clock.now()) },
    },
    { type: 'apply', fieldManager: 'x', force: true },
  )

/** These renew for so many seconds, once in each 10 s. */
async function pass(seconds: number, ...nodes: string[]): Promise<void> {
  for (let spent = 0; spent < seconds; spent += 10) {
    await clock.advance(10_000)
    for (const node of nodes) await renew(node)
    await clock.advance(10)
  }
}

async function conditions(node: string): Promise<Record<string, string>> {
  const found = (await api.get(resources.speakerStatuses, { name: node })) as KubeObject & {
    status?: { conditions?: Condition[] }
  }
  return Object.fromEntries((found.status?.conditions ?? []).map(({ type, status }) => [type, status]))
}

const statusWrites = () =>
  api.requests.filter((request) => request.startsWith('patch speakerstatuses/status')).length

test('says who has lost the API, and who has it again, beside what the speaker says', async () => {
  for (const node of ['a', 'b']) {
    await speaker(node)
    await renew(node)
  }
  await start()
  await pass(20, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
  const before = statusWrites()
  await pass(40, 'a', 'b')
  expect(statusWrites()).toBe(before)
  await pass(60, 'a')
  expect(await conditions('b')).toEqual({ Ready: 'Unknown', ApiReachable: 'False' })
  await speaker('b', { heldAddresses: 1 })
  await clock.advance(10)
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'False' })
  await pass(20, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
  expect(await conditions('a')).toEqual({ Ready: 'True', ApiReachable: 'True' })
})

test('whether a lost speaker is ready nobody knows, until it says so itself', async () => {
  for (const node of ['a', 'b', 'leaving']) {
    await speaker(node)
    await renew(node)
  }
  await start()
  await pass(20, 'a', 'b', 'leaving')
  const leaves = [{ type: 'Ready', status: 'False', reason: 'Leaving', message: '', lastTransitionTime: 'x' }]
  await speaker('leaving', { conditions: leaves })
  await pass(60, 'a')
  expect(await conditions('leaving')).toEqual({ Ready: 'False', ApiReachable: 'False' })
  expect(await conditions('b')).toEqual({ Ready: 'Unknown', ApiReachable: 'False' })
  // It was away without a restart, so it has nothing new to say yet: what is there must not get lost.
  await pass(30, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'Unknown', ApiReachable: 'True' })
  await speaker('b')
  await pass(20, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
  const before = statusWrites()
  await pass(40, 'a', 'b')
  expect(statusWrites()).toBe(before)
})

test('an API that is away for all marks nobody', async () => {
  for (const node of ['a', 'b']) {
    await speaker(node)
    await renew(node)
  }
  await start()
  await pass(20, 'a', 'b')
  api.outage(true)
  await clock.advance(600_000)
  api.outage(false)
  // The watches of the controller come back in their own time.
  await pass(10, 'a')
  await pass(60, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
})

test('a status that was made anew gets the condition again', async () => {
  for (const node of ['a', 'b']) {
    await speaker(node)
    await renew(node)
  }
  await start()
  await pass(20, 'a', 'b')
  await api.delete(resources.speakerStatuses, { name: 'b' })
  await speaker('b')
  await clock.advance(100)
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
})

test('a speaker that left on purpose is not marked', async () => {
  for (const node of ['a', 'b']) {
    await speaker(node)
    await renew(node)
  }
  await start()
  await pass(20, 'a', 'b')
  await api.patch(
    resources.leases,
    { namespace, name: speakerLeaseName('b') },
    { spec: { holderIdentity: null } },
    { type: 'merge' },
  )
  await pass(120, 'a')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
})

test('the condition Announced follows what speakers say', async () => {
  await api.create(resources.ipAddressPools, {
    metadata: { name: 'p', namespace },
    spec: { addresses: ['192.0.2.0/24'] },
  } as KubeObject)
  await start()
  await api.create(resources.services, rawService('web'))
  await clock.advance(1000)
  const announced = async () => {
    const service = projectService(await api.get(resources.services, { namespace: 'test', name: 'web' }))
    const found = service.conditions.find(({ type }) => type === ANNOUNCED)
    return `${found?.status} ${found?.reason}: ${found?.message}`
  }
  expect(await announced()).toMatch(/^False NoSpeakerReady/)
  await speaker('a')
  await clock.advance(1000)
  expect(await announced()).toBe('False NotAnnounced: no node announces the address')
  const address = '192.0.2.0'
  await speaker('a', { problems: [{ address, reason: 'noEndpoints', message: 'it has no endpoint' }] })
  await clock.advance(1000)
  expect(await announced()).toBe('False NoEndpoints: 192.0.2.0: it has no endpoint')
  await speaker('a', { held: [{ address, since: '2026-01-01T00:00:05Z', interfaces: ['eth0'] }] })
  await api.create(resources.serviceL2Statuses, {
    metadata: {
      name: 'l2-1',
      namespace,
      labels: {
        'metallb.io/node': 'a',
        'metallb.io/service-name': 'web',
        'metallb.io/service-namespace': 'test',
      },
    },
  })
  await clock.advance(1000)
  expect(await announced()).toBe(
    'True Announced: announced by a (layer2); 192.0.2.0 is held by a on eth0 since 2026-01-01T00:00:05Z',
  )
  const before = api.requests.length
  await speaker('a', {
    held: [{ address, since: '2026-01-01T00:00:05Z', interfaces: ['eth0'] }],
    heldAddresses: 7,
  })
  await clock.advance(5000)
  expect(api.requests.slice(before).filter((request) => request.includes('services'))).toEqual([])
})

const POOL = {
  metadata: { name: 'p', namespace },
  spec: { addresses: ['192.0.2.0/24'] },
} as KubeObject

/** A node tells its peer `tor` of a Service. */
async function routed(name: string, node: string, service: string): Promise<void> {
  const labels = {
    'metallb.io/node': node,
    'metallb.io/service-name': service,
    'metallb.io/service-namespace': 'test',
  }
  await api.create(resources.serviceBgpStatuses, { metadata: { name, namespace, labels } })
  await api.patch(
    resources.serviceBgpStatuses,
    { namespace, name },
    { status: { peers: ['tor'] } },
    { type: 'merge', subresource: 'status' },
  )
}

const up = {
  peer: 'tor',
  state: 'Established',
  capabilities: ['ipv4-unicast'],
  announced: { ipv4: 1, ipv6: 0 },
}
const down = { peer: 'tor', state: 'Active', lastError: 'the peer is of another AS' }

async function announcedOf(name: string): Promise<string> {
  const service = projectService(await api.get(resources.services, { namespace: 'test', name }))
  const found = service.conditions.find(({ type }) => type === ANNOUNCED)
  return `${found?.status} ${found?.reason}: ${found?.message}`
}

/** Two nodes that are heard, and a Service that b announces. */
async function routedByB(): Promise<void> {
  await api.create(resources.ipAddressPools, POOL)
  for (const node of ['a', 'b']) {
    await speaker(node, { sessions: [up] })
    await renew(node)
  }
  await start()
  await api.create(resources.services, rawService('web'))
  await routed('bgp-1', 'b', 'web')
  await pass(20, 'a', 'b')
}

test('a node that is lost announces nothing any more, and one that is back does', async () => {
  await routedByB()
  expect(await announcedOf('web')).toBe('True Announced: announced by b (bgp)')
  await pass(60, 'a')
  expect(await announcedOf('web')).toMatch(
    /^False SpeakerUnreachable: 192.0.2.0: last announced by b \(bgp\)/,
  )
  await pass(30, 'a', 'b')
  await speaker('b', { sessions: [up] })
  await clock.advance(3000)
  expect(await announcedOf('web')).toBe('True Announced: announced by b (bgp)')
})

test('an API that is away for all lets Services say what they said', async () => {
  await routedByB()
  const writes = () => api.requests.filter((request) => request.startsWith('patch services/status')).length
  const before = writes()
  api.outage(true)
  await clock.advance(3_600_000)
  api.outage(false)
  await pass(10, 'a')
  await pass(60, 'a', 'b')
  expect(await announcedOf('web')).toBe('True Announced: announced by b (bgp)')
  expect(writes()).toBe(before)
})

test('sessions that flap are not told Service by Service, flap by flap', async () => {
  const SERVICES = 20
  await api.create(resources.ipAddressPools, POOL)
  await speaker('a', { sessions: [up] })
  await start()
  for (let index = 0; index < SERVICES; index++) {
    await api.create(resources.services, rawService(`web-${index}`))
    await routed(`bgp-${index}`, 'a', `web-${index}`)
  }
  await clock.advance(5000)
  const writes = () => api.requests.filter((request) => request.startsWith('patch services/status')).length
  const quiet = writes()
  for (let flap = 0; flap < 100; flap++) {
    await speaker('a', { sessions: [down] })
    await clock.advance(3000)
    await speaker('a', { sessions: [up] })
    await clock.advance(3000)
  }
  expect(writes()).toBe(quiet)
  // One that is down for longer is told, and the more seldom the oftener that happens.
  for (let flap = 0; flap < 30; flap++) {
    await speaker('a', { sessions: [down] })
    await clock.advance(20_000)
    if (flap === 0)
      expect(await announcedOf('web-0')).toMatch(/^False NoSessionUp: .*tor: the peer is of another AS/)
    await speaker('a', { sessions: [up] })
    await clock.advance(5000)
  }
  expect((writes() - quiet) / SERVICES).toBeLessThanOrEqual(6)
  await clock.advance(200_000)
  expect(await announcedOf('web-0')).toBe('True Announced: announced by a (bgp)')
})
