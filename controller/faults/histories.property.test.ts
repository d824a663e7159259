import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { KubeError } from '#kube/errors.ts'
import { noTrouble, type Trouble } from './test-replica.ts'
import { TestCluster } from './test-cluster.ts'

/**
 * Two replicas and an API server between which everything goes wrong that can: whatever the history, no two Services
 * ever have one address, no replica writes what it may not, and once the trouble ends everybody is served and a
 * restart changes nothing.
 */

/** Fewer than Services: what one leaves another one waits for. */
const ADDRESSES = 4
const names = ['s1', 's2', 's3', 's4', 's5', 's6']

const name = fc.constantFrom(...names)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ask' as const), name, index: fc.nat(ADDRESSES - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('type' as const),
      name,
      type: fc.constantFrom('ClusterIP', 'LoadBalancer'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pool' as const), first: fc.nat(ADDRESSES) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('freeze', 'thaw', 'kill', 'stop', 'start'),
      replica: fc.nat(1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cut', 'compact', 'outage', 'back') }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 30, 200, 5000, 20_000) }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const trouble = fc.record({
  errors: fc.constantFrom(0, 0.1, 0.4),
  conflicts: fc.constantFrom(0, 0.3),
  lost: fc.constantFrom(0, 0.3),
  latencyMs: fc.constantFrom(0, 40, 3000),
})

const range = (first: number) => [`10.0.0.${first}-10.0.0.${first + ADDRESSES - 1}`]
const missing = () => undefined

class History {
  readonly cluster: TestCluster
  readonly #trouble: Trouble

  constructor(seed: number, given: Trouble) {
    let state = seed
    this.cluster = new TestCluster(() => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state / 0x80000000
    })
    this.#trouble = given
  }

  async begin(): Promise<void> {
    await this.cluster.createPool('p', ...range(0))
    await this.#start()
    await this.#start()
    for (const one of names) await this.cluster.createService(one)
  }

  async apply(one: Step): Promise<void> {
    const { cluster } = this
    switch (one.do) {
      case 'create':
        return void (await cluster.createService(one.name).catch(missing))
      case 'delete':
        return void (await cluster.deleteService(one.name).catch(missing))
      case 'ask': {
        const annotations = { 'metallb.io/loadBalancerIPs': `10.0.0.${one.index}` }
        return void (await cluster.patchService(one.name, { metadata: { annotations } }).catch(missing))
      }
      case 'type':
        return void (await cluster.patchService(one.name, { spec: { type: one.type } }).catch(missing))
      case 'pool':
        return void (await cluster.editPool('p', ...range(one.first)).catch(missing))
      case 'cut':
        return cluster.api.endWatches(new KubeError('FL_KUBE_UNREACHABLE', 'cut'))
      case 'compact':
        cluster.api.compact()
        return cluster.api.endWatches()
      case 'outage':
        return cluster.api.outage(true)
      case 'back':
        return cluster.api.outage(false)
      case 'wait':
        return cluster.clock.advance(one.ms)
      default:
        return this.#onReplica(one.do, one.replica)
    }
  }

  /** All trouble ends; when everything has come to rest. */
  async heal(): Promise<void> {
    const { cluster } = this
    cluster.api.outage(false)
    for (const { api, clock } of cluster.replicas) {
      api.trouble = noTrouble
      clock.thaw()
    }
    if (cluster.replicas.length === 0) await cluster.start()
    await cluster.clock.advance(180_000)
  }

  async #onReplica(what: 'freeze' | 'thaw' | 'kill' | 'stop' | 'start', index: number): Promise<void> {
    const { cluster } = this
    const replica = cluster.replicas[index]
    if (what === 'start') return cluster.replicas.length < 2 ? this.#start() : undefined
    if (replica === undefined) return
    if (what === 'freeze') replica.clock.freeze()
    else if (what === 'thaw') replica.clock.thaw()
    else if (what === 'kill') cluster.kill(replica)
    else if (!replica.clock.frozen) await cluster.stop(replica)
  }

  async #start(): Promise<void> {
    const { api } = await this.cluster.start()
    api.trouble = this.#trouble
  }
}

test('two replicas, an unreliable API server, and any history', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      trouble,
      fc.integer({ min: 1, max: 0x7ffffffe }),
      async (steps, given, seed) => {
        const history = new History(seed, given)
        const { cluster } = history
        await history.begin()
        for (const one of steps) await history.apply(one)
        await history.heal()
        expect(cluster.api.doubles).toEqual([])
        expect(cluster.unfenced).toEqual([])
        await expectServed(cluster)
        await expectQuietRestart(cluster)
        await cluster.end()
      },
    ),
    { numRuns: Number(process.env.FAIRLEAD_TEST_RUNS ?? 25) },
  )
})

/** Who has no address asks for one that is another's or in no pool, or there is none left. */
async function expectServed(cluster: TestCluster): Promise<void> {
  const services = (await cluster.services()).filter(({ type }) => type === 'LoadBalancer')
  const taken = new Set([...(await cluster.assigned()).values()].flat())
  for (const { name: service, ingress, annotations, conditions } of services) {
    if (ingress.length > 0) continue
    const asked = annotations['metallb.io/loadBalancerIPs'] ?? ''
    const { reason } = conditions.find(({ type }) => type === 'fairlead.io/AddressAssigned') ?? {}
    const served = asked === '' ? taken.size < ADDRESSES : !taken.has(asked)
    expect([service, reason, served && reason !== 'RequestedAddressNotInPool']).toEqual([
      service,
      reason,
      false,
    ])
  }
}

async function expectQuietRestart(cluster: TestCluster): Promise<void> {
  for (const replica of cluster.replicas.slice()) await cluster.stop(replica)
  const before = await cluster.services()
  const writes = cluster.statusWrites()
  await cluster.start()
  await cluster.clock.advance(30_000)
  expect(await cluster.services()).toEqual(before)
  expect(cluster.statusWrites()).toBe(writes)
}
