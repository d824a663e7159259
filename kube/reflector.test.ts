import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeObject, ListOptions } from './api.ts'
import { KubeError, kubeErrorFrom } from './errors.ts'
import { FakeKubeApi } from './fake-api.ts'
import type { FakeKubeApiOptions } from './fake-api.ts'
import { Reflector } from './reflector.ts'
import type { Change } from './reflector-store.ts'
import { resources } from './resources.ts'
import { settle, TestClock } from './test-clock.ts'

type Labelled = { value: string }

const resource = resources.nodes
const valueOf = (object: KubeObject): Labelled => ({ value: object.metadata.labels?.['value'] ?? '' })
const node = (name: string, value: string): KubeObject => ({ metadata: { name, labels: { value } } })
const unreachable = () => new KubeError('FL_KUBE_UNREACHABLE', 'gone', { reason: 'ECONNRESET' })
const expired = () => kubeErrorFrom(410, { reason: 'Expired', message: 'too old' })

function event(type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, value: string, version: string) {
  const { metadata } = node(name, value)
  return { type, object: { metadata: { ...metadata, resourceVersion: version } } }
}

interface MakeOptions extends FakeKubeApiOptions {
  readonly select?: ListOptions
  readonly project?: (object: KubeObject) => Labelled
  readonly nodes?: readonly string[]
}

async function make({ select, project = valueOf, nodes = ['a', 'b'], ...fake }: MakeOptions = {}) {
  const clock = new TestClock()
  const api = new FakeKubeApi({ clock, ...fake })
  for (const name of nodes) await api.create(resource, node(name, '1'))
  api.requests.length = 0
  const errors: { error: unknown; retryInMs: number }[] = []
  const changes: string[] = []
  const reflector = new Reflector<Labelled>({
    api,
    resource,
    ...(select ? { select } : {}),
    project,
    clock,
    random: () => 0.5,
    onError: (error, retryInMs) => errors.push({ error, retryInMs }),
  })
  reflector.onChange(({ key, previous, current }: Change<Labelled>) => {
    changes.push(`${key}: ${previous?.value ?? '-'} > ${current?.value ?? '-'}`)
  })
  const set = (name: string, value: string) =>
    api.patch(resource, { name }, { metadata: { labels: { value } } }, { type: 'merge' })
  const contents = () => Object.fromEntries([...reflector.store].map(([key, { value }]) => [key, value]))
  const asked = () => api.requests.filter((request) => /^(list|watch)/.test(request))
  const take = () => changes.splice(0)
  return { clock, api, reflector, errors, set, contents, asked, take }
}

