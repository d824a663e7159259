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
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'False' })
  await speaker('b', { heldAddresses: 1 })
  await clock.advance(10)
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'False' })
  await pass(20, 'a', 'b')
  expect(await conditions('b')).toEqual({ Ready: 'True', ApiReachable: 'True' })
  expect(await conditions('a')).toEqual({ Ready: 'True', ApiReachable: 'True' })
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
  await pass(30, 'a')
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
