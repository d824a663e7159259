import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KubeError, kubeErrorFrom } from '#kube/errors.ts'
import { resources } from '#kube/resources.ts'
import { ADDRESS_ASSIGNED } from '../status-patch.ts'
import { TestCluster, type Replica } from './test-cluster.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = new TestCluster()
  await cluster.createPool('p', '10.0.0.0-10.0.0.3')
})

afterEach(async () => {
  expect(cluster.api.doubles).toEqual([])
  expect(cluster.unfenced).toEqual([])
  await cluster.end()
})

const conditionOf = async (name: string) =>
  (await cluster.service(name)).conditions.find(({ type }) => type === ADDRESS_ASSIGNED)

/** Lets writes of a Service's status fail for as long as `failing()`. */
function failStatusWrites(error: () => unknown, failing: (key: string) => boolean): void {
  cluster.api.fail = (verb, resource, key) =>
    verb === 'patch' && resource === resources.services && failing(key) ? error() : undefined
}

const leaderOf = (replicas: readonly Replica[]) => replicas.filter(({ process }) => process.view().leader)

describe('writes that fail', () => {
  test.each([
    ['500', () => kubeErrorFrom(500, 'broken')],
    ['409', () => kubeErrorFrom(409, { reason: 'Conflict', message: 'changed' })],
    ['429', () => kubeErrorFrom(429, 'slow down', 1000)],
  ])(
    'with %s for a minute are tried less and less often, then succeed, and are told of once',
    async (_code, error) => {
      await cluster.start()
      let failing = true
      failStatusWrites(error, () => failing)
      await cluster.createService('web')
      await cluster.clock.advance(60_000)
      expect((await cluster.assigned()).get('web')).toEqual([])
      // 5 ms doubling; a conflict is decided anew four times each time.
      expect(cluster.statusWrites('web')).toBeLessThan(4 * 20)
      failing = false
      await cluster.clock.advance(60_000)
      expect((await cluster.assigned()).get('web')).toEqual(['10.0.0.0'])
      expect(await cluster.events('web')).toEqual(['IPAllocated Assigned IP ["10.0.0.0"]'])
    },
  )

  test('an address is given on only when the Service that had it shows it no more', async () => {
    await cluster.start()
    await cluster.createService('first')
    await cluster.clock.advance(1000)
    const asks = (ip: string) => ({ metadata: { annotations: { 'metallb.io/loadBalancerIPs': ip } } })
    await cluster.createService('second', asks('10.0.0.0').metadata)
    await cluster.clock.advance(1000)
    await cluster.patchService('first', asks('10.0.0.3'))
    let failing = true
    failStatusWrites(
      () => kubeErrorFrom(500, 'broken'),
      (key) => failing && key === 'test/first',
    )
    await cluster.clock.advance(5000)
    expect(Object.fromEntries(await cluster.assigned())).toEqual({ first: ['10.0.0.0'], second: [] })
    failing = false
    await cluster.clock.advance(10_000)
    expect(Object.fromEntries(await cluster.assigned())).toEqual({
      first: ['10.0.0.3'],
      second: ['10.0.0.0'],
    })
  })
})

test('watches that are cut, and 410, cost a new list and not one write', async () => {
  await cluster.start()
  for (const name of ['a', 'b', 'c']) await cluster.createService(name)
  await cluster.clock.advance(5000)
  const writes = cluster.statusWrites()
  for (const how of ['clean', new KubeError('FL_KUBE_UNREACHABLE', 'cut')] as const) {
    cluster.api.compact()
    cluster.api.endWatches(how)
    await cluster.clock.advance(30_000)
  }
  expect(cluster.statusWrites()).toBe(writes)
  await cluster.createService('d')
  await cluster.clock.advance(1000)
  expect((await cluster.assigned()).get('d')).toEqual(['10.0.0.3'])
})

test('what was deleted and made again while nothing was watched is another Service', async () => {
  await cluster.start()
  await cluster.createService('a')
  await cluster.clock.advance(1000)
  cluster.api.outage(true)
  await cluster.clock.advance(100)
  cluster.api.outage(false)
  await cluster.deleteService('a')
  await cluster.createService('b')
  await cluster.createService('a')
  await cluster.clock.advance(60_000)
  expect([...(await cluster.assigned()).values()].flat().sort()).toEqual(['10.0.0.0', '10.0.0.1'])
})