describe.each([{ watchList: true }, { watchList: false }])('Reflector, %o', (options) => {
  it('copies what is there, then follows', async () => {
    const { reflector, contents, take, api, set } = await make(options)
    expect([reflector.synced, reflector.lastContact]).toEqual([false, 0])
    reflector.start()
    await reflector.whenSynced()
    await settle()
    expect(contents()).toEqual({ a: '1', b: '1' })
    expect(take().sort()).toEqual(['a: - > 1', 'b: - > 1'])
    await set('a', '2')
    await api.delete(resource, { name: 'b' })
    await api.create(resource, node('c', '1'))
    await settle()
    expect(contents()).toEqual({ a: '2', c: '1' })
    expect(take()).toEqual(['a: 1 > 2', 'b: 1 > -', 'c: - > 1'])
    reflector.stop()
    await settle()
    expect(api.watches).toBe(0)
    await set('a', '3')
    expect(contents()).toEqual({ a: '2', c: '1' })
  })

  it('continues from its version when a watch ends, without a new list', async () => {
    const { reflector, contents, take, api, set, asked, errors, clock } = await make(options)
    reflector.start()
    await settle()
    await clock.advance(300_000 / 4)
    take()
    const before = asked().length
    api.endWatches()
    await set('a', '2')
    await settle()
    expect(contents()).toEqual({ a: '2', b: '1' })
    expect(take()).toEqual(['a: 1 > 2'])
    expect(asked().slice(before)).toEqual(['watch nodes'])
    expect(errors.filter(({ retryInMs }) => retryInMs > 0)).toEqual([])
    reflector.stop()
  })

  it('lists anew after 410 and tells only the difference, deletions included; the store is never empty', async () => {
    const { reflector, contents, take, api, set, clock } = await make(options)
    let smallest = Infinity
    reflector.start()
    await settle()
    take()
    reflector.onChange(() => (smallest = Math.min(smallest, reflector.store.size)))
    api.outage(true)
    await settle()
    api.outage(false)
    await set('a', '2')
    await api.delete(resource, { name: 'b' })
    await api.create(resource, node('c', '1'))
    await api.create(resource, node('d', '1'))
    api.compact()
    await clock.advance(2000)
    expect(contents()).toEqual({ a: '2', c: '1', d: '1' })
    expect(take().sort()).toEqual(['a: 1 > 2', 'b: 1 > -', 'c: - > 1', 'd: - > 1'])
    // All is in place before the first listener hears of it.
    expect(smallest).toBe(3)
    reflector.stop()
  })

  it('stays synced and keeps its store through an outage, and backs off', async () => {
    const { reflector, contents, api, clock, errors, set } = await make(options)
    reflector.start()
    await settle()
    errors.length = 0
    api.outage(true)
    await clock.advance(300_000)
    expect([reflector.synced, contents()]).toEqual([true, { a: '1', b: '1' }])
    const waits = errors.map(({ retryInMs }) => retryInMs)
    // random() is 0.5, so three quarters of 0.2 s, doubled up to 30 s.
    expect(waits.slice(0, 8)).toEqual([150, 300, 600, 1200, 2400, 4800, 9600, 19_200])
    expect(new Set(waits.slice(8))).toEqual(new Set([22_500]))
    const contact = reflector.lastContact
    api.outage(false)
    await set('a', '2')
    await clock.advance(22_500)
    expect(contents()).toEqual({ a: '2', b: '1' })
    expect(reflector.lastContact).toBeGreaterThan(contact)
    errors.length = 0
    api.endWatches(unreachable())
    await settle()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([150])
    reflector.stop()
  })

  it('begins during an outage as well', async () => {
    const { reflector, contents, api, clock } = await make(options)
    api.outage(true)
    reflector.start()
    await clock.advance(60_000)
    expect(reflector.synced).toBe(false)
    api.outage(false)
    await clock.advance(60_000)
    expect([reflector.synced, contents()]).toEqual([true, { a: '1', b: '1' }])
    reflector.stop()
  })

  it('skips an object that cannot be projected, and keeps its last good form', async () => {
    const { reflector, contents, api, set, errors, clock } = await make({
      ...options,
      project: (object) => {
        const projected = valueOf(object)
        if (projected.value === 'bad') throw new Error('cannot read')
        return projected
      },
    })
    await set('a', 'bad')
    reflector.start()
    await settle()
    expect(contents()).toEqual({ b: '1' })
    await set('b', 'bad')
    await settle()
    expect(contents()).toEqual({ b: '1' })
    expect(errors.filter(({ error }) => String(error).includes('cannot read'))).toHaveLength(2)
    api.compact()
    api.endWatches(expired())
    await clock.advance(2000)
    expect(contents()).toEqual({ b: '1' })
    await set('a', '5')
    await set('b', '6')
    await settle()
    expect(contents()).toEqual({ a: '5', b: '6' })
    reflector.stop()
  })

  it('selects', async () => {
    const { reflector, contents, set } = await make({ ...options, select: { labelSelector: 'value=2' } })
    await set('a', '2')
    reflector.start()
    await settle()
    expect(contents()).toEqual({ a: '2' })
    await set('b', '2')
    await set('a', '1')
    await settle()
    expect(contents()).toEqual({ b: '2' })
    reflector.stop()
  })

  it('ends with what the server has, whatever breaks on the way', async () => {
    const step = fc.oneof(
      fc.record({ set: fc.constantFrom('a', 'b', 'c', 'd'), to: fc.constantFrom('1', '2', '3') }),
      fc.record({ remove: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ fault: fc.constantFrom('clean', 'reset', 'gone', 'compact', 'down', 'up', 'bookmark') }),
      fc.record({ wait: fc.constantFrom(0, 100, 1000, 40_000) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { reflector, contents, api, set, clock } = await make(options)
        const mirror = new Map<string, string>()
        reflector.onChange(({ key, previous, current }) => {
          expect(mirror.get(key)).toBe(previous?.value)
          if (current) mirror.set(key, current.value)
          else mirror.delete(key)
        })
        let down = false
        reflector.start()
        const write = async (work: () => Promise<unknown>) => {
          api.outage(false)
          await work().catch(() => undefined)
          if (down) api.outage(true)
        }
        for (const one of steps) {
          if ('wait' in one) await clock.advance(one.wait)
          else if ('remove' in one) await write(() => api.delete(resource, { name: one.remove }))
          else if ('set' in one) {
            await write(() => api.create(resource, node(one.set, one.to)))
            await write(() => set(one.set, one.to))
          } else if (one.fault === 'down' || one.fault === 'up') api.outage((down = one.fault === 'down'))
          else if (one.fault === 'compact') api.compact()
          else if (one.fault === 'bookmark') api.bookmark()
          else if (one.fault === 'clean') api.endWatches()
          else api.endWatches(one.fault === 'gone' ? expired() : unreachable())
        }
        api.outage(false)
        await clock.advance(120_000)
        const { items } = await api.list(resource, {})
        const wanted = Object.fromEntries(items.map((item) => [item.metadata.name, valueOf(item).value]))
        expect(contents()).toEqual(wanted)
        expect(Object.fromEntries(mirror)).toEqual(wanted)
        reflector.stop()
      }),
      { numRuns: 40 },
    )
  })
})

