import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { ServiceStatusWriter, type ServiceStatusBody } from './service-status.ts'

const NAMESPACE = 'metallb-system'
const clock = new TestClock()
let api: FakeKubeApi
let writers: ServiceStatusWriter[]

beforeEach(() => {
  api = new FakeKubeApi({ clock })
  writers = []
})
afterEach(() => Promise.all(writers.map((writer) => writer.stop())))

const owner = { apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'u1' }

/** A writer on a node, with what it announces and which Services it has for itself. */
function writerOn(node: string, protocol: 'l2' | 'bgp' = 'l2') {
  const announced = new Map<string, ServiceStatusBody>()
  const alone = new Set<string>()
  const errors: unknown[] = []
  const writer = new ServiceStatusWriter({
    api,
    clock,
    resource: protocol === 'l2' ? resources.serviceL2Statuses : resources.serviceBgpStatuses,
    namespace: NAMESPACE,
    node,
    prefix: protocol,
    othersMatter: protocol === 'l2',
    owner: () => owner,
    exclusive: (key) => alone.has(key),
    desired: (key) => announced.get(key),
    onError: (error) => errors.push(error),
  })
  writers.push(writer)
  writer.start()
  return { writer, announced, alone, errors }
}

const settle = async () => {
  for (let turn = 0; turn < 5; turn++) {
    await clock.advance(1)
    await Promise.all(writers.map((writer) => writer.idle()))
  }
}

async function statuses() {
  const { items } = await api.list(resources.serviceL2Statuses, { namespace: NAMESPACE })
  return items.map((item) => (item as unknown as { status: { node: string } }).status)
}

test('writes one object with upstream’s labels and fields, and removes it', async () => {
  const { writer, announced } = writerOn('node1')
  announced.set('default/web', { interfaces: [{ name: 'eth0' }] })
  writer.changed('default/web')
  await settle()
  expect(await statuses()).toEqual([
    { node: 'node1', serviceName: 'web', serviceNamespace: 'default', interfaces: [{ name: 'eth0' }] },
  ])
  const { items } = await api.list(resources.serviceL2Statuses, {
    labelSelector: 'metallb.io/node=node1,metallb.io/service-name=web,metallb.io/service-namespace=default',
  })
  expect(items).toHaveLength(1)
  announced.clear()
  writer.changed('default/web')
  await settle()
  expect(await statuses()).toEqual([])
})

test('what is right already is not written again, also after a restart', async () => {
  const first = writerOn('node1')
  first.announced.set('default/web', { interfaces: [{ name: 'eth0' }, { name: 'eth1' }] })
  first.writer.changed('default/web')
  await settle()
  await first.writer.stop()
  const before = api.requests.length
  expect(api.requests.some((request) => request.startsWith('create '))).toBe(true)
  const again = writerOn('node1')
  again.announced.set('default/web', { interfaces: [{ name: 'eth1' }, { name: 'eth0' }] })
  again.writer.changed('default/web')
  await settle()
  const writes = api.requests
    .slice(before)
    .filter((request) => /^(create|patch|delete|update) /.test(request))
  expect(writes).toEqual([])
})

test('two nodes that hold an address of the same Service each keep their object', async () => {
  const nodes = ['node1', 'node2'].map((node) => writerOn(node))
  for (const { writer, announced } of nodes) {
    announced.set('default/dual', { interfaces: [{ name: 'eth0' }] })
    writer.changed('default/dual')
  }
  await settle()
  expect((await statuses()).map(({ node }) => node).sort()).toEqual(['node1', 'node2'])
  const before = (await api.list(resources.serviceL2Statuses, {})).resourceVersion
  await settle()
  expect((await api.list(resources.serviceL2Statuses, {})).resourceVersion).toBe(before)
})

test('who has the Service for itself removes what a dead node left', async () => {
  const dead = writerOn('node1')
  dead.announced.set('default/web', { interfaces: [] })
  dead.writer.changed('default/web')
  await settle()
  await dead.writer.stop()
  const heir = writerOn('node2')
  heir.announced.set('default/web', { interfaces: [] })
  heir.alone.add('default/web')
  heir.writer.changed('default/web')
  await settle()
  expect((await statuses()).map(({ node }) => node)).toEqual(['node2'])
})

test('a ServiceBGPStatus as upstream: names, labels, owner, peers; each node its own', async () => {
  const nodes = ['node1', 'node2'].map((node) => writerOn(node, 'bgp'))
  const peers = async () =>
    (await api.list(resources.serviceBgpStatuses, { namespace: NAMESPACE })).items
      .map((item) => (item as unknown as { status: { node: string; peers: string[] } }).status)
      .map((status) => `${status.node} ${status.peers.join('+')}`)
      .sort()
  for (const { writer, announced } of nodes) {
    announced.set('default/web', { peers: ['leaf', 'spine'] })
    writer.changed('default/web')
  }
  await settle()
  expect(await peers()).toEqual(['node1 leaf+spine', 'node2 leaf+spine'])
  const { items } = await api.list(resources.serviceBgpStatuses, { labelSelector: 'metallb.io/node=node1' })
  expect(items).toMatchObject([
    {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'ServiceBGPStatus',
      metadata: {
        name: expect.stringMatching(/^bgp-[0-9a-f]{16}$/),
        namespace: NAMESPACE,
        labels: {
          'metallb.io/node': 'node1',
          'metallb.io/service-name': 'web',
          'metallb.io/service-namespace': 'default',
        },
        ownerReferences: [owner],
      },
      status: { node: 'node1', serviceName: 'web', serviceNamespace: 'default', peers: ['leaf', 'spine'] },
    },
  ])
  // Fewer peers on one node; nothing any more on the other.
  nodes[0]?.announced.set('default/web', { peers: ['spine'] })
  nodes[1]?.announced.clear()
  for (const { writer } of nodes) writer.changed('default/web')
  await settle()
  expect(await peers()).toEqual(['node1 spine'])
})
