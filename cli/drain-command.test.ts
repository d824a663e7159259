import { beforeEach, expect, test } from 'vitest'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { drainNode } from './drain-command.ts'

let clock: TestClock
let api: FakeKubeApi
let said: string[]

beforeEach(async () => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  said = []
  await api.create(resources.nodes, { metadata: { name: 'a', labels: { rack: '1' } } })
})

const labels = async () => (await api.get(resources.nodes, { name: 'a' })).metadata.labels

const drain = (undo: boolean, timeoutMs?: number, node = 'a') =>
  drainNode(node, {
    api,
    clock,
    undo,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    say: (line) => said.push(line),
  })

async function tell(status: string, reason: string, message = ''): Promise<void> {
  const conditions = [{ type: 'Drained', status, reason, message }]
  await api.patch(
    resources.speakerStatuses,
    { name: 'a' },
    { status: { conditions } },
    { type: 'merge', subresource: 'status' },
  )
}

test('puts the label on the Node and takes it off again', async () => {
  await drain(false)
  expect(await labels()).toEqual({ rack: '1', 'fairlead.io/drain': 'true' })
  await drain(true)
  expect(await labels()).toEqual({ rack: '1' })
  expect(said).toEqual(['a gives its addresses away', 'a may take addresses again'])
  await expect(drain(false, undefined, 'nobody')).rejects.toMatchObject({ code: 'FL_CLI_DRAIN' })
})

test('waits until the speaker says that it is done', async () => {
  await api.create(resources.speakerStatuses, { metadata: { name: 'a' } })
  await tell('False', 'NotDraining')
  let done = false
  const draining = drain(false, 60_000).then(() => (done = true))
  await clock.advance(1000)
  await tell('False', 'Draining', 'addresses are being handed over')
  await clock.advance(1000)
  expect(done).toBe(false)
  await tell('True', 'Labelled', 'it has the label')
  await clock.advance(1000)
  await draining
  expect(said).toEqual(['a gives its addresses away', 'a: addresses are being handed over', 'a is drained'])
  const back = drain(true, 60_000)
  await clock.advance(1000)
  await tell('False', 'NotDraining')
  await clock.advance(1000)
  await back
  expect(said.at(-1)).toBe('a is back')
})

test('gives up in time, and at once where no speaker is', async () => {
  await expect(drain(false, 1000)).rejects.toThrow('runs no speaker')
  await api.create(resources.speakerStatuses, { metadata: { name: 'a' } })
  await tell('False', 'Draining', 'addresses are being handed over')
  const failed = expect(drain(false, 5000)).rejects.toThrow('did not follow in time: addresses are')
  await clock.advance(10_000)
  await failed
})
