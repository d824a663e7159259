import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from './fake-dataplane.ts'
import { service, slice, testConfig, testNode } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'

/** A forwarder that starts where another one has been before. */

let clock: TestClock
let plane: FakeDataplane

const started = (): Forwarder => {
  const one = new Forwarder({ dataplane: plane, clock, config: testConfig, log: silentLogger })
  one.start()
  return one
}

const listed = async (one: Forwarder) => {
  one.setNode(testNode)
  one.setService('ns/s', service('s'), [slice('s', ['10.0.0.1'])])
  one.allListed()
  await clock.advance(0)
}

beforeEach(async () => {
  clock = new TestClock()
  plane = new FakeDataplane()
  const first = started()
  await listed(first)
  await first.stop()
  plane.adoptions = 0
})

test('what is in the kernel is read while the lists are on their way, once', async () => {
  const one = started()
  await clock.advance(0)
  expect(plane.adoptions).toBe(1)
  const { length } = plane.transactions
  await listed(one)
  expect(plane.adoptions).toBe(1)
  expect(plane.transactions).toHaveLength(length)
  expect(one.view()).toMatchObject({ synced: true, adopted: true })
})

test('it is read again when somebody changes it meanwhile', async () => {
  const one = started()
  await clock.advance(0)
  plane.meddle((elements) => elements[4].endpoints.set('172.30.0.41 . tcp . 80 . 0', '10.9.9.9 . 80'))
  await listed(one)
  expect(plane.adoptions).toBe(2)
  expect(plane.dump().join()).not.toContain('10.9.9.9')
})

test('what others change of their own does not matter', async () => {
  const one = started()
  await clock.advance(0)
  plane.meddleElsewhere()
  await listed(one)
  expect(plane.adoptions).toBe(1)
})

test('a failure is left to the first transaction', async () => {
  const { adopt } = plane
  plane.adopt = () => Promise.reject(new Error('busy'))
  const one = started()
  await clock.advance(0)
  expect(one.view().lastError).toBeUndefined()
  plane.adopt = adopt
  await listed(one)
  expect(one.view()).toMatchObject({ synced: true, adopted: true })
})

test('where nothing of ours is, nothing is installed before the lists', async () => {
  plane = new FakeDataplane()
  const one = started()
  await clock.advance(60_000)
  expect(plane.adoptions).toBe(0)
  await listed(one)
  expect(plane.adoptions).toBe(1)
})