describe('Reflector', () => {
  it('asks for initial events, and remembers a server that refuses them', async () => {
    const modern = await make()
    modern.reflector.start()
    await settle()
    expect(modern.asked()).toEqual(['watch nodes'])
    modern.reflector.stop()

    const old = await make({ watchList: false })
    old.reflector.start()
    await settle()
    expect(old.asked()).toEqual(['watch nodes', 'list nodes', 'watch nodes'])
    expect(old.errors.map(({ retryInMs }) => retryInMs)).toEqual([0])
    old.api.endWatches(expired())
    await old.clock.advance(1000)
    expect(old.asked().slice(3)).toEqual(['list nodes', 'watch nodes'])
    old.reflector.stop()
  })

  it('falls back when no bookmark ends the initial events: at the end of the watch, or after a silence', async () => {
    for (const how of ['ends', 'is silent'] as const) {
      const { reflector, contents, api, clock, asked } = await make()
      const { watch } = api
      // A server that ignores the parameter: a plain watch from now on.
      api.watch = (to, { sendInitialEvents: _ignored, ...rest }) => watch.call(api, to, rest)
      reflector.start()
      await settle()
      expect(reflector.synced).toBe(false)
      if (how === 'ends') api.endWatches()
      await clock.advance(how === 'ends' ? 0 : 20_000)
      expect(contents()).toEqual({ a: '1', b: '1' })
      expect(asked()).toEqual(['watch nodes', 'list nodes', 'watch nodes'])
      reflector.stop()
    }
  })

  it('falls back when the initial events break off in the middle three times; an outage is no such thing', async () => {
    const { reflector, api, clock, asked, contents } = await make()
    const { watch } = api
    let outage = true
    let broken = 0
    api.watch = (to, options) => {
      if (!options.sendInitialEvents) return watch.call(api, to, options)
      return (async function* () {
        if (!outage) {
          broken++
          yield event('ADDED', 'a', '1', '1')
        }
        throw unreachable()
      })()
    }
    reflector.start()
    await clock.advance(600_000)
    expect([reflector.synced, broken, asked()]).toEqual([false, 0, []])
    outage = false
    // Three times the longest back-off.
    await clock.advance(95_000)
    expect([reflector.synced, broken, asked()]).toEqual([true, 3, ['list nodes', 'watch nodes']])
    expect(contents()).toEqual({ a: '1', b: '1' })
    reflector.stop()
  })

  it('takes what happens between the initial events and their bookmark', async () => {
    const { reflector, contents, api } = await make({ nodes: [] })
    api.watch = async function* () {
      yield event('ADDED', 'a', '1', '1')
      yield event('ADDED', 'b', '1', '2')
      yield event('MODIFIED', 'b', '2', '3')
      yield event('DELETED', 'a', '1', '4')
      const annotations = { 'k8s.io/initial-events-end': 'true' }
      yield { type: 'BOOKMARK', object: { metadata: { name: '', resourceVersion: '4', annotations } } }
      await new Promise<void>((_, reject) => setImmediate(reject, unreachable()))
    }
    reflector.start()
    await reflector.whenSynced()
    expect(contents()).toEqual({ b: '2' })
    reflector.stop()
  })

  it('lists in pages of 500, and in one piece when its token expires in between', async () => {
    const nodes = Array.from({ length: 1100 }, (_, index) => `n${String(index).padStart(4, '0')}`)
    const { reflector, api, asked, errors } = await make({ watchList: false, nodes })
    const limits: (number | undefined)[] = []
    const { list } = api
    api.list = async (to, options) => {
      limits.push(options.limit)
      const page = await list.call(api, to, options)
      if (limits.length === 2) {
        await api.create(resources.services, { metadata: { namespace: 'x', name: 'y' } })
        api.compact()
      }
      return page
    }
    reflector.start()
    await reflector.whenSynced()
    expect(limits).toEqual([500, 500, 500, undefined])
    expect(reflector.store.size).toBe(1100)
    await settle()
    expect(asked()).toHaveLength(6)
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([0])
    reflector.stop()
  })

  it('reconnects a watch that was silent for too long; bookmarks count as life', async () => {
    const { reflector, api, clock, asked, errors } = await make()
    reflector.start()
    await settle()
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(60_000)
      api.bookmark()
      await settle()
      expect(reflector.lastContact).toBe(clock.now())
    }
    expect(asked()).toHaveLength(1)
    await clock.advance(150_000)
    expect(errors.at(-1)?.error).toMatchObject({ code: 'FL_KUBE_UNREACHABLE' })
    await clock.advance(1000)
    expect(asked()).toHaveLength(2)
    expect(api.watches).toBe(1)
    reflector.stop()
    await settle()
    expect(clock.pending).toBe(0)
  })

  it('continues from the version of a bookmark', async () => {
    const { reflector, api, clock, asked, errors } = await make()
    reflector.start()
    await settle()
    await api.create(resources.services, { metadata: { namespace: 'x', name: 'y' } })
    api.bookmark()
    api.compact()
    await settle()
    api.endWatches(unreachable())
    await clock.advance(1000)
    expect(errors).toHaveLength(1)
    expect(asked()).toEqual(['watch nodes', 'watch nodes'])
    reflector.stop()
  })

  it('does not spin when watches end at once, and does not list in a circle', async () => {
    const { reflector, api, clock, asked } = await make({ watchList: false })
    reflector.start()
    await settle()
    const { watch } = api
    api.watch = (to, options) => {
      setImmediate(() => api.endWatches())
      return watch.call(api, to, options)
    }
    api.endWatches()
    await clock.advance(10_000)
    expect(asked().length).toBeLessThan(15)
    api.watch = () => {
      api.requests.push('watch refused')
      throw expired()
    }
    api.requests.length = 0
    await clock.advance(600_000)
    expect(asked().length).toBeLessThan(70)
    reflector.stop()
  })

  it('suspects its version after three answers that make no sense', async () => {
    const { reflector, contents, api, clock, set } = await make()
    reflector.start()
    await settle()
    const { watch } = api
    let refused = 0
    api.watch = (to, options) => {
      if (options.sendInitialEvents) return watch.call(api, to, options)
      refused++
      throw new KubeError('FL_KUBE_STREAM', 'not JSON')
    }
    api.endWatches(unreachable())
    await set('a', '2')
    await clock.advance(5000)
    expect(refused).toBe(2)
    expect(contents()).toEqual({ a: '2', b: '1' })
    reflector.stop()
  })

  it('lists anew when the server counts from an earlier version', async () => {
    const { reflector, api, clock, asked } = await make({ watchList: false })
    reflector.start()
    await settle()
    const message = 'Too large resource version: 900, current: 100'
    const status = { metadata: { name: '' }, code: 504, reason: 'Timeout', message }
    const { watch } = api
    let sent = false
    api.watch = async function* (to, options) {
      const first = !sent
      sent = true
      if (first) yield { type: 'ERROR', object: status }
      yield* watch.call(api, to, options)
    }
    api.endWatches(unreachable())
    await clock.advance(5000)
    expect(asked().slice(3)).toEqual(['list nodes', 'watch nodes'])
    reflector.stop()
  })

  it('waits as long as the server asks it to', async () => {
    const { reflector, api, clock, errors } = await make()
    api.fail = () => kubeErrorFrom(429, { message: 'slow down' }, 5000)
    reflector.start()
    await settle()
    expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([5000])
    api.fail = undefined
    await clock.advance(5000)
    expect(reflector.synced).toBe(true)
    reflector.stop()
  })

  it('survives a listener that throws', async () => {
    const { reflector, contents, errors, set } = await make()
    reflector.onChange(() => {
      throw new Error('listener')
    })
    reflector.start()
    await settle()
    await set('a', '2')
    await settle()
    expect(contents()).toEqual({ a: '2', b: '1' })
    expect(errors).toHaveLength(3)
    reflector.stop()
  })
})
