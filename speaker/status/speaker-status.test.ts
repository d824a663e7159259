import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import type { KubeObject } from '#kube/api.ts'
import type { Condition } from '#kube/objects/service.ts'
import { projectSpeaker } from './project.ts'
import { SpeakerStatusWriter, type SpeakerState } from './speaker-status.ts'

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
  const now = {
    ready: state,
    held: 0,
    owner,
    neighbors: [] as SpeakerState['neighbors'],
    unreachable: [] as string[],
    sessions: [] as SpeakerState['sessions'],
    drain: { phase: 'none', reason: '' } as SpeakerState['drain'],
  }
  const errors: unknown[] = []
  const writer = new SpeakerStatusWriter({
    api,
    clock,
    node: 'node1',
    state: () => ({
      node: 'node1',
      interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:11', up: true, usable: true, prefixes: [] }],
      sessions: now.sessions,
      heldAddresses: now.held,
      held: [],
      problems: [],
      neighbors: now.neighbors,
      unreachable: now.unreachable,
      drain: now.drain,
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
  const eth0 = { mac: '02:00:00:00:00:11', prefixes: [] }
  expect(projectSpeaker(object)).toEqual({ ready: true, interfaces: new Map([['eth0', eth0]]) })
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

const conditionsOf = async (): Promise<readonly Condition[]> =>
  ((await get()).status as unknown as { conditions: Condition[] }).conditions

const drainedNow = async () =>
  (await conditionsOf()).map(({ type, status, reason, message }) => ({ type, status, reason, message })).at(2)

test('the condition that the controller writes stays, and what it says counts', async () => {
  const { writer, now } = writerWith(ready)
  await settle()
  const apiReachable = (status: 'True' | 'False') =>
    api.patch(
      resources.speakerStatuses,
      key,
      { metadata: key, status: { conditions: [{ type: 'ApiReachable', status, reason: 'x', message: '' }] } },
      { type: 'apply', subresource: 'status', fieldManager: 'controller', force: true },
    )
  await apiReachable('False')
  expect(projectSpeaker(await get())).toMatchObject({ ready: true, apiReachable: false })
  now.held = 3
  writer.changed()
  await settle()
  expect((await conditionsOf()).map(({ type }) => type)).toEqual([
    'Ready',
    'ForwardingSynced',
    'Drained',
    'ApiReachable',
  ])
  expect((await get()).status.heldAddresses).toBe(3)
  await apiReachable('True')
  expect(projectSpeaker(await get())).not.toHaveProperty('apiReachable')
})

test('what the controller puts in doubt while the node is away is no word of leaving, and is said again', async () => {
  const { writer } = writerWith(ready)
  await settle()
  const time = { lastTransitionTime: '2026-01-01T00:00:00Z', message: '' }
  const doubt = (reachable: 'True' | 'False') => {
    const conditions = [
      { type: 'ApiReachable', status: reachable, reason: 'x', ...time },
      { type: 'Ready', status: 'Unknown', reason: 'SpeakerUnreachable', ...time },
    ]
    return api.patch(
      resources.speakerStatuses,
      key,
      { metadata: key, status: { conditions } },
      { type: 'apply', subresource: 'status', fieldManager: 'fairlead-controller', force: true },
    )
  }
  await doubt('False')
  expect(projectSpeaker(await get())).toMatchObject({ ready: true, apiReachable: false })
  expect(projectSpeaker(await get())).not.toHaveProperty('doubted')
  await doubt('True')
  expect(projectSpeaker(await get())).toMatchObject({ ready: true, doubted: true })
  writer.doubted()
  await settle()
  const conditions = await conditionsOf()
  expect(conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' })
  expect(conditions.find(({ type }) => type === 'ApiReachable')).toMatchObject({ status: 'True' })
  expect(projectSpeaker(await get())).not.toHaveProperty('doubted')
})

test('a restart of a speaker whose word is in doubt moves nothing either', async () => {
  writerWith(ready)
  await settle()
  const conditions = (await conditionsOf()).map((one) =>
    one.type === 'Ready' ? { ...one, status: 'Unknown' } : one,
  )
  await api.patch(
    resources.speakerStatuses,
    key,
    { metadata: key, status: { conditions } },
    { type: 'apply', subresource: 'status', fieldManager: 'fairlead-controller', force: true },
  )
  writerWith(starting)
  await settle()
  expect(await readyNow()).toBe(true)
})

test('a restart takes over its own conditions and no other', async () => {
  const first = writerWith(ready)
  await settle()
  const before = await conditionsOf()
  await api.patch(
    resources.speakerStatuses,
    key,
    { metadata: key, status: { conditions: [{ type: 'ApiReachable', status: 'True' }] } },
    { type: 'apply', subresource: 'status', fieldManager: 'controller' },
  )
  await first.writer.stop()
  await clock.advance(60_000)
  const second = writerWith(ready)
  await settle()
  expect((await conditionsOf()).slice(0, 3)).toEqual(before)
  await api.patch(
    resources.speakerStatuses,
    key,
    { metadata: key, status: { conditions: [] } },
    { type: 'apply', subresource: 'status', fieldManager: 'controller' },
  )
  second.now.held = 1
  second.writer.changed()
  await settle()
  expect((await conditionsOf()).map(({ type }) => type)).not.toContain('ApiReachable')
})

test('whom it watches, and whom it has seen die, for other speakers to read', async () => {
  const { writer, now } = writerWith(ready)
  const since = '2026-01-01T00:00:00Z'
  now.neighbors = [
    { node: 'a', state: 'dead', since },
    { node: 'b', state: 'dead', since },
    { node: 'c', state: 'alive', since },
    { node: 'd', state: 'unknown', since },
  ]
  now.unreachable = ['b']
  writer.changed()
  await settle()
  expect(projectSpeaker(await get()).neighbors).toEqual(
    new Map([
      ['c', 'alive'],
      ['b', 'dead'],
    ]),
  )
})

test('it says how far a drain is', async () => {
  const { writer, now } = writerWith(ready)
  await settle()
  expect(await drainedNow()).toMatchObject({ status: 'False', reason: 'NotDraining' })
  const told = async (drain: SpeakerState['drain'], held: number) => {
    Object.assign(now, { drain, held })
    writer.changed()
    await settle()
    return drainedNow()
  }
  expect(await told({ phase: 'shutting', reason: 'Labelled' }, 2)).toEqual({
    type: 'Drained',
    status: 'False',
    reason: 'Draining',
    message:
      'the Node has the label fairlead.io/drain; addresses are being handed over; routes are about to be withdrawn',
  })
  expect(await told({ phase: 'withdrawn', reason: 'Labelled' }, 2)).toMatchObject({ status: 'False' })
  expect(await told({ phase: 'withdrawn', reason: 'Cordoned' }, 0)).toMatchObject({
    status: 'True',
    reason: 'Cordoned',
  })
})

const session = (ipv4: number, more: object = {}): SpeakerState['sessions'] => [
  {
    peer: 'tor',
    address: '192.0.2.1:179',
    state: 'Established',
    since: '2026-01-01T00:00:00Z',
    announced: { ipv4, ipv6: 0 },
    ...more,
  },
]

test('counts of routes are told with whatever else changes, and alone every 30 seconds at most', async () => {
  const { writer, now } = writerWith(ready)
  now.sessions = session(1)
  writer.changed()
  await settle(1000)
  const writes = () => api.requests.filter((request) => request.startsWith('patch ')).length
  const announced = async () =>
    ((await get()).status as unknown as { sessions: SpeakerState['sessions'] }).sessions[0].announced?.ipv4
  const before = writes()
  const tick = async (ipv4: number) => {
    now.sessions = session(ipv4)
    writer.changed()
    await settle(1000)
  }
  for (let ipv4 = 2; ipv4 <= 20; ipv4++) await tick(ipv4)
  expect([writes() - before, await announced()]).toEqual([0, 1])
  for (let ipv4 = 21; ipv4 <= 40; ipv4++) await tick(ipv4)
  expect(writes() - before).toBe(1)
  await settle(40_000)
  expect([writes() - before, await announced()]).toEqual([2, 40])
  await tick(41)
  now.held = 1
  writer.changed()
  await settle(1000)
  expect([writes() - before, await announced()]).toEqual([3, 41])
  await settle(120_000)
  expect(writes() - before).toBe(3)
})

test('the time of a NOTIFICATION alone is never written', async () => {
  const { writer, now } = writerWith(ready)
  const refused = (at: string) =>
    session(0, { state: 'Active', notificationReceived: { at, text: 'Bad Peer AS' } })
  now.sessions = refused('2026-01-01T00:00:00Z')
  writer.changed()
  await settle(1000)
  const before = api.requests.length
  now.sessions = refused('2026-01-01T00:01:00Z')
  writer.changed()
  await settle(60_000)
  expect(api.requests.length).toBe(before)
})

test('the first error, for the overview', async () => {
  const { writer, now } = writerWith(ready)
  const error = async () => ((await get()).status as unknown as { firstError?: string }).firstError
  await settle()
  expect(await error()).toBeUndefined()
  now.sessions = session(0, { state: 'Active', lastError: 'no answer' })
  writer.changed()
  await settle()
  expect(await error()).toBe('tor: no answer')
  now.ready = leaving
  await writer.flush()
  expect(await error()).toBeUndefined()
})
