import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeApi, KubeObject, WatchEvent } from './api.ts'
import { systemClock } from './clock.ts'
import { EventRecorder } from './events.ts'
import { LeaseElection } from './lease-election.ts'
import { Reflector } from './reflector.ts'
import { resources } from './resources.ts'
import type { Condition } from './objects/service.ts'

export interface KubeApiUnderTest {
  readonly api: KubeApi
  /** exists, and is the suite's alone */
  readonly namespace: string
  close(): Promise<void>
}

type Any = KubeObject & { spec?: Record<string, unknown>; status?: { conditions?: Condition[] } }

/**
 * What every KubeApi must do, whoever answers: the fake, the lab's API server, a real kube-apiserver. It uses
 * Services, Leases and Events only, and asserts nothing that depends on defaulting or on time.
 */
export function kubeApiSuite(name: string, make: () => Promise<KubeApiUnderTest>): void {
  describe(`KubeApi: ${name}`, () => {
    let api: KubeApi
    let namespace: string
    let close: () => Promise<void>
    const run = randomUUID().slice(0, 8)

    beforeAll(async () => {
      const made = await make()
      ;({ api, namespace } = made)
      close = () => made.close()
    }, 60_000)
    afterAll(() => close?.())

    const lease = (leaseName: string, group = run): KubeObject =>
      ({
        metadata: { namespace, name: `${leaseName}-${run}`, labels: { group } },
        spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
      }) as KubeObject
    const service = (serviceName: string): KubeObject =>
      ({
        metadata: { namespace, name: `${serviceName}-${run}`, labels: { run } },
        spec: {
          type: 'LoadBalancer',
          ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
          selector: { app: serviceName },
        },
      }) as KubeObject

    it('creates, reads, replaces and deletes', async () => {
      const created = (await api.create(resources.leases, lease('crud'))) as Any
      expect(created.metadata.uid).toBeTruthy()
      expect(created.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z$/)
      expect(await api.get(resources.leases, created.metadata)).toEqual(created)
      const changed = { ...created, spec: { ...created.spec, holderIdentity: 'b' } }
      const updated = (await api.update(resources.leases, changed)) as Any
      expect(updated.spec?.['holderIdentity']).toBe('b')
      expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion)
      await api.delete(resources.leases, created.metadata)
      const gone = api.get(resources.leases, created.metadata)
      await expect(gone).rejects.toMatchObject({ code: 'FL_KUBE_NOT_FOUND', status: 404, reason: 'NotFound' })
    })

    it('says 404 for what does not exist, whatever is asked', async () => {
      const key = { namespace, name: `nothing-${run}` }
      const notFound = { code: 'FL_KUBE_NOT_FOUND', status: 404 }
      await expect(api.delete(resources.leases, key)).rejects.toMatchObject(notFound)
      const patched = api.patch(
        resources.leases,
        key,
        { metadata: { labels: { a: 'b' } } },
        { type: 'merge' },
      )
      await expect(patched).rejects.toMatchObject(notFound)
    })

    it('says 409 for a name that is taken, and for a stale version', async () => {
      const created = (await api.create(resources.leases, lease('conflict'))) as Any
      const again = api.create(resources.leases, lease('conflict'))
      await expect(again).rejects.toMatchObject({
        code: 'FL_KUBE_EXISTS',
        status: 409,
        reason: 'AlreadyExists',
      })
      await api.update(resources.leases, { ...created, spec: { holderIdentity: 'b' } } as Any)
      const stale = api.update(resources.leases, { ...created, spec: { holderIdentity: 'c' } } as Any)
      await expect(stale).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT', status: 409, reason: 'Conflict' })
      await api.delete(resources.leases, created.metadata)
    })

    it('says 409 for an update of a Lease that is gone: without a version it would make a new one', async () => {
      const created = await api.create(resources.leases, lease('gone'))
      await api.delete(resources.leases, created.metadata)
      const updated = api.update(resources.leases, created)
      await expect(updated).rejects.toMatchObject({ code: 'FL_KUBE_CONFLICT', status: 409 })
    })

    it('makes a name from generateName', async () => {
      const created = await api.create(resources.leases, {
        metadata: { namespace, generateName: 'made-' },
      } as KubeObject)
      expect(created.metadata.name).toMatch(/^made-.+/)
      await api.delete(resources.leases, created.metadata)
    })

    it('lists in pages that add up, by label and by field', async () => {
      const group = `pages-${run}`
      const names = ['p1', 'p2', 'p3', 'p4', 'p5'].map((one) => `${one}-${run}`)
      for (const one of names) {
        await api.create(resources.leases, { metadata: { namespace, name: one, labels: { group } } })
      }
      const seen: string[] = []
      let token: string | undefined
      let pages = 0
      do {
        const page = await api.list(resources.leases, {
          namespace,
          labelSelector: `group=${group}`,
          limit: 2,
          ...(token ? { continue: token } : {}),
        })
        expect(page.resourceVersion).toBeTruthy()
        seen.push(...page.items.map((item) => item.metadata.name))
        token = page.continue
        pages++
      } while (token)
      expect({ pages, seen: seen.sort() }).toEqual({ pages: 3, seen: names })
      // Items of built-in kinds are typed by their list alone.
      const whole = await api.list(resources.leases, { namespace, labelSelector: `group=${group}` })
      expect(whole.items.map(({ kind, apiVersion }) => [kind, apiVersion])).toEqual(
        names.map(() => [undefined, undefined]),
      )
      const byField = await api.list(resources.leases, {
        namespace,
        fieldSelector: `metadata.name=${names[1]}`,
      })
      expect(byField.items.map((item) => item.metadata.name)).toEqual([names[1]])
      const none = await api.list(resources.leases, {
        namespace,
        labelSelector: `group notin (${group}),group`,
      })
      expect(none.items.filter((item) => names.includes(item.metadata.name))).toEqual([])
      for (const one of names) await api.delete(resources.leases, { namespace, name: one })
    })

    it('watches from a version: what came after it, in order, and only what is selected', async () => {
      const group = `watch-${run}`
      const { resourceVersion } = await api.list(resources.leases, { namespace })
      const first = (await api.create(resources.leases, lease('watched', group))) as Any
      await api.create(resources.leases, lease('other', `not-${group}`))
      await api.update(resources.leases, { ...first, spec: { holderIdentity: 'b' } } as Any)
      await api.delete(resources.leases, first.metadata)
      await api.delete(resources.leases, lease('other').metadata)
      const options = { namespace, labelSelector: `group=${group}`, resourceVersion }
      const events = await take(api, options, (all) => all.some((event) => event.type === 'DELETED'))
      expect(events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
      expect(events.map((event) => event.object.metadata.name)).toEqual(
        Array.from({ length: 3 }, () => first.metadata.name),
      )
    })

    it('starts a watch with the present objects and a bookmark that ends them', async () => {
      const group = `initial-${run}`
      await api.create(resources.leases, lease('i1', group))
      await api.create(resources.leases, lease('i2', group))
      const options = { namespace, labelSelector: `group=${group}`, sendInitialEvents: true }
      const events = await take(api, options, (all) => all.at(-1)?.type === 'BOOKMARK')
      expect(events.slice(0, -1).map((event) => [event.type, event.object.metadata.name])).toEqual([
        ['ADDED', `i1-${run}`],
        ['ADDED', `i2-${run}`],
      ])
      const { metadata } = events.at(-1)!.object
      expect(metadata.annotations?.['k8s.io/initial-events-end']).toBe('true')
      expect(Number(metadata.resourceVersion)).toBeGreaterThan(0)
      await api.delete(resources.leases, lease('i1').metadata)
      await api.delete(resources.leases, lease('i2').metadata)
    })

    it('merges and applies status, which is apart from the rest', async () => {
      const { metadata } = await api.create(resources.services, service('status'))
      const reasons = async () => {
        const { status } = (await api.get(resources.services, metadata)) as Any
        return Object.fromEntries((status?.conditions ?? []).map((one) => [one.type, one.reason]))
      }
      const merge = { status: { conditions: [condition('example.com/A', 'Merged')] } }
      await api.patch(resources.services, metadata, merge, { type: 'merge', subresource: 'status' })
      expect(await reasons()).toEqual({ 'example.com/A': 'Merged' })

      const apply = (conditions: Condition[]) =>
        api.patch(
          resources.services,
          metadata,
          { metadata: { name: metadata.name, namespace }, status: { conditions } },
          { type: 'apply', subresource: 'status', fieldManager: 'suite', force: true },
        )
      await apply([condition('example.com/B', 'One')])
      expect(await reasons()).toEqual({ 'example.com/A': 'Merged', 'example.com/B': 'One' })
      await apply([condition('example.com/B', 'Two')])
      expect(await reasons()).toEqual({ 'example.com/A': 'Merged', 'example.com/B': 'Two' })
      await apply([])
      expect(await reasons()).toEqual({ 'example.com/A': 'Merged' })

      // A write to the main resource leaves the status alone, one to the status leaves the rest alone.
      await api.patch(
        resources.services,
        metadata,
        { metadata: { annotations: { a: 'b' } }, status: { conditions: [] } },
        { type: 'merge' },
      )
      expect(await reasons()).toEqual({ 'example.com/A': 'Merged' })
      await api.delete(resources.services, metadata)
    })

    it('keeps an object with a finalizer until the finalizer is gone', async () => {
      const object = service('finalizer')
      object.metadata.finalizers = ['example.com/hold']
      const { metadata } = await api.create(resources.services, object)
      await api.delete(resources.services, metadata)
      const held = await api.get(resources.services, metadata)
      expect(held.metadata.deletionTimestamp).toBeTruthy()
      await api.patch(resources.services, metadata, { metadata: { finalizers: null } }, { type: 'merge' })
      const gone = api.get(resources.services, metadata)
      await expect(gone).rejects.toMatchObject({ code: 'FL_KUBE_NOT_FOUND' })
    })

    it('lets a reflector follow', async () => {
      const group = `reflector-${run}`
      await api.create(resources.leases, lease('r1', group))
      const reflector = new Reflector({
        api,
        resource: resources.leases,
        select: { namespace, labelSelector: `group=${group}` },
        project: (object) => (object as Any).spec?.['holderIdentity'],
        clock: systemClock,
      })
      reflector.start()
      await reflector.whenSynced()
      expect([...reflector.store]).toEqual([[`${namespace}/r1-${run}`, 'a']])
      await api.create(resources.leases, lease('r2', group))
      const patch = { spec: { holderIdentity: 'z' } }
      await api.patch(resources.leases, lease('r1').metadata, patch, { type: 'merge' })
      await until(() => reflector.store.get(`${namespace}/r1-${run}`) === 'z' && reflector.store.size === 2)
      await api.delete(resources.leases, lease('r1').metadata)
      await until(() => reflector.store.size === 1)
      reflector.stop()
      await api.delete(resources.leases, lease('r2').metadata)
    })

    it('elects one leader, and another when it stops', async () => {
      const elect = (identity: string) =>
        new LeaseElection({
          api,
          clock: systemClock,
          namespace,
          name: `election-${run}`,
          identity,
          leaseDurationMs: 4000,
          renewDeadlineMs: 3000,
          retryPeriodMs: 40,
        })
      const [one, two] = [elect('one'), elect('two')]
      one.start()
      await until(() => one.leader)
      two.start()
      await until(() => two.holder === 'one')
      expect(two.leader).toBe(false)
      await one.stop()
      expect(one.leader).toBe(false)
      await until(() => two.leader)
      await two.stop()
      await api.delete(resources.leases, { namespace, name: `election-${run}` })
    })

    it('counts events up', async () => {
      const { metadata } = await api.create(resources.services, service('events'))
      const recorder = new EventRecorder({ api, clock: systemClock, component: 'suite', instance: 'one' })
      const about = { apiVersion: 'v1', kind: 'Service', namespace, name: metadata.name }
      const regarding = { ...about, ...(metadata.uid ? { uid: metadata.uid } : {}) }
      recorder.record(regarding, 'Warning', 'Tested', 'a message')
      await recorder.flush()
      recorder.record(regarding, 'Warning', 'Tested', 'a message')
      await recorder.flush()
      const fieldSelector = `involvedObject.name=${metadata.name}`
      const { items } = await api.list(resources.events, { namespace, fieldSelector })
      const found = items.filter((item) => (item as { reason?: string }).reason === 'Tested')
      expect(found).toMatchObject([{ type: 'Warning', message: 'a message', count: 2 }])
      expect(recorder.dropped).toBe(0)
      for (const item of found) await api.delete(resources.events, item.metadata)
      await api.delete(resources.services, metadata)
    })
  })
}

const condition = (type: string, reason: string): Condition => ({
  type,
  status: 'True',
  reason,
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

/** Collects events of Leases until `enough`, without bookmarks other than the one that ends the initial events. */
async function take(
  api: KubeApi,
  options: {
    namespace: string
    labelSelector: string
    resourceVersion?: string
    sendInitialEvents?: boolean
  },
  enough: (events: readonly WatchEvent[]) => boolean,
): Promise<WatchEvent[]> {
  const controller = new AbortController()
  const limit = setTimeout(() => controller.abort(), 10_000)
  const events: WatchEvent[] = []
  try {
    const watch = api.watch(resources.leases, { ...options, timeoutSeconds: 60, signal: controller.signal })
    for await (const event of watch) {
      const endsInitial = event.object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true'
      if (event.type !== 'BOOKMARK' || endsInitial) events.push(event)
      if (enough(events)) return events
    }
    throw new Error(`the watch ended after ${JSON.stringify(events.map((event) => event.type))}`)
  } finally {
    clearTimeout(limit)
    controller.abort()
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 10 s: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
