import { afterEach, beforeEach, expect, test } from 'vitest'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import type { Lease } from '#kube/lease.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { PROOF_MS } from './staleness.ts'

const namespace = 'metallb-system'
const key = { namespace, name: 'fairlead-speaker-node1' }
let clock: TestClock
let api: FakeKubeApi
let keeper: LeaseKeeper
let answers: number
let errors: unknown[]

beforeEach(() => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  answers = 0
  errors = []
  keeper = new LeaseKeeper({
    api,
    clock,
    random: () => 0.5,
    namespace,
    node: 'node1',
    owner: () => ({ apiVersion: 'v1', kind: 'Node', name: 'node1', uid: 'u1' }),
    onAnswer: () => answers++,
    onError: (error) => errors.push(error),
  })
})
afterEach(() => keeper.stop())

const lease = async () => (await api.get(resources.leases, key)) as Lease

test('one Lease for the node, renewed every 10 s by one write', async () => {
  keeper.start()
  await clock.advance(0)
  const first = await lease()
  expect(first).toMatchObject({
    metadata: { labels: { 'fairlead.io/component': 'speaker' }, ownerReferences: [{ kind: 'Node' }] },
    spec: { holderIdentity: 'node1', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' },
  })
  const before = api.requests.length
  await clock.advance(10_000)
  expect(api.requests.slice(before)).toEqual(['patch leases metallb-system/fairlead-speaker-node1'])
  expect((await lease()).spec?.renewTime).toBe('2026-01-01T00:00:10.000000Z')
  expect((await lease()).spec?.acquireTime).toBe(first.spec?.acquireTime)
  expect(answers).toBe(2)
  expect(keeper.answeredAt).toBe(clock.now())
})

test('an outage is no answer, and its end is found soon', async () => {
  keeper.start()
  await clock.advance(0)
  api.outage(true)
  const before = keeper.answeredAt
  await clock.advance(60_000)
  expect(keeper.answeredAt).toBe(before)
  expect(errors.length).toBeGreaterThan(3)
  api.outage(false)
  await clock.advance(5500)
  const first = keeper.answeredAt
  expect(first).toBeGreaterThan(before)
  await clock.advance(6000)
  expect(keeper.answeredAt - first).toBeGreaterThan(PROOF_MS)
})

test('a role that does not grant it is an answer, too', async () => {
  api.fail = () => new KubeError('FL_KUBE_FORBIDDEN', 'no role')
  keeper.start()
  await clock.advance(0)
  expect([answers, errors.length]).toEqual([1, 1])
})

test('a planned stop gives it back', async () => {
  keeper.start()
  await clock.advance(0)
  await keeper.release()
  expect((await lease()).spec).not.toHaveProperty('holderIdentity')
  const before = api.requests.length
  await clock.advance(60_000)
  expect(api.requests.length).toBe(before)
})

test('a Lease that somebody deletes is made again', async () => {
  keeper.start()
  await clock.advance(0)
  await api.delete(resources.leases, key)
  await clock.advance(10_000)
  expect((await lease()).spec?.holderIdentity).toBe('node1')
  expect(errors).toEqual([])
})
