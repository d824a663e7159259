import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FaultKind } from '#lab/faults.ts'
import type { LabProbe } from '#lab/probes/probe.ts'
import type { LoopOutcome, Question } from '#lab/requests/messages.ts'
import { LabRequests } from '#lab/requests/requests.ts'
import { Layer2World, VIP4, VIP6, VIPS } from './layer2-world.ts'
import { until } from './test-lab.ts'

/**
 * Everything that fails in real clusters, with a client that sends a hundred requests a second to an address of each
 * family. node1 and node2 may hold the addresses; the pod runs on node3, which nothing happens to, so what is lost is
 * lost by layer 2. Nothing here measures how long something takes (`npm run bench -- layer2` does): the limits only
 * tell a system that recovers from one that does not.
 */

const world = new Layer2World('faults')
const { lab } = world
const directory = mkdtempSync(join(tmpdir(), 'fairlead-faults-'))
const capture = join(directory, 'client.pcap')
/** For what takes a second or two. */
const LIMIT_MS = 30_000
/** A request each 10 ms: far more than the second or two for which nobody may answer. */
const MOST_LOST = 1000
let client: LabProbe
let requests: LabRequests

const manifests = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: faults, namespace: metallb-system }
spec: { addresses: [192.168.1.100-192.168.1.150, 'fd00:192:168:1::100-fd00:192:168:1::fff'] }
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: { name: faults, namespace: metallb-system }
spec:
  nodeSelectors:
    - matchLabels: { kubernetes.io/hostname: node1 }
    - matchLabels: { kubernetes.io/hostname: node2 }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: echo }
spec:
  replicas: 1
  selector: { matchLabels: { app: echo } }
  template:
    metadata: { labels: { app: echo } }
    spec:
      nodeName: node3
      containers:
        - name: echo
          image: any
          ports: [{ containerPort: 80 }, { containerPort: 5353, protocol: UDP }]
---
apiVersion: v1
kind: Service
metadata: { name: echo, annotations: { metallb.io/loadBalancerIPs: '${VIP4},${VIP6}' } }
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: { app: echo }
  ports:
    - { name: tcp, port: 80 }
    - { name: udp, port: 53, targetPort: 5353, protocol: UDP }
