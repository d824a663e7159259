import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import type { KubeObject } from '#kube/api.ts'
import { projectSpeaker, SpeakerStatusWriter, type SpeakerState } from './speaker-status.ts'

const clock = new TestClock()
const key = { name: 'node1' }
let api: FakeKubeApi
let writers: SpeakerStatusWriter[]

beforeEach(() => {
  api = new FakeKubeApi({ clock })
  writers = []
})
afterEach(() => Promise.all(writers.map((writer) => writer.stop())))

const starting = { ok: false, reason: 'Starting', message: 'first lists are not complete' }
const ready = { ok: true, reason: 'Ready', message: '' }
const leaving = { ok: false, reason: 'Leaving', message: 'leaving' }

const node = { apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'u1' }

function writerWith(state: SpeakerState['ready'], owner: typeof node | null = node) {
  const now = { ready: state, held: 0, owner }
  const errors: unknown[] = []
  const writer = new SpeakerStatusWriter({
    api,
    clock,
    node: 'node1',
    state: () => ({
      node: 'node1',
      interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:11', up: true, usable: true, prefixes: [] }],
      sessions: [],
      heldAddresses: now.held,
      forwarding: { mode: 'full', synced: true, generation: 1, reason: '' },
      ready: now.ready,
    }),
    owner: () => now.owner ?? undefined,
    onError: (error) => errors.push(error),
  })
  writers.push(writer)
  writer.start()
  return { writer, now, errors }
}

const get = () =>
  api.get(resources.speakerStatuses, key) as Promise<KubeObject & { status: { heldAddresses: number } }>
const readyNow = async () => projectSpeaker(await get()).ready

async function settle(ms = 600) {
  await clock.advance(ms)
  await Promise.all(writers.map((writer) => writer.idle()))
}

test('what other speakers read of it, and who owns it', async () => {
  writerWith(ready)
  await settle()
  const object = await get()
  expect(projectSpeaker(object)).toEqual({ ready: true, interfaces: new Set(['eth0']) })
  expect(object.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'node1' }])
})

test('it is made when its owner is known, or when the start is over', async () => {
  const early = writerWith(starting, null)
  await settle()
  await expect(get()).rejects.toMatchObject({ code: 'FL_KUBE_NOT_FOUND' })
  early.now.owner = node
  await settle()
  expect((await get()).metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'node1' }])
  await early.writer.stop()
  await api.delete(resources.speakerStatuses, key)
  writerWith(ready, null)
  await settle()
  expect((await get()).metadata.ownerReferences).toBeUndefined()
})

test('a planned stop says so at once; the next run says that it is back', async () => {
  const first = writerWith(ready)
  await settle()
  first.now.ready = leaving
  await first.writer.flush()
  expect(await readyNow()).toBe(false)
  await first.writer.stop()
  const second = writerWith(starting)
  await settle()
  expect(await readyNow()).toBe(false)
  second.now.ready = ready
  second.writer.changed()
  await settle()
  expect(await readyNow()).toBe(true)
  expect(second.errors).toEqual([])
})

test('a restart after a crash moves nothing: not ready is told only when it lasts', async () => {
  await writerWith(ready).writer.flush()
  await settle()
  await writers[0].stop()
  const second = writerWith(starting)
  await settle(10_000)
  expect(await readyNow()).toBe(true)
  await settle(25_000)
  expect(await readyNow()).toBe(false)
  expect(second.errors).toEqual([])
})

test('a deleted object is made again', async () => {
  const { writer } = writerWith(ready)
  await settle()
  await api.delete(resources.speakerStatuses, key)
  writer.deleted()
  await settle()
  expect(await readyNow()).toBe(true)
})

test('nothing changed, nothing written; of many changes the first at once, the rest together', async () => {
  const { writer, now } = writerWith(ready)
  await settle()
  const before = api.requests.length
  writer.changed()
  await settle()
  expect(api.requests.length).toBe(before)
  for (let held = 1; held <= 5; held++) {
    now.held = held
    writer.changed()
  }
  await settle()
  expect((await get()).status.heldAddresses).toBe(5)
  expect(api.requests.slice(before).filter((request) => request.startsWith('patch '))).toHaveLength(2)
})
