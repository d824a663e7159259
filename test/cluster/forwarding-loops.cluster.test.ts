import { afterAll, beforeAll, expect, test } from 'vitest'
import { labResources, type Deployment, type Pod, isPodReady } from '#lab/cluster/objects.ts'
import type { LoopOutcome } from '#lab/requests/messages.ts'
import { both, families, ForwardingWorld, type Addresses, type Reachable } from './forwarding-world.ts'
import { until } from './test-lab.ts'

/** A client asks 200 times a second at ClusterIP, NodePort and load balancer address while things happen: none fails. */

const world = new ForwardingWorld('fwd-loops')
const EVERY_MS = 5
const KEY = { namespace: 'default', name: 'web' }
let service: Reachable
let vip: Addresses

const deployment = {
  metadata: KEY,
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      // Long enough for every request that was under way, and for every node to know.
      metadata: { labels: { app: 'web', 'lab.fairlead.io/termination': '3' } },
      spec: { containers: [{ name: 'echo', image: 'echo:1', ports: [{ containerPort: 80 }] }] },
    },
  },
}

/** The pods of the Deployment's newest image that are ready. */
async function rolled(image: string): Promise<true | undefined> {
  const { items } = await world.api.list(labResources.pods, {
    namespace: 'default',
    labelSelector: 'app=web',
  })
  const pods = items as Pod[]
  const all = pods.every((pod) => pod.spec.containers[0].image === image && isPodReady(pod))
  return all && pods.length === 3 ? true : undefined
}

beforeAll(async () => {
  await world.up()
  await world.api.create(labResources.deployments, deployment as unknown as Deployment)
  await world.pod('asker', { node: 'node2' })
  service = await world.service('web', { type: 'LoadBalancer' })
  vip = await world.vip('web')
  await until('three pods', () => rolled('echo:1'))
  await both(async (family) => {
    for (const { from, question } of targets(family)) {
      await until('an answer', async () => ((await world.askOnce(from, question)).pod ? true : undefined))
    }
  })
})

afterAll(() => world.down())

const targets = (family: 4 | 6) => [
  { from: 'pod/default/asker', question: { to: service.clusterIP[family], port: 80 } },
  { from: 'node/node1', question: { to: service.clusterIP[family], port: 80 } },
  { from: 'client', question: { to: world.address('node1')[family], port: service.nodePort() } },
  { from: 'client', question: { to: vip[family], port: 80 } },
]

/** Asks all the while that something is done. */
async function during(work: () => Promise<void>): Promise<LoopOutcome> {
  const everything = families.flatMap(targets).map(({ from, question }) => ({
    from,
    question: { ...question, limit: 5000 },
  }))
  const loop = await world.requests.loop(everything, EVERY_MS)
  let outcome: LoopOutcome
  try {
    await work()
  } finally {
    outcome = await loop.stop()
  }
  return outcome
}

function expectAllAsked({ targets: tallies }: LoopOutcome): void {
  // How often a busy machine gets round to each place is no question of forwarding.
  expect(Math.min(...tallies.map(({ made }) => made)), JSON.stringify(tallies)).toBeGreaterThanOrEqual(3)
}

function expectNoFailure(outcome: LoopOutcome): void {
  expect(outcome.failures).toEqual([])
  expectAllAsked(outcome)
}

/** A request that is answered on a busy machine may take so long. */
const ONE_MOMENT_MS = 1000

/**
 * The load balancer addresses may move to another node meanwhile. It does not know the connections over the former
 * one, so those of the moment are reset: as many requests as were under way, which is a matter of how busy the machine
 * is, but in no more moments than an address moves, away and perhaps back.
 */
function expectNoFailureButOfMoving(outcome: LoopOutcome): void {
  const everything = families.flatMap(targets)
  const moved = ({ target, error }: LoopOutcome['failures'][number]): boolean =>
    error === 'ECONNRESET' && families.some((family) => everything[target].question.to === vip[family])
  expect(outcome.failures.filter((failure) => !moved(failure))).toEqual([])
  for (const [target, { slowestMs }] of outcome.targets.entries()) {
    const moments: number[] = []
    const made = outcome.failures.filter((failure) => failure.target === target).map(({ at }) => at)
    for (const at of made.toSorted((one, other) => one - other)) {
      if (at > (moments.at(-1) ?? -Infinity) + Math.max(ONE_MOMENT_MS, slowestMs)) moments.push(at)
    }
    expect(moments.length, JSON.stringify(outcome.failures)).toBeLessThanOrEqual(2)
  }
  expectAllAsked(outcome)
}

test.each(['node1', 'node2', 'node3'])(
  'no request fails when the speaker of %s is killed with -9',
  async (node) => {
    expectNoFailureButOfMoving(
      await during(async () => {
        expect((await world.lab.command('fault', 'crash-speaker', node)).code).toBe(0)
        // Something must be done by the one that comes back.
        const { clusterIP } = await world.service(`meanwhile-${node}`, { selector: { app: 'web' } })
        expect((await world.lab.command('fault', 'start-speaker', node)).code).toBe(0)
        await both((family) =>
          until('a Service that came meanwhile', async () => {
            const answer = await world.askOnce(`node/${node}`, {
              to: clusterIP[family],
              port: 80,
              limit: 400,
            })
            return answer.pod === undefined ? undefined : true
          }),
        )
      }),
    )
  },
)

test('no request fails while a Deployment is rolled over to new pods', async () => {
  expectNoFailure(
    await during(async () => {
      const template = {
        spec: { containers: [{ name: 'echo', image: 'echo:2', ports: [{ containerPort: 80 }] }] },
      }
      await world.api.patch(labResources.deployments, KEY, { spec: { template } }, { type: 'merge' })
      await until('new pods', () => rolled('echo:2'))
    }),
  )
})

test('no request fails while the API server is away', async () => {
  expectNoFailure(
    await during(async () => {
      await world.lab.command('fault', 'api-outage')
      await world.ask('client', { to: vip[4], port: 80, count: 100 })
      await world.lab.command('fault', 'api-back')
    }),
  )
})
