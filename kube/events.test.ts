import { describe, expect, it } from 'vitest'
import type { KubeObject } from './api.ts'
import { kubeErrorFrom } from './errors.ts'
import { EventRecorder } from './events.ts'
import { FakeKubeApi } from './fake-api.ts'
import { resources } from './resources.ts'
import { settle, TestClock } from './test-clock.ts'

const web = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u1' }
const node = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1' }

type Event = KubeObject & {
  involvedObject: { name: string }
  reason: string
  message: string
  count: number
  lastTimestamp: string
}

function make() {
  const clock = new TestClock()
  const api = new FakeKubeApi({ clock })
  const recorder = new EventRecorder({
    api,
    clock,
    random: () => 0.999_999,
    component: 'fairlead-controller',
    instance: 'pod-1',
  })
  const events = async () => (await api.list(resources.events, {})).items as Event[]
  return { clock, api, recorder, events }
}

describe('EventRecorder', () => {
  it('writes what kubectl describe shows', async () => {
    const { recorder, events } = make()
    recorder.record(web, 'Normal', 'AddressAssigned', 'got 192.0.2.1')
    await recorder.flush()
    expect(await events()).toMatchObject([
      {
        metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
        involvedObject: web,
        type: 'Normal',
        reason: 'AddressAssigned',
        message: 'got 192.0.2.1',
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        source: { component: 'fairlead-controller', host: 'pod-1' },
        reportingComponent: 'fairlead-controller',
        reportingInstance: 'pod-1',
      },
    ])
  })

  it('writes what is recorded at whatever moment another one has just been written', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const { clock, recorder, events } = make()
      recorder.record(web, 'Normal', 'First', 'one')
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      recorder.record(web, 'Normal', 'Second', 'two')
      await clock.advance(1)
      expect((await events()).map(({ message }) => message).sort(), `after ${turns}`).toEqual(['one', 'two'])
    }
  })

  it('needs no flush, and puts events about cluster-scoped objects into default', async () => {
    const { recorder, events } = make()
    recorder.record(node, 'Warning', 'Conflict', 'x')
    await settle()
    expect((await events()).map(({ metadata }) => metadata.namespace)).toEqual(['default'])
  })

  it('counts up the same within ten minutes of the last, and begins anew after that', async () => {
    const { recorder, events, clock } = make()
    for (let time = 0; time < 3; time++) {
      recorder.record(web, 'Normal', 'Same', 'm')
      await clock.advance(599_000)
    }
    expect(await events()).toMatchObject([{ count: 3, lastTimestamp: '2026-01-01T00:19:58Z' }])
    await clock.advance(1000)
    recorder.record(web, 'Normal', 'Same', 'm')
    recorder.record(web, 'Normal', 'Same', 'other')
    recorder.record(web, 'Warning', 'Same', 'm')
    await recorder.flush()
    expect((await events()).map(({ count }) => count).sort()).toEqual([1, 1, 1, 3])
  })

  it('merges what waits: one write for many', async () => {
    const { recorder, events, api } = make()
    for (let time = 0; time < 20; time++) recorder.record(web, 'Normal', 'Same', 'm')
    await recorder.flush()
    expect(await events()).toMatchObject([{ count: 20 }])
    expect(api.requests.filter((request) => !request.startsWith('list'))).toHaveLength(1)
  })

  it('makes a new Event when the old one expired at the server', async () => {
    const { recorder, events, api } = make()
    recorder.record(web, 'Normal', 'Same', 'm')
    await recorder.flush()
    for (const { metadata } of await events()) await api.delete(resources.events, metadata)
    recorder.record(web, 'Normal', 'Same', 'm')
    await recorder.flush()
    expect(await events()).toMatchObject([{ count: 2 }])
  })

  it('limits the rate per object: 25 at once, then one in five minutes', async () => {
    const { recorder, events, clock } = make()
    for (let time = 0; time < 40; time++) recorder.record(web, 'Normal', 'Flood', `m${time}`)
    recorder.record(node, 'Normal', 'Other', 'm')
    await recorder.flush()
    expect(await events()).toHaveLength(26)
    expect(recorder.dropped).toBe(15)
    await clock.advance(300_000)
    recorder.record(web, 'Normal', 'Flood', 'again')
    recorder.record(web, 'Normal', 'Flood', 'too much')
    await recorder.flush()
    expect(await events()).toHaveLength(27)
  })

  it('keeps what an outage held up and writes it afterwards', async () => {
    const { recorder, events, api, clock } = make()
    api.outage(true)
    recorder.record(web, 'Normal', 'One', 'm')
    recorder.record(web, 'Normal', 'Two', 'm')
    await recorder.flush()
    await clock.advance(5000)
    api.outage(false)
    await clock.advance(20_000)
    expect((await events()).map(({ count }) => count)).toEqual([1, 1])
    expect([recorder.dropped, clock.pending]).toEqual([0, 0])
  })

  it('gives up an event after a minute of trying, and at once when the server refuses it', async () => {
    const { recorder, api, clock, events } = make()
    api.fail = () => kubeErrorFrom(503, 'down')
    recorder.record(web, 'Normal', 'One', 'm')
    await clock.advance(120_000)
    expect(recorder.dropped).toBe(1)
    api.fail = () => kubeErrorFrom(403, { reason: 'Forbidden', message: 'no' })
    recorder.record(web, 'Normal', 'Two', 'm')
    await recorder.flush()
    expect(recorder.dropped).toBe(2)
    api.fail = undefined
    recorder.record(web, 'Normal', 'Two', 'm')
    await recorder.flush()
    expect(await events()).toMatchObject([{ count: 2 }])
  })

  it('bounds its queue, and cuts long messages', async () => {
    const { recorder, api, events } = make()
    api.outage(true)
    for (let index = 0; index < 4200; index++) {
      recorder.record({ ...web, uid: `u${index}` }, 'Normal', 'Flood', 'x'.repeat(2000))
    }
    expect(recorder.dropped).toBe(104)
    api.outage(false)
    await recorder.flush()
    const written = await events()
    expect(written).toHaveLength(4096)
    expect(written[0]!.message).toHaveLength(1024)
  })

  it('sends several at a time, those about one object in order, and loses none of thousands', async () => {
    const { recorder, api, clock, events } = make()
    let [now, most] = [0, 0]
    const create = api.create.bind(api)
    api.create = async (...args) => {
      most = Math.max(most, ++now)
      await Promise.resolve()
      now--
      return create(...args)
    }
    await recorder.flush()
    for (let index = 0; index < 500; index++) {
      for (const reason of ['First', 'Second']) {
        recorder.record({ ...web, uid: `u${index}`, name: `s${index}` }, 'Normal', reason, 'm')
      }
    }
    await clock.advance(100)
    const said = new Map<string, string[]>()
    const inOrder = (await events()).toSorted(
      (a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
    )
    for (const { involvedObject, reason } of inOrder) {
      said.set(involvedObject.name, [...(said.get(involvedObject.name) ?? []), reason])
    }
    expect([most, said.size, recorder.dropped, clock.pending]).toEqual([6, 500, 0, 0])
    expect([...said.values()].every((reasons) => reasons.join() === 'First,Second')).toBe(true)
  })

  it('asks with one event at a time while the server does not answer', async () => {
    const { recorder, api, clock, events } = make()
    api.outage(true)
    for (let index = 0; index < 100; index++)
      recorder.record({ ...web, uid: `u${index}` }, 'Normal', 'R', 'm')
    await clock.advance(20_000)
    expect(api.requests.length).toBeLessThan(12)
    api.outage(false)
    await clock.advance(60_000)
    expect([(await events()).length, recorder.dropped]).toEqual([100, 0])
  })
})