`

const tcp = { port: 80 } as const
const udp = { port: 53, protocol: 'udp' } as const

/** A hundred requests a second to both addresses in turn. */
const ask = (question: Omit<Question, 'to'>) =>
  requests.loop(
    VIPS.map((to) => ({ from: 'client', question: { ...question, to } })),
    10,
  )

const failed = ({ targets }: LoopOutcome): number => targets.reduce((sum, one) => sum + one.failed, 0)

/** Fifty requests, a hundred a second. */
async function lost(question: Omit<Question, 'to'>): Promise<number> {
  const loop = await ask(question)
  const ticks = client.ticks.length
  await client.until(() => client.ticks.length >= ticks + 5, LIMIT_MS)
  return failed(await loop.stop())
}

/** Whoever answers for both addresses, as soon as it is one and no other. */
async function holder(not?: string): Promise<string> {
  const found = await world.settled(client, LIMIT_MS, not)
  const now = () => VIPS.map((vip) => `${vip}: ${world.holders(client, vip).join(' and ') || 'nobody'}`)
  if (found === undefined)
    throw new Error(`not one holder${not ? ` other than ${not}` : ''}: ${now().join(', ')}`)
  return found
}

/** The fault happens to the holder under load; afterwards the other node holds the addresses and requests succeed. */
async function takenOver(
  kind: FaultKind,
  question: Omit<Question, 'to'>,
): Promise<[string, string, LoopOutcome]> {
  const before = await holder()
  const loop = await ask(question)
  await world.fault(kind, before)
  const after = await holder(before)
  const outcome = await loop.stop()
  expect(failed(outcome), JSON.stringify(outcome)).toBeLessThan(MOST_LOST)
  expect(await lost(question)).toBe(0)
  return [before, after, outcome]
}

const inStep = (node: string) =>
  until(
    `${node} is in step`,
    async () => {
      const admin = lab.info.nodes.find(({ name }) => name === node)?.admin ?? ''
      return (await lab.fairlead(admin, 'status')).stdout.includes('in step') ? true : undefined
    },
    LIMIT_MS,
  )

beforeAll(async () => {
  await world.up()
  await lab.apply(manifests)
  await lab.kubectl('wait --for=condition=Available deployment/echo --timeout=60s')
  client = await world.probe('client', { file: capture, everyMs: 10 })
  requests = new LabRequests(lab.name)
  await requests.start()
  await holder()
})

/** Who answered when, as every speaker and the client tell it. */
const story = (...more: string[]) => {
  const [first, ...others] = lab.info.nodes.map(({ admin }) => admin)
  const admins = others.flatMap((admin) => ['--admin', admin])
  return lab.fairlead(first, 'l2', 'timeline', VIP4, ...admins, '--capture', capture, ...more)
}

beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.log((await story('--since', '1m')).stdout))
})

afterAll(async () => {
  await requests?.stop()
  await client?.end()
  await lab.down()
  rmSync(directory, { recursive: true })
})

test('one node holds both addresses, and requests reach the pod', async () => {
  expect(['node1', 'node2']).toContain(await holder())
  expect([await lost(tcp), await lost(udp)]).toEqual([0, 0])
})

describe('planned', () => {
  test('SIGTERM hands over without a lost datagram; the speaker takes nothing back', async () => {
    const [before, after, outcome] = await takenOver('stop-speaker', udp)
    expect(failed(outcome), JSON.stringify(outcome)).toBe(0)
    await world.fault('start-speaker', before)
    await inStep(before)
    expect(await holder()).toBe(after)
  })

  test('drain hands over without a lost datagram; undone, the node takes nothing back', async () => {
    const before = await holder()
    const drain = (...more: string[]) =>
      lab.exec('client', process.execPath, 'cli/main.ts', 'drain', before, ...more)
    const loop = await ask(udp)
    expect(await drain('--wait')).toMatchObject({ code: 0, stderr: '' })
    const after = await holder(before)
    expect(await drain('--undo', '--wait')).toMatchObject({ code: 0, stderr: '' })
    expect(await holder()).toBe(after)
    const outcome = await loop.stop()
    expect(failed(outcome), JSON.stringify(outcome)).toBe(0)
  })
})

describe('failures', () => {
  test('a speaker that is killed', async () => {
    const [before, after] = await takenOver('crash-speaker', tcp)
    await world.fault('start-speaker', before)
    await inStep(before)
    expect(await holder()).toBe(after)
  })

  test.each([
    ['a speaker that freezes', 'freeze-speaker', 'thaw-speaker', true],
    // Where both held them, the order of the nodes decides: a link has its carrier before the switch forwards.
    ['a link that goes down', 'link-down', 'link-up', false],
    ['a node that is cut off while its link stays up', 'partition', 'heal', false],
  ] as const)('%s', async (_what, fault, end, stays) => {
    const [before, after] = await takenOver(fault, tcp)
    const loop = await ask(tcp)
    await world.fault(end, before)
    await inStep(before)
    expect(stays ? [after] : [before, after]).toContain(await holder())
    const outcome = await loop.stop()
    expect(failed(outcome), JSON.stringify(outcome)).toBeLessThan(MOST_LOST)
    expect(await lost(tcp)).toBe(0)
  })

  test('a LAN that falls in two: one holder on each side, and one again when it is whole', async () => {
    const before = await holder()
    const file = join(directory, 'router.pcap')
    const router = await world.probe('router', { file, everyMs: 10 })
    try {
      const loop = await ask(tcp)
      await world.fault('split', before)
      const ours = await holder(before)
      expect(await world.settled(router, LIMIT_MS)).toBe(before)
      await world.fault('join')
      expect(['node1', 'node2']).toContain(await holder())
      expect(await world.settled(router, LIMIT_MS)).toBe(await holder())
      expect(ours).not.toBe(before)
      expect(failed(await loop.stop())).toBeLessThan(MOST_LOST)
      expect(await lost(tcp)).toBe(0)
    } finally {
      await router.end()
    }
  })
})

describe('without an API server', () => {
  test('nothing moves, a holder that dies is replaced, and nothing moves when it answers again', async () => {
    const before = await holder()
    await world.fault('api-outage')
    expect(await lost(udp)).toBe(0)
    expect(await holder()).toBe(before)
    const [, after] = await takenOver('crash-speaker', tcp)
    await world.fault('api-back')
    await world.fault('start-speaker', before)
    await inStep(before)
    expect(await holder()).toBe(after)
    expect(await lost(tcp)).toBe(0)
  })
})

describe('the last endpoint', () => {
  test('nobody answers without one, and one node does when there is one again', async () => {
    await lab.kubectl('scale deployment/echo --replicas=0')
    const silent = () => VIPS.every((vip) => world.holders(client, vip).length === 0)
    expect(await client.until(silent, LIMIT_MS)).toBe(true)
    await lab.kubectl('scale deployment/echo --replicas=1')
    expect(['node1', 'node2']).toContain(await holder())
  })
})

test('the story of an address, with the side of the client', async () => {
  await client.end()
  const { code, stdout, stderr } = await story()
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^TIME +AFTER +NODE1 +NODE2 +NODE3 +CLIENT +WHERE/m)
  expect(stdout).toMatch(/client +is answered, after .* without an answer +node[12] 02:00:00:00:00:1[12]$/m)
  expect(stdout).toMatch(/node[12] +answers from now on: its holder has failed/)
  const { lanes, lines } = JSON.parse((await story('--json')).stdout) as {
    lanes: string[]
    lines: { state: string[] }[]
  }
  expect(lanes).toEqual(['node1', 'node2', 'node3', 'client'])
  expect(lines.at(-1)?.state.filter((lane) => lane === 'answering')).toHaveLength(2)
})
