import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeApi, KubeObject, WatchEvent } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import { Reflector } from '#kube/reflector.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const namespace = 'default'
const lease = (name: string, group: string): KubeObject =>
  ({ metadata: { namespace, name, labels: { group } }, spec: { holderIdentity: 'a' } }) as KubeObject

describe.each([
  ['with WatchList', []],
  // As servers before 1.32: lists in pages. And Leases come from etcd itself, which forgets its history in seconds.
  [
    'without WatchList',
    [
      '--feature-gates=WatchList=false',
      '--watch-cache-sizes=leases.coordination.k8s.io#0',
      '--etcd-compaction-interval=1s',
    ],
  ],
])('an API server %s', (_name, apiServerFlags) => {
  const hasHistory = apiServerFlags.length === 0
  let cluster: TestCluster
  let api: KubeApi

  beforeAll(async () => {
    cluster = await startTestCluster({ apiServerFlags })
    api = cluster.admin
  })
  afterAll(() => cluster?.stop())

  const create = (name: string, group: string) => api.create(resources.leases, lease(name, group))
  const renew = (name: string, holderIdentity: string) =>
    api.patch(resources.leases, { namespace, name }, { spec: { holderIdentity } }, { type: 'merge' })
  const select = (group: string) => ({ namespace, labelSelector: `group=${group}` })

  function follow(group: string): { reflector: Reflector<string>; errors: unknown[] } {
    const errors: unknown[] = []
    const reflector = new Reflector({
      api,
      resource: resources.leases,
      select: select(group),
      project: (object) => (object as { spec?: { holderIdentity?: string } }).spec?.holderIdentity ?? '',
      clock: systemClock,
      onError: (error) => errors.push(error),
    })
    reflector.start()
    return { reflector, errors }
  }

  test('a reflector has all of a long list', async () => {
    const names = Array.from({ length: 520 }, (_, index) => `p${index}`)
    for (let at = 0; at < names.length; at += 40) {
      await Promise.all(names.slice(at, at + 40).map((name) => create(name, 'many')))
    }
    const { reflector, errors } = follow('many')
    await reflector.whenSynced()
    expect(reflector.store.size).toBe(names.length)
    // Servers that do not know WatchList are asked for it once.
    expect(errors).toMatchObject(hasHistory ? [] : [{ code: 'FL_KUBE_INVALID' }])
    reflector.stop()
  })

  test('it is killed and starts again: reflectors go on, and nothing is lost', async () => {
    for (const name of ['kept', 'changed', 'gone']) await create(name, 'restart')
    const { reflector } = follow('restart')
    const told: string[] = []
    await reflector.whenSynced()
    reflector.onChange(({ key, previous, current }) => told.push(`${key}: ${previous}, ${current}`))

    await cluster.kubernetes.apiServer.kill()
    await until('the reflector has noticed', () =>
      renew('changed', 'x').then(
        () => false,
        () => true,
      ),
    )
    await cluster.kubernetes.apiServer.start()
    // The reflector waits before it asks again, so most of this happens unseen.
    await until(
      'writes are taken',
      () =>
        renew('changed', 'b').then(
          () => true,
          () => false,
        ),
      10_000,
    )
    await api.delete(resources.leases, { namespace, name: 'gone' })
    await create('new', 'restart')

    const wanted = ['default/changed: a, b', 'default/gone: a, undefined', 'default/new: undefined, a']
    await until('the reflector has caught up', () => told.length >= wanted.length, 20_000)
    expect(told.sort()).toEqual(wanted)
    expect([...reflector.store.keys()].sort()).toEqual(['default/changed', 'default/kept', 'default/new'])
    reflector.stop()
  }, 60_000)

  /** The first event of a watch; an answer that is an error counts as one. */
  async function firstEvent(resourceVersion: string, selection: object): Promise<WatchEvent> {
    const controller = new AbortController()
    const options = {
      namespace,
      ...selection,
      resourceVersion,
      timeoutSeconds: 10,
      signal: controller.signal,
    }
    try {
      for await (const event of api.watch(resources.leases, options)) return event
      throw new Error('the watch ended without an event')
    } catch (error) {
      if ((error as { code?: string }).code !== 'FL_KUBE_GONE') throw error
      const { status, reason } = error as { status: number; reason: string }
      return { type: 'ERROR', object: { metadata: { name: '' }, code: status, reason } }
    } finally {
      controller.abort()
    }
  }

  if (hasHistory) return

  test('a watch and a page from before a compaction get 410', async () => {
    for (const name of ['a', 'b', 'c']) await create(name, 'pages')
    const first = await api.list(resources.leases, { ...select('pages'), limit: 1 })
    expect(first.items).toHaveLength(1)
    await create('tick', 'tick')
    let turn = 0
    const said = await until(
      'the history is compacted',
      async () => {
        await renew('tick', String(turn++))
        const event = await firstEvent(first.resourceVersion, select('tick'))
        return event.type === 'ERROR' && event
      },
      15_000,
    )
    expect(said.object).toMatchObject({ code: 410, reason: 'Expired' })
    const next = api.list(resources.leases, { ...select('pages'), limit: 1, continue: first.continue ?? '' })
    await expect(next).rejects.toMatchObject({ code: 'FL_KUBE_GONE', status: 410 })
  })
})
