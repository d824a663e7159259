import { afterEach, beforeEach, expect, test } from 'vitest'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { silentLogger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import type { NodeContext } from './forwarding/config.ts'
import { ForwardingFeed } from './forwarding-feed.ts'
import { Sources } from './sources.ts'

let clock: TestClock
let api: FakeKubeApi
let sources: Sources
let feed: ForwardingFeed
let heard: string[]
let contexts: NodeContext[]
let localAddresses: string[] | undefined

beforeEach(async () => {
  clock = new TestClock()
  api = new FakeKubeApi()
  heard = []
  contexts = []
  localAddresses = ['192.0.2.1']
  await api.create(resources.services, {
    metadata: { name: 'web', namespace: 'ns' },
    spec: { clusterIPs: ['10.96.0.1'] },
  } as never)
})

afterEach(() => {
  feed.stop()
  sources.stop()
})

async function createNode(podCIDRs: string[], type = 'InternalIP'): Promise<void> {
  await api.create(resources.nodes, { metadata: { name: 'n1' }, spec: { podCIDRs } } as never)
  const status = { addresses: [{ type, address: '192.0.2.1' }] }
  await api.patch(resources.nodes, { name: 'n1' }, { status }, { type: 'merge', subresource: 'status' })
}

async function start(needsPodCIDRs = false): Promise<void> {
  sources = new Sources({
    api,
    clock,
    namespace: 'metallb-system',
    nodeName: 'n1',
    onService: (key) => feed.changed(key),
    onWorld: () => feed.nodeChanged(),
    onSpeakers: () => {},
    onExclusions: () => {},
    onOwnStatusDeleted: () => {},
    onOwnStatusDoubted: () => {},
    onError: () => {},
  })
  feed = new ForwardingFeed({
    clock,
    log: silentLogger,
    node: 'n1',
    needsPodCIDRs,
    sources,
    localAddresses: () => localAddresses,
    onNode: (context) => contexts.push(context),
    forwarder: {
      setNode: () => heard.push('node'),
      setService: (key, service) => heard.push(`${service === undefined ? 'without' : 'with'} ${key}`),
      allListed: () => heard.push('all listed'),
    },
  })
  feed.start()
  sources.start()
  await clock.advance(10)
}

test.each([resources.bgpPeers, resources.secrets, resources.speakerStatuses, resources.bfdProfiles])(
  'forwarding does not wait for $plural',
  async (broken) => {
    await createNode(['10.244.1.0/24'])
    api.fail = (_verb, resource) =>
      resource === broken ? new KubeError('FL_KUBE_FORBIDDEN', 'no role') : undefined
    await start()
    expect(sources.synced).toBe(false)
    expect(heard).toEqual(['node', 'with ns/web', 'all listed'])
  },
)

test.each([resources.services, resources.endpointSlices, resources.nodes])(
  'but for $plural',
  async (broken) => {
    api.fail = (_verb, resource) =>
      resource === broken ? new KubeError('FL_KUBE_FORBIDDEN', 'no role') : undefined
    await start()
    expect(heard).toEqual([])
  },
)

test('a node that comes later, or whose interfaces are listed later, is told then', async () => {
  localAddresses = undefined
  await start()
  expect(heard).toEqual(['with ns/web', 'all listed'])
  await createNode(['10.244.1.0/24'])
  await clock.advance(10)
  expect(contexts).toEqual([])
  localAddresses = ['192.0.2.1']
  feed.nodeChanged()
  await clock.advance(0)
  expect(contexts).toMatchObject([{ name: 'n1', internalIPs: ['192.0.2.1'], podCIDRs: ['10.244.1.0/24'] }])
  feed.nodeChanged()
  await clock.advance(0)
  expect(contexts).toHaveLength(1)
})

test('where pods are known by the Node’s ranges it waits for them', async () => {
  await createNode([])
  await start(true)
  expect(contexts).toEqual([])
  await api.patch(
    resources.nodes,
    { name: 'n1' },
    { spec: { podCIDRs: ['10.244.1.0/24'] } },
    { type: 'merge' },
  )
  await clock.advance(10)
  expect(contexts).toHaveLength(1)
})

test('a Node without an InternalIP is known by its ExternalIP', async () => {
  await createNode([], 'ExternalIP')
  await start()
  expect(contexts).toMatchObject([{ internalIPs: ['192.0.2.1'] }])
})
