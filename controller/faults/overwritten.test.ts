import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resources } from '#kube/resources.ts'
import { Overwrites } from '../overwrites.ts'
import { POOL_ANNOTATION } from '../request.ts'
import { ADDRESS_ASSIGNED } from '../status-patch.ts'
import { TestCluster } from './test-cluster.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = new TestCluster()
  await cluster.createPool('p', '10.0.0.0/24')
  await cluster.start()
  await cluster.createService('web')
  await cluster.clock.advance(100)
  expect((await cluster.assigned()).get('web')).toEqual(['10.0.0.0'])
})

afterEach(() => cluster.end())

const key = { namespace: 'test', name: 'web' }

/** Another controller, or a person, writes the status. */
async function overwrite(manager: string, ip: string): Promise<void> {
  const time = new Date(cluster.clock.now()).toISOString()
  const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } }
  const managedFields = [{ manager, operation: 'Update', subresource: 'status', time, fieldsV1 }]
  await cluster.patchService('web', { metadata: { managedFields } })
  const status = { loadBalancer: { ingress: [{ ip }] } }
  await cluster.api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
}

/** Another controller that writes its address whenever it sees another one. */
async function fight(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    const [ip] = (await cluster.assigned()).get('web') ?? []
    if (ip !== '192.0.2.9') await overwrite('other-lb', '192.0.2.9')
    await cluster.clock.advance(100)
  }
}

const condition = async () =>
  (await cluster.service('web')).conditions.find(({ type }) => type === ADDRESS_ASSIGNED)

test('one edit is put right at once, and the event names who made it', async () => {
  await overwrite('kubectl-edit', '192.0.2.9')
  await cluster.clock.advance(100)
  expect((await cluster.assigned()).get('web')).toEqual(['10.0.0.0'])
  expect(await cluster.events('web')).toEqual([
    'IPAllocated Assigned IP ["10.0.0.0"]',
    'StatusOverwritten field manager "kubectl-edit" changed the status to 192.0.2.9; it is 10.0.0.0 again',
  ])
  expect(await condition()).toMatchObject({ status: 'True', reason: 'Assigned' })
})

test('a controller that does not stop is not fought: a few rewrites, then the condition says who it is', async () => {
  const before = cluster.statusWrites('web')
  await fight(300_000)
  expect((await cluster.assigned()).get('web')).toEqual(['192.0.2.9'])
  expect(await condition()).toMatchObject({
    status: 'False',
    reason: 'StatusOverwritten',
    message: expect.stringContaining(
      '10.0.0.0 was allocated, but field manager "other-lb" keeps changing the status to 192.0.2.9: stop it',
    ),
  })
  // Two by the other controller for each of ours, which are three and the condition.
  const ours = 4
  expect(cluster.statusWrites('web') - before).toBeLessThanOrEqual(2 * ours)
  expect((await cluster.events('web')).length).toBeLessThanOrEqual(5)
  // The address stays with the Service: nobody else gets it.
  await cluster.createService('other')
  await cluster.clock.advance(100)
  expect((await cluster.assigned()).get('other')).toEqual(['10.0.0.1'])
})

test('when it has stopped, a change of the spec puts things right at once, an hour does in any case', async () => {
  await fight(100_000)
  await cluster.clock.advance(60_000)
  expect((await cluster.assigned()).get('web')).toEqual(['192.0.2.9'])
  await cluster.patchService('web', { spec: { sessionAffinity: 'ClientIP' } })
  await cluster.clock.advance(100)
  expect((await cluster.assigned()).get('web')).toEqual(['10.0.0.0'])
  expect(await condition()).toMatchObject({ status: 'True', reason: 'Assigned' })
  await fight(100_000)
  await cluster.clock.advance(3_600_000)
  expect((await cluster.assigned()).get('web')).toEqual(['10.0.0.0'])
})

test('a pool annotation or a condition that somebody removes comes back', async () => {
  await cluster.patchService('web', { metadata: { annotations: { [POOL_ANNOTATION]: null } } })
  await cluster.clock.advance(100)
  expect((await cluster.service('web')).annotations).toEqual({ [POOL_ANNOTATION]: 'p' })
  const status = { conditions: [] }
  await cluster.api.patch(resources.services, key, { status }, { type: 'merge', subresource: 'status' })
  await cluster.clock.advance(10_100)
  expect(await condition()).toMatchObject({ status: 'True', reason: 'Assigned' })
})

describe('Overwrites', () => {
  test('rewrites at once, after 10 s, after 60 s, and then leaves it for an hour', () => {
    const disputes = new Overwrites()
    expect(disputes.met('a', 'x', 0)).toEqual({ kind: 'write' })
    disputes.rewritten('a', 0)
    expect(disputes.met('a', 'x', 1000)).toEqual({ kind: 'wait', ms: 9000 })
    expect(disputes.met('a', 'x', 10_000)).toEqual({ kind: 'write' })
    disputes.rewritten('a', 10_000)
    expect(disputes.met('a', 'x', 10_000)).toEqual({ kind: 'wait', ms: 60_000 })
    expect(disputes.met('a', 'x', 70_000)).toEqual({ kind: 'write' })
    disputes.rewritten('a', 70_000)
    expect(disputes.met('a', 'x', 70_001)).toEqual({ kind: 'leave', ms: 3_600_000, tell: true })
    disputes.told('a', 70_001)
    expect(disputes.met('a', 'x', 70_002)).toEqual({ kind: 'leave', ms: 3_599_999, tell: false })
    expect(disputes.met('a', 'x', 670_001)).toMatchObject({ kind: 'leave', tell: true })
    expect(disputes.met('a', 'x', 3_670_001)).toEqual({ kind: 'write' })
  })

  test('other content, or ten quiet minutes, begin anew', () => {
    const disputes = new Overwrites()
    for (const at of [0, 10_000]) {
      disputes.met('a', 'x', at)
      disputes.rewritten('a', at)
    }
    expect(disputes.met('a', 'y', 10_001)).toEqual({ kind: 'write' })
    disputes.rewritten('a', 10_001)
    disputes.settled('a', 20_000)
    expect(disputes.met('a', 'y', 20_000)).toMatchObject({ kind: 'wait' })
    expect(disputes.met('a', 'y', 610_001)).toEqual({ kind: 'write' })
  })
})
