import { afterEach, beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { projectService } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { settle, TestClock } from '#kube/test-clock.ts'
import { FRONTENDS_CLAIMED } from './frontends.ts'
import { startController, type ControllerProcess } from './main.ts'
import { rawService } from './test-services.ts'

const namespace = 'metallb-system'

let clock: TestClock
let api: FakeKubeApi
let controller: ControllerProcess

beforeEach(async () => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  const pool = { metadata: { name: 'p', namespace }, spec: { addresses: ['192.0.2.0/24'] } }
  await api.create(resources.ipAddressPools, pool as KubeObject)
})

afterEach(() => controller.stop())

async function start(): Promise<void> {
  controller = await startController({
    api,
    clock,
    namespace,
    identity: 'one',
    loadBalancerClass: '',
    log: silentLogger,
    leaderElect: false,
  })
  await clock.advance(10)
}

/** Services are a second apart; each has a ClusterIP of its own. */
async function create(name: string, spec: object): Promise<void> {
  await clock.advance(1000)
  const clusterIPs = [`10.96.0.${name.charCodeAt(0)}`]
  await api.create(resources.services, rawService(name, { spec: { type: 'ClusterIP', clusterIPs, ...spec } }))
  await clock.advance(10)
}

const edit = async (name: string, spec: object) => {
  await api.patch(resources.services, { namespace: 'test', name }, { spec }, { type: 'merge' })
  await clock.advance(10)
}

const read = async (name: string) =>
  projectService(await api.get(resources.services, { namespace: 'test', name }))
const conditionOf = async (name: string) =>
  (await read(name)).conditions.find(({ type }) => type === FRONTENDS_CLAIMED)

async function events(): Promise<string[]> {
  await settle()
  const { items } = await api.list(resources.events, {})
  // Their names are random, their versions are in the order of writing.
  const version = ({ metadata }: KubeObject) => Number(metadata.resourceVersion)
  return items
    .toSorted((a, b) => version(a) - version(b))
    .flatMap((item) => {
      const { involvedObject, type, reason, message } = item as KubeObject &
        Record<string, string> & {
          involvedObject: { name: string }
        }
      return reason === 'FrontendTaken' ? [`${involvedObject.name} ${type} ${message}`] : []
    })
}

const writes = () => api.requests.filter((request) => request.startsWith('patch services/status')).length

const external = (...externalIPs: string[]) => ({ externalIPs })
const words = (holder: string) => `198.51.100.1:80/tcp belongs to the older Service test/${holder}`

test('the newer of two is told by a condition and one event; the older one is left alone', async () => {
  await start()
  await create('b', external('198.51.100.1'))
  await create('a', external('198.51.100.1'))
  expect(await conditionOf('b')).toBeUndefined()
  expect(await conditionOf('a')).toMatchObject({
    status: 'False',
    reason: 'TakenByOlderService',
    message: words('b'),
    observedGeneration: 1,
  })
  expect(await events()).toEqual([`a Warning ${words('b')}`])
  expect(await controller.registry.metrics()).toContain('fairlead_frontend_conflicts 1')
  expect(writes()).toBe(1)
})

test('when the older one lets go the condition goes, and comes again with another event', async () => {
  await start()
  await create('b', external('198.51.100.1'))
  await create('a', external('198.51.100.1'))
  await edit('b', external())
  expect(await conditionOf('a')).toBeUndefined()
  await edit('b', external('198.51.100.1'))
  expect((await conditionOf('a'))?.message).toBe(words('b'))
  await api.delete(resources.services, { namespace: 'test', name: 'b' })
  await clock.advance(10)
  expect(await conditionOf('a')).toBeUndefined()
  expect(writes()).toBe(4)
})

test('those who wait learn of a new holder', async () => {
  await start()
  for (const name of ['a', 'b', 'c']) await create(name, external('198.51.100.1'))
  expect((await conditionOf('c'))?.message).toBe(words('a'))
  await api.delete(resources.services, { namespace: 'test', name: 'a' })
  await clock.advance(10)
  expect(await conditionOf('b')).toBeUndefined()
  expect((await conditionOf('c'))?.message).toBe(words('b'))
  expect(await events()).toEqual([
    `b Warning ${words('a')}`,
    `c Warning ${words('a')}`,
    `c Warning ${words('b')}`,
  ])
})

test('a load balancer address that an older Service has as external IP: address and conflict in one status', async () => {
  await start()
  await create('x', external('192.0.2.0'))
  await create('web', { type: 'LoadBalancer' })
  const { ingress, conditions } = await read('web')
  expect(ingress).toEqual([{ ip: '192.0.2.0', ipMode: 'VIP' }])
  expect(conditions.map(({ type }) => type).sort()).toEqual([
    'fairlead.io/AddressAssigned',
    'fairlead.io/Announced',
    FRONTENDS_CLAIMED,
  ])
})

test('a Service of another class, too, and nothing else of it is touched', async () => {
  await start()
  await create('x', external('198.51.100.1'))
  await create('y', { type: 'LoadBalancer', loadBalancerClass: 'other', ...external('198.51.100.1') })
  const { ingress, conditions, annotations } = await read('y')
  expect([ingress, annotations, conditions.map(({ type }) => type)]).toEqual([[], {}, [FRONTENDS_CLAIMED]])
})

test('a restart writes nothing, says nothing again, and takes back what is over', async () => {
  await start()
  await create('b', external('198.51.100.1'))
  await create('a', external('198.51.100.1'))
  await create('c', external('198.51.100.1'))
  await controller.stop()
  const before = writes()
  const said = await events()
  await start()
  await clock.advance(5000)
  expect([writes(), await events()]).toEqual([before, said])
  await controller.stop()
  await edit('c', external())
  await start()
  expect(await conditionOf('c')).toBeUndefined()
  expect((await conditionOf('a'))?.message).toBe(words('b'))
})

test('a conflict that arose while nobody led is told by the next leader', async () => {
  await create('b', external('198.51.100.1'))
  await create('a', external('198.51.100.1'))
  await start()
  expect((await conditionOf('a'))?.message).toBe(words('b'))
  expect(await events()).toHaveLength(1)
})

test('a write that is overtaken is decided again, and the event said once', async () => {
  await start()
  await create('b', external('198.51.100.1'))
  let conflicts = 2
  api.fail = (verb, resource) =>
    verb === 'patch' && resource === resources.services && conflicts-- > 0
      ? new KubeError('FL_KUBE_CONFLICT', 'changed meanwhile', { status: 409 })
      : undefined
  await create('a', external('198.51.100.1'))
  expect(conflicts).toBeLessThan(0)
  expect((await conditionOf('a'))?.message).toBe(words('b'))
  expect(await events()).toHaveLength(1)
})

test('Services without a conflict cost no write', async () => {
  await start()
  for (const name of ['a', 'b', 'c', 'd']) await create(name, external(`198.51.100.${name.charCodeAt(0)}`))
  await edit('a', { ports: [{ port: 443 }] })
  expect([writes(), await events()]).toEqual([0, []])
})
