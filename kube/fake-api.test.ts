import { describe, expect, it } from 'vitest'
import type { WatchEvent } from './api.ts'
import { kubeApiSuite } from './conformance-suite.ts'
import { KubeError } from './errors.ts'
import { FakeKubeApi } from './fake-api.ts'
import { resources } from './resources.ts'
import { settle } from './test-clock.ts'

kubeApiSuite('FakeKubeApi', async () => ({
  api: new FakeKubeApi(),
  namespace: 'suite',
  close: () => Promise.resolve(),
}))

const key = { namespace: 'default', name: 'web' }
const watchOptions = { timeoutSeconds: 300, signal: new AbortController().signal }

async function drain(events: AsyncIterable<WatchEvent>, into: string[]): Promise<void> {
  for await (const event of events) into.push(`${event.type} ${event.object.metadata.name}`)
}

describe('FakeKubeApi', () => {
  it('gives 410 for versions and tokens from before a compaction', async () => {
    const api = new FakeKubeApi()
    for (const name of ['a', 'b']) await api.create(resources.nodes, { metadata: { name } })
    const page = await api.list(resources.nodes, { limit: 1 })
    await api.create(resources.nodes, { metadata: { name: 'c' } })
    api.compact()
    const gone = { code: 'FL_KUBE_GONE', reason: 'Expired' }
    await expect(api.list(resources.nodes, { continue: page.continue! })).rejects.toMatchObject(gone)
    const watch = api.watch(resources.nodes, { ...watchOptions, resourceVersion: page.resourceVersion })
    await expect(drain(watch, [])).rejects.toMatchObject(gone)
  })

  it('tells a watch of what moves in and out of its selection', async () => {
    const api = new FakeKubeApi()
    const seen: string[] = []
    const done = drain(api.watch(resources.services, { ...watchOptions, labelSelector: 'on' }), seen)
    await settle()
    await api.create(resources.services, { metadata: key })
    const label = (on: string | null) =>
      api.patch(resources.services, key, { metadata: { labels: { on } } }, { type: 'merge' })
    await label('1')
    await label('2')
    await label(null)
    api.bookmark()
    api.endWatches()
    await done
    expect(seen).toEqual(['ADDED web', 'MODIFIED web', 'DELETED web', 'BOOKMARK '])
  })

  it('refuses initial events when made so, as an old server', async () => {
    const api = new FakeKubeApi({ watchList: false })
    const watch = api.watch(resources.nodes, { ...watchOptions, sendInitialEvents: true })
    await expect(drain(watch, [])).rejects.toMatchObject({ code: 'FL_KUBE_INVALID' })
  })

  it('breaks watches and requests in an outage, and comes back with its objects', async () => {
    const api = new FakeKubeApi()
    await api.create(resources.services, { metadata: key })
    const done = drain(api.watch(resources.services, watchOptions), [])
    await settle()
    expect(api.watches).toBe(1)
    api.outage(true)
    await expect(done).rejects.toMatchObject({ code: 'FL_KUBE_UNREACHABLE' })
    await expect(api.get(resources.services, key)).rejects.toMatchObject({ code: 'FL_KUBE_UNREACHABLE' })
    api.outage(false)
    expect((await api.get(resources.services, key)).metadata.name).toBe('web')
    expect(api.requests.slice(-2)).toEqual(['get services default/web', 'get services default/web'])
  })

  it('fails what a test asks it to', async () => {
    const api = new FakeKubeApi()
    api.fail = (verb) => (verb === 'create' ? new KubeError('FL_KUBE_FORBIDDEN', 'no') : undefined)
    await expect(api.create(resources.services, { metadata: key })).rejects.toThrow('no')
    expect((await api.list(resources.services, {})).items).toEqual([])
  })

  it('counts generations by content, not by metadata or status, and ignores writes that change nothing', async () => {
    const api = new FakeKubeApi()
    const spec = { type: 'ClusterIP' }
    const first = await api.create(resources.services, { metadata: key, spec } as never)
    const labelled = await api.patch(
      resources.services,
      key,
      { metadata: { labels: { a: 'b' } } },
      { type: 'merge' },
    )
    const status = { status: { loadBalancer: {} } }
    const withStatus = await api.patch(resources.services, key, status, {
      type: 'merge',
      subresource: 'status',
    })
    const changed = await api.patch(
      resources.services,
      key,
      [{ op: 'replace', path: '/spec/type', value: 'NodePort' }],
      { type: 'json' },
    )
    const same = await api.patch(resources.services, key, { spec: { type: 'NodePort' } }, { type: 'merge' })
    expect([first, labelled, withStatus, changed].map(({ metadata }) => metadata.generation)).toEqual([
      1, 1, 1, 2,
    ])
    expect(same.metadata.resourceVersion).toBe(changed.metadata.resourceVersion)
  })

  it('takes annotations with a status, of a kind of Kubernetes and in one version', async () => {
    const api = new FakeKubeApi()
    const patch = { metadata: { annotations: { a: 'b' } }, spec: { x: 1 }, status: { y: 2 } }
    const kinds = [resources.services, resources.ipAddressPools]
    const written = kinds.map(async (kind) => {
      await api.create(kind, { metadata: key })
      return api.patch(kind, key, patch, { type: 'merge', subresource: 'status' })
    })
    const [service, pool] = await Promise.all(written)
    expect(service).toMatchObject({ metadata: { annotations: { a: 'b' } }, status: { y: 2 } })
    expect(service).not.toHaveProperty('spec')
    expect(pool.metadata.annotations).toBeUndefined()
    expect((await api.get(resources.services, key)).metadata.resourceVersion).toBe(
      service.metadata.resourceVersion,
    )
  })

  it('refuses to apply over another manager unless forced', async () => {
    const api = new FakeKubeApi()
    await api.create(resources.services, { metadata: key })
    const apply = (fieldManager: string, value: string, force = false) =>
      api.patch(
        resources.services,
        key,
        { metadata: { annotations: { a: value } } },
        { type: 'apply', fieldManager, force },
      )
    await apply('one', '1')
    await expect(apply('two', '2')).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT' })
    const taken = await apply('two', '2', true)
    expect(taken.metadata.annotations).toEqual({ a: '2' })
    await expect(apply('one', '3')).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT' })
  })

  it('wants a version for a replace', async () => {
    const api = new FakeKubeApi()
    await api.create(resources.services, { metadata: key })
    await expect(api.update(resources.services, { metadata: key })).rejects.toMatchObject({
      code: 'FL_KUBE_INVALID',
    })
  })

  it('gives copies: changing one changes nothing in the server', async () => {
    const api = new FakeKubeApi()
    const created = await api.create(resources.services, { metadata: { ...key, labels: { a: 'b' } } })
    created.metadata.labels!['a'] = 'changed'
    expect((await api.get(resources.services, key)).metadata.labels).toEqual({ a: 'b' })
  })
})
