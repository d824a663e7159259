import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { cleanup, must, run, spawnIn } from '../../../test/netns.ts'
import type { Dataplane } from '../dataplane.ts'
import { diffElements } from '../diff.ts'
import type { Forwarder } from '../forwarder.ts'
import type { Elements, Operation } from '../model.ts'
import { Churn, churnScene, clusterIPOf, loadBalancerIPOf, type Churned } from './churn.ts'
import { configOf, nodeOf, six } from './cluster.ts'
import { openForwarder, openPlane } from './kernel.ts'
import { buildNetwork, type Network } from './network.ts'

/** Cases 95, 97 and 98 in the kernel, and with a process that is killed while it programs. */

const SERVICES = 20
const ROUNDS = 4
const config = configOf(churnScene)
const node = nodeOf(churnScene)
let network: Network

beforeAll(async () => {
  network = await buildNetwork('restart', [])
  await network.arrange(churnScene)
  return () => network.close()
})

afterAll(cleanup)

beforeEach(async () => {
  await must(network.node, 'nft', ['flush', 'ruleset'])
  await run(network.node, 'conntrack', ['-F'])
})

/** A data plane that remembers what it found and what it was told to do. */
function watched(plane: Dataplane): Dataplane & { found: Elements | undefined; told: Operation[] } {
  const spy = Object.assign(Object.create(plane) as Dataplane, {
    found: undefined as Elements | undefined,
    told: [] as Operation[],
    adopt: async () => (spy.found = await plane.adopt()),
    apply: async (operations: readonly Operation[]) => {
      spy.told.push(...operations)
      await plane.apply(operations)
    },
    list: () => plane.list(),
    inherited: () => plane.inherited?.(),
    watch: plane.watch.bind(plane),
    foreign: () => plane.foreign(),
    close: () => plane.close(),
    counters: () => plane.counters(),
    installed: () => plane.installed(),
    remove: () => plane.remove(),
  })
  return spy
}

const tell = (forwarder: Forwarder, changes: Iterable<Churned>): void => {
  for (const { key, service, slices } of changes) forwarder.setService(key, service, slices)
}

/** A speaker that starts over what is there, with these objects. */
async function restart(objects: Iterable<Churned>) {
  const plane = watched(openPlane(network.node, config))
  const forwarder = openForwarder(plane, config, node)
  tell(forwarder, objects)
  forwarder.allListed()
  await forwarder.sync()
  expect(forwarder.view()).toMatchObject({ synced: true })
  const { generation } = forwarder.view()
  const now = await plane.list()
  const { found, told } = plane
  await forwarder.stop()
  if (found === undefined) throw new Error('nothing was adopted')
  return { found, told, now, generation }
}

const stateAfter = (seed: number, steps: number): Map<string, Churned> => {
  const churn = new Churn(SERVICES, 'everything', seed)
  const state = new Map(churn.initial().map((one) => [one.key, one]))
  for (let step = 0; step < steps; step++) {
    const one = churn.next()
    state.set(one.key, one)
  }
  return state
}

const generation = async (): Promise<number> => {
  const socket = inNetworkNamespace(network.node.path, openNetfilterSocket)
  const value = await socket.generation()
  socket.close()
  return value
}

const rules = () => must(network.node, 'nft', ['-s', '-t', 'list', 'ruleset'])

test('case 95 L: a Service that comes and goes leaves no chain, no rule and no element behind', async () => {
  const seed = 4711
  await restart(stateAfter(seed, 100).values())
  const forwarder = openForwarder(openPlane(network.node, config), config, node)
  tell(forwarder, stateAfter(seed, 100).values())
  forwarder.allListed()
  await forwarder.sync()
  const before = await rules()
  const elements = forwarder.elements()[4].frontends.size
  const [one] = new Churn(SERVICES + 1, 'endpoints', seed).initial().slice(-1)
  tell(forwarder, [one])
  await forwarder.sync()
  expect(forwarder.elements()[4].frontends.size).toBe(elements + 2)
  forwarder.setService(one.key, undefined, [])
  await forwarder.sync()
  expect(forwarder.elements()[4].frontends.size).toBe(elements)
  expect(await rules()).toBe(before)
  await forwarder.stop()
})

