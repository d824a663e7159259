import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'
import { until } from '../netns.ts'
import { installProduct, NAMESPACE } from './product.ts'
import { ProductProcess } from './product-process.ts'
import { addressesOf, Services, type ServiceObject } from './service-view.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

/** A Lease is taken over 15 s after the last sign of its holder. */
const TAKE_OVER_MS = 25_000

let cluster: TestCluster
let services: Services
const replicas = new Map<string, ProductProcess>()

const start = async (name: string): Promise<ProductProcess> => {
  const replica = await ProductProcess.start(cluster, {
    name,
    args: ['controller', '--identity', name],
    user: controllerUser,
  })
  replicas.set(name, replica)
  await replica.whenReady()
  return replica
}
let controllerUser: { user: string; groups: readonly string[] }

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity: string
    readonly leaseDurationSeconds: number
    readonly leaseTransitions?: number
    readonly acquireTime: string
    readonly renewTime: string
  }
}
const lease = async (): Promise<Lease> =>
  (await cluster.admin.get(resources.leases, { namespace: NAMESPACE, name: 'fairlead-controller' })) as Lease
const leader = async (): Promise<ProductProcess> => {
  const { spec } = await lease()
  return replicas.get(spec.holderIdentity) as ProductProcess
}

/** Every Service of the test, each with its addresses. */
async function assigned(): Promise<Map<string, string[]>> {
  const { items } = await cluster.admin.list(resources.services, {
    namespace: 'default',
    labelSelector: 'churn',
  })
  return new Map((items as ServiceObject[]).map((one) => [one.metadata.name, addressesOf(one)]))
}

/** Waits until all have one, and says whether any two have the same. */
async function allServed(count: number): Promise<void> {
  const found = await until(
    `${count} Services have an address`,
    async () => {
      const all = await assigned()
      return all.size === count && [...all.values()].every((one) => one.length === 1) && all
    },
    TAKE_OVER_MS,
  )
  const addresses = [...found.values()].flat()
  expect(new Set(addresses).size).toBe(addresses.length)
}

const create = (from: number, to: number): Promise<void[]> =>
  Promise.all(
    Array.from({ length: to - from }, (_, index) =>
      services.create({ name: `s${from + index}`, labels: { churn: 'yes' } }),
    ),
  )
const remove = (from: number, to: number): Promise<void[]> =>
  Promise.all(Array.from({ length: to - from }, (_, index) => services.remove(`s${from + index}`)))

beforeAll(async () => {
  cluster = await startTestCluster()
  services = new Services(cluster.admin)
  controllerUser = (await installProduct(cluster.admin)).controller
  const pool = { metadata: { namespace: NAMESPACE, name: 'main' }, spec: { addresses: ['192.0.2.0/24'] } }
  await cluster.admin.create(resources.ipAddressPools, pool as KubeObject)
  await start('one')
  await start('two')
})

afterAll(async () => {
  for (const replica of replicas.values()) await replica.stop()
  await cluster?.stop()
})

describe('two controllers', () => {
  test('one leads, by a Lease with microseconds', async () => {
    const { spec } = await lease()
    expect(spec).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 15 })
    for (const time of [spec.acquireTime, spec.renewTime]) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    }
    await until('it renews', async () => (await lease()).spec.renewTime !== spec.renewTime)
    expect((await lease()).spec.acquireTime).toBe(spec.acquireTime)
  })

  test('each Service has an address of its own, told once', async () => {
    await create(0, 60)
    await allServed(60)
    expect(await services.told('s0')).toEqual([expect.stringMatching(/^Normal IPAllocated Assigned IP/)])
  })

  test('the leader is killed among changes: the other goes on where it was', async () => {
    const before = await assigned()
    const { leaseTransitions = 0 } = (await lease()).spec
    const first = await leader()
    const changes = [create(60, 100), remove(0, 20)]
    await first.stop('SIGKILL')
    await Promise.all(changes)
    await allServed(80)
    expect((await lease()).spec).toMatchObject({
      holderIdentity: first.name === 'one' ? 'two' : 'one',
      leaseTransitions: leaseTransitions + 1,
    })
    const after = await assigned()
    for (const [name, addresses] of before) {
      if (after.has(name)) expect([name, after.get(name)]).toEqual([name, addresses])
    }
  }, 60_000)

  test('the leader stops in good order: the other leads at once', async () => {
    const first = await leader()
    await start(first.name === 'one' ? 'two' : 'one')
    const started = performance.now()
    await first.stop()
    replicas.delete(first.name)
    await create(100, 101)
    await allServed(81)
    expect(performance.now() - started).toBeLessThan(10_000)
  })

  test('one that was frozen for longer than its Lease writes nothing when it wakes', async () => {
    const frozen = await leader()
    const other = await start('three')
    frozen.signal('SIGSTOP')
    await create(101, 110)
    await allServed(90)
    expect(await leader()).toBe(other)
    const versions = async (): Promise<string[]> => {
      const { items } = await cluster.admin.list(resources.services, {
        namespace: 'default',
        labelSelector: 'churn',
      })
      return items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
    }
    const before = await versions()
    const lines = frozen.log().length
    frozen.signal('SIGCONT')
    await until('it noticed', () => frozen.log().length > lines, TAKE_OVER_MS)
    // What it does next is what it had queued; only after that can it serve its admin API again.
    await frozen.whenReady()
    expect(await versions()).toEqual(before)
    expect(await leader()).toBe(other)
  }, 60_000)

  test('the API server refused them nothing', () => {
    expect([...replicas.values()].flatMap((replica) => replica.troubles())).toEqual([])
  })
})
