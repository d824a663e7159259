import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ApiObject } from '../object.ts'
import { Store } from './store.ts'
import { watch, type WatchChange } from './watch.ts'

const object = (name: string, labels: Record<string, string> = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, labels },
})

const names = (objects: readonly ApiObject[]) => objects.map(({ metadata }) => metadata.name)

describe('store', () => {
  it('counts one revision for all collections, also for deletions', () => {
    const store = new Store()
    const first = store.revision
    store.put('a', 'x', object('x'))
    store.put('b', 'y', object('y'))
    const gone = store.remove('a', 'x')
    expect(store.revision).toBe(first + 3)
    expect(gone?.metadata.resourceVersion).toBe(String(first + 3))
    expect(store.remove('a', 'x')).toBeUndefined()
    expect(store.get('b', 'y')?.metadata.resourceVersion).toBe(String(first + 2))
  })

  it('shows any revision of the history as it was', () => {
    const operation = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), put: fc.boolean() })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const store = new Store()
        const seen = [{ revision: store.revision, objects: store.values('things') }]
        for (const { key, put } of operations) {
          if (put) store.put('things', key, object(key))
          else store.remove('things', key)
          seen.push({ revision: store.revision, objects: store.values('things') })
        }
        for (const { revision, objects } of seen) expect(store.valuesAt('things', revision)).toEqual(objects)
      }),
    )
  })

  it('says 410 for what is compacted, and only for that', () => {
    const store = new Store()
    store.put('a', 'x', object('x'))
    const before = store.revision
    store.put('a', 'y', object('y'))
    store.compact()
    expect(() => store.since('a', before)).toThrow(expect.objectContaining({ code: 410, reason: 'Expired' }))
    expect(() => store.valuesAt('a', before)).toThrow(expect.objectContaining({ code: 410 }))
    expect(store.since('a', store.revision)).toEqual([])
  })

  it('keeps a bounded history a collection', () => {
    const store = new Store(100)
    const first = store.revision
    store.put('quiet', 'q', object('q'))
    for (let i = 0; i < 500; i += 1) store.put('busy', 'x', object('x'))
    expect(store.since('quiet', first)).toHaveLength(1)
    expect(() => store.since('busy', first)).toThrow('too old resource version')
    expect(store.since('busy', store.revision - 100)).toHaveLength(100)
  })
})

describe('watch', () => {
  const start = (store: Store, after: number | undefined) => {
    const told: WatchChange[] = []
    const matches = ({ metadata }: ApiObject) => metadata.labels?.on === 'yes'
    const stop = watch(store, { collection: 'a', matches, after }, (change) => told.push(change))
    return { told, stop }
  }
  const summary = (told: readonly WatchChange[]) =>
    told.map(({ type, object }) => `${type} ${object.metadata.name}`)

  it('translates changes through the selector', () => {
    const store = new Store()
    const { told, stop } = start(store, store.revision)
    store.put('a', 'x', object('x'))
    store.put('a', 'x', object('x', { on: 'yes' }))
    store.put('a', 'x', object('x', { on: 'yes', more: '1' }))
    store.put('a', 'x', object('x'))
    store.put('a', 'x', object('x', { on: 'yes' }))
    store.remove('a', 'x')
    expect(summary(told)).toEqual(['ADDED x', 'MODIFIED x', 'DELETED x', 'ADDED x', 'DELETED x'])
    // An object that leaves the selection is shown as it was, at the revision of the change.
    expect(told[2]?.object.metadata).toMatchObject({ labels: { on: 'yes', more: '1' } })
    expect(Number(told[2]?.object.metadata.resourceVersion)).toBe(store.revision - 2)
    stop()
    store.put('a', 'y', object('y', { on: 'yes' }))
    expect(told).toHaveLength(5)
  })

  it('begins with the history or with the present objects', () => {
    const store = new Store()
    const revision = store.revision
    store.put('a', 'x', object('x', { on: 'yes' }))
    store.put('a', 'y', object('y', { on: 'yes' }))
    store.remove('a', 'x')
    expect(summary(start(store, revision).told)).toEqual(['ADDED x', 'ADDED y', 'DELETED x'])
    expect(summary(start(store, undefined).told)).toEqual(['ADDED y'])
    expect(names(store.values('a'))).toEqual(['y'])
  })
})