test('case 97 L: a restart without a change is no operation at all', async () => {
  await restart(stateAfter(11, 200).values())
  const before = await generation()
  const { told, generation: own } = await restart(stateAfter(11, 200).values())
  expect(told).toEqual([])
  expect(own).toBe(0)
  expect(await generation()).toBe(before)
})

test('case 98 L: a restart over a half-correct table does the difference and no more', async () => {
  await restart(stateAfter(12, 200).values())
  const damage = [
    `delete element ip fairlead frontends { ${loadBalancerIPOf(3)} . tcp . 80 }`,
    'add element ip fairlead cluster-ips { 172.30.9.9 }',
    `delete element ip6 fairlead cluster-ips { ${six(clusterIPOf(5))} }`,
  ]
  await must(network.node, 'nft', ['-f', '-'], `${damage.join('\n')}\n`)
  const { told } = await restart(stateAfter(12, 200).values())
  expect(told.map(({ do: what, collection, key }) => `${what} ${collection} ${key}`).sort()).toEqual(
    [
      `add cluster-ips ${six(clusterIPOf(5))}`,
      `add frontends ${loadBalancerIPOf(3)} . tcp . 80`,
      'delete cluster-ips 172.30.9.9',
    ].sort(),
  )
})

describe('kill -9 while it programs', () => {
  test('case 98 L: the next one touches nothing that is right, and no connection fails meanwhile', async () => {
    const { outside, pods, node: onNode } = network.agents
    const seed = Math.floor(Math.random() * 2 ** 31)
    await restart(stateAfter(seed, 0).values())
    const targets = (addressOf: (index: number) => string) =>
      Array.from({ length: SERVICES }, (_, index) => addressOf(index))
        .flatMap((address) => [address, six(address)])
        .map((host) => ({ host, port: 80 }))
    const loop = { concurrency: 2, limit: 5000, slow: 900, expect: ['here ', 'there '] }
    await outside.loop({ ...loop, targets: targets(loadBalancerIPOf) })
    await pods.loop({ ...loop, targets: targets(clusterIPOf) })
    await onNode.loop({ ...loop, targets: targets(clusterIPOf) })
    let steps = 0
    for (let round = 0; round < ROUNDS; round++) {
      const begun = await killedAfter(seed, 30 + 25 * round)
      steps += begun
      // What was under way when it was killed is there or is not; the objects are those of then.
      const first = await restart(stateAfter(seed, begun).values())
      const needed = diffElements(first.found, first.now)
      expect(first.told.length, `round ${round}, seed ${seed}`).toBe(needed.length)
      const second = await restart(stateAfter(seed, begun).values())
      expect(second.told).toEqual([])
      await restart(stateAfter(seed, 0).values())
    }
    const reports = await Promise.all([outside.stop(), pods.stop(), onNode.stop()])
    const connections = reports.map((report) => report.connections)
    console.log(`killed ${ROUNDS} times in ${steps} changes, ${connections.join(' + ')} connections`)
    expect(reports.flatMap(({ failures }) => failures)).toEqual([])
    for (const count of connections) expect(count).toBeGreaterThan(100)
  }, 120_000)

  /** Programs until so many changes have begun, and dies in the middle of one; gives how many had begun. */
  async function killedAfter(seed: number, changes: number): Promise<number> {
    const program = new URL('churn-main.ts', import.meta.url).pathname
    const child = spawnIn(network.node, process.execPath, [program, String(SERVICES), String(seed)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    let begun = 0
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      begun = Number(line)
      if (begun >= changes) child.kill('SIGKILL')
    }
    const [, signal] = (await closed) as [number | null, string | null]
    expect(signal).toBe('SIGKILL')
    return begun
  }
})
