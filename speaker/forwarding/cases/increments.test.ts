import { beforeEach, describe, expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import { FakeDataplane } from '../fake-dataplane.ts'
import { service, slice, testConfig, testNode } from '../fixtures.ts'
import { Forwarder } from '../forwarder.ts'
import type { Operation } from '../model.ts'

/**
 * Group L of kube-proxy's list: what a change costs. Its numbers of operations are its own, since its rules are not
 * ours; what is asked is the same: a change costs itself and no more.
 */

let clock: TestClock
let plane: FakeDataplane

beforeEach(() => {
  clock = new TestClock()
  plane = new FakeDataplane()
})

const open = (): Forwarder =>
  new Forwarder({ dataplane: plane, clock, config: testConfig, log: silentLogger })

async function started(fill: (one: Forwarder) => void = () => {}): Promise<Forwarder> {
  const one = open()
  one.start()
  one.setNode(testNode)
  fill(one)
  one.allListed()
  await clock.advance(0)
  return one
}

/** The operations of the transactions that `change` causes. */
async function operations(change: () => void): Promise<Operation[]> {
  const before = plane.transactions.length
  change()
  await clock.advance(0)
  return plane.transactions.slice(before).flat()
}

const texts = (list: readonly Operation[]): string[] =>
  list.map(({ do: what, collection, key, value }) => `${what} ${collection} ${key}${value && ` : ${value}`}`)

const ip = (last: number): string => `172.30.0.${last}`
const made = (name: string, last: number) => service(name, { clusterIPs: [ip(last)] })

const two = (one: Forwarder): void => {
  one.setService('ns/svc1', made('svc1', 41), [slice('svc1', ['10.0.1.1'])])
  one.setService('ns/svc2', made('svc2', 42), [slice('svc2', ['10.0.2.1'])])
}

describe('L: increments', () => {
  test('case + L: a new Service with one endpoint is 3 elements', async () => {
    const one = await started(two)
    const list = await operations(() =>
      one.setService('ns/svc3', made('svc3', 43), [slice('svc3', ['10.0.3.1'])]),
    )
    expect(texts(list)).toEqual([
      'add endpoints 172.30.0.43 . tcp . 80 . 0 : 10.0.3.1 . 80',
      'add cluster-ips 172.30.0.43',
      'add frontends 172.30.0.43 . tcp . 80 : 1',
    ])
  })

  test('case 94 L: a deleted Service is 3 operations', async () => {
    const one = await started(two)
    const list = await operations(() => one.setService('ns/svc2', undefined, []))
    expect(list).toHaveLength(3)
    expect(list.every((operation) => operation.do === 'delete' && operation.key.startsWith(ip(42)))).toBe(
      true,
    )
  })

  test('case 95 L: nothing of it is left to be deleted later', async () => {
    const one = await started()
    const before = plane.dump()
    await operations(() => two(one))
    await operations(() => {
      one.setService('ns/svc1', undefined, [])
      one.setService('ns/svc2', undefined, [])
    })
    expect(plane.dump()).toEqual(before)
    expect(await operations(() => void clock.advance(3_600_000))).toEqual([])
  })

  test('case + L: a Service first without and then with endpoints', async () => {
    const one = await started(two)
    expect(texts(await operations(() => one.setService('ns/svc4', made('svc4', 44), [])))).toEqual([
      'add cluster-ips 172.30.0.44',
      'add reject-frontends 172.30.0.44 . tcp . 80',
    ])
    const list = await operations(() =>
      one.setService('ns/svc4', made('svc4', 44), [slice('svc4', ['10.0.4.1'])]),
    )
    expect(texts(list)).toEqual([
      'add endpoints 172.30.0.44 . tcp . 80 . 0 : 10.0.4.1 . 80',
      'add frontends 172.30.0.44 . tcp . 80 : 1',
      'delete reject-frontends 172.30.0.44 . tcp . 80',
    ])
  })

  test('case + L: another address of an endpoint is one element', async () => {
    const one = await started(two)
    const list = await operations(() =>
      one.setService('ns/svc1', made('svc1', 41), [slice('svc1', ['10.0.1.2'])]),
    )
    expect(texts(list)).toEqual(['replace endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.1.2 . 80'])
  })

  test('case 97 L: no change is no operation', async () => {
    const one = await started(two)
    expect(await operations(() => two(one))).toEqual([])
    const again = [slice('svc1', ['10.0.1.1'], [{ port: 80 }], { name: 'svc1-other' })]
    expect(await operations(() => one.setService('ns/svc1', made('svc1', 41), again))).toEqual([])
  })

  test('case 98 L: a restart over a half-correct table adds and deletes the difference only', async () => {
    const first = await started(two)
    await first.stop()
    plane.meddle((elements) => {
      elements[4].endpoints.delete('172.30.0.41 . tcp . 80 . 0')
      elements[4].frontends.delete('172.30.0.41 . tcp . 80')
      elements[4]['cluster-ips'].set('172.30.9.9', '')
    })
    const before = plane.transactions.length
    await started(two)
    expect(texts(plane.transactions.slice(before).flat())).toEqual([
      'add endpoints 172.30.0.41 . tcp . 80 . 0 : 10.0.1.1 . 80',
      'add frontends 172.30.0.41 . tcp . 80 : 1',
      'delete cluster-ips 172.30.9.9',
    ])
  })

  test('case 98 L: a restart over a whole table does nothing', async () => {
    const first = await started(two)
    await first.stop()
    const before = plane.transactions.length
    const second = await started(two)
    expect(plane.transactions).toHaveLength(before)
    expect(second.view()).toMatchObject({ synced: true, generation: 0 })
  })
})
