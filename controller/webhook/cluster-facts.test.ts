import { beforeEach, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { ClusterFacts } from './cluster-facts.ts'

let clock: TestClock
let api: FakeKubeApi
let errors: unknown[]
let facts: ClusterFacts

beforeEach(async () => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  errors = []
  facts = new ClusterFacts({ api, clock, onError: (error) => errors.push(error) })
  const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.11' }] }
  const node = { metadata: { name: 'a' }, spec: { podCIDRs: ['10.244.0.0/24'] } }
  await api.create(resources.nodes, node as KubeObject)
  await api.patch(resources.nodes, { name: 'a' }, { status }, { type: 'merge', subresource: 'status' })
  await api.create(resources.serviceCidrs, {
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['10.96.0.0/16'] },
  } as KubeObject)
})

const lists = () => api.requests.filter((request) => request.startsWith('list')).length

test('lists once a minute, however often it is asked', async () => {
  const answer = {
    nodes: [{ name: 'a', internalIPs: ['192.0.2.11'], podCIDRs: ['10.244.0.0/24'] }],
    serviceCIDRs: ['10.96.0.0/16'],
  }
  expect(await facts.get()).toEqual(answer)
  expect(await facts.get()).toEqual(answer)
  expect(lists()).toBe(2)
  await clock.advance(61_000)
  await facts.get()
  expect(lists()).toBe(4)
})

test('an API server without ServiceCIDRs is no error', async () => {
  api.fail = (_verb, { plural }) =>
    plural === 'servicecidrs' ? new KubeError('FL_KUBE_NOT_FOUND', 'not found') : undefined
  expect(await facts.get()).toMatchObject({ nodes: [{ name: 'a' }], serviceCIDRs: [] })
  expect(errors).toEqual([])
})

test('an error is told and the next question asks again', async () => {
  api.outage(true)
  expect(await facts.get()).toBeUndefined()
  expect(errors).toHaveLength(1)
  api.outage(false)
  expect(await facts.get()).toBeDefined()
})

test('nobody waits longer than three seconds', async () => {
  let release = () => {}
  const list = api.list.bind(api)
  api.list = async (...args) => {
    await new Promise<void>((resolve) => (release = resolve))
    return list(...args)
  }
  const asked = facts.get()
  await clock.advance(3000)
  expect(await asked).toBeUndefined()
  release()
})