describe('two replicas', () => {
  async function pair(): Promise<[leader: Replica, other: Replica]> {
    const replicas = [await cluster.start(), await cluster.start()]
    await cluster.clock.advance(3000)
    const [leader] = leaderOf(replicas)
    return [leader, replicas.find((one) => one !== leader) as Replica]
  }

  test('a leader that is frozen for longer than its Lease writes nothing when it wakes', async () => {
    const [leader, other] = await pair()
    await cluster.createService('before')
    await cluster.clock.advance(1000)
    leader.clock.freeze()
    await cluster.createService('during')
    await cluster.clock.advance(60_000)
    expect(other.process.view().leader).toBe(true)
    expect((await cluster.assigned()).get('during')).toEqual(['10.0.0.1'])
    const requests = cluster.api.requests.length
    // Everything that happened meanwhile reaches it at once, its timers too.
    leader.clock.thaw()
    await cluster.clock.advance(0)
    expect(leader.process.view().leader).toBe(false)
    await cluster.clock.advance(1000)
    const wrote = cluster.api.requests.slice(requests).filter((one) => /^(patch|create|update)/.test(one))
    expect(wrote.filter((one) => !one.includes('leases'))).toEqual([])
  })

  test('what a leader had on its way when it froze does no harm', async () => {
    const [leader, other] = await pair()
    leader.api.trouble = { errors: 0, conflicts: 0, lost: 0, latencyMs: 40_000 }
    await cluster.createService('a')
    await cluster.clock.advance(100)
    leader.clock.freeze()
    await cluster.clock.advance(18_000)
    await cluster.deleteService('a')
    await cluster.createService('b')
    await cluster.createService('a')
    await cluster.clock.advance(60_000)
    leader.clock.thaw()
    await cluster.clock.advance(60_000)
    expect(other.process.view().leader).toBe(true)
    expect((await cluster.assigned()).size).toBe(2)
    expect([...(await cluster.assigned()).values()].flat().sort()).toEqual(['10.0.0.0', '10.0.0.1'])
  })

  test('killed, the other one goes on after the Lease has run out, and writes nothing again', async () => {
    const [leader, other] = await pair()
    for (const name of ['a', 'b', 'c']) await cluster.createService(name)
    await cluster.clock.advance(5000)
    const before = await cluster.services()
    cluster.kill(leader)
    await cluster.clock.advance(30_000)
    expect(other.process.view().leader).toBe(true)
    expect(await cluster.services()).toEqual(before)
    await cluster.createService('d')
    await cluster.clock.advance(100)
    expect((await cluster.assigned()).get('d')).toEqual(['10.0.0.3'])
  })
})

describe('events', () => {
  test('twenty touches that change nothing are neither an event nor a write', async () => {
    await cluster.start()
    await cluster.createService('web')
    await cluster.createService('no', {
      annotations: { 'metallb.io/address-pool': 'none' },
      spec: { clusterIPs: ['1.2.3.5'] },
    })
    await cluster.clock.advance(2000)
    const [web, no] = [await cluster.events('web'), await cluster.events('no')]
    expect([web.length, no.length]).toEqual([1, 1])
    cluster.api.requests.length = 0
    for (let touch = 0; touch < 20; touch++) {
      for (const name of ['web', 'no'])
        await cluster.patchService(name, { metadata: { annotations: { touched: String(touch) } } })
      await cluster.clock.advance(700)
    }
    const wrote = cluster.api.requests.filter((one) => /^(patch|create|update)/.test(one))
    const users = wrote.filter((one) => one.startsWith('patch services test/'))
    expect(wrote.filter((one) => !users.includes(one) && !one.includes('leases'))).toEqual([])
    expect(users).toHaveLength(40)
    expect(await cluster.events('web')).toEqual(web)
    expect(await cluster.events('no')).toEqual(no)
  })

  test('of one Service tell its story in at most five lines, whatever the API server did', async () => {
    const replicas = [await cluster.start(), await cluster.start()]
    for (const { api } of replicas) api.trouble = { errors: 0.3, conflicts: 0.3, lost: 0.3, latencyMs: 50 }
    await cluster.editPool('p', '10.0.0.9/32')
    await cluster.createService('a')
    await cluster.createService('b', { spec: { clusterIPs: ['1.2.3.5'] } })
    await cluster.clock.advance(30_000)
    await cluster.deleteService('a')
    await cluster.clock.advance(60_000)
    cluster.kill(leaderOf(cluster.replicas)[0])
    await cluster.clock.advance(60_000)
    expect(await conditionOf('b')).toMatchObject({ status: 'True', reason: 'Assigned' })
    const told = await cluster.events('b')
    expect(told.length).toBeLessThanOrEqual(5)
    expect(told.at(-1)).toBe('IPAllocated Assigned IP ["10.0.0.9"]')
  })
})
