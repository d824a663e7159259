import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { cleanup, connect, createNetns, must, spawnIn, until, type Netns } from '../../../test/netns.ts'
import { service, slice } from '../fixtures.ts'
import type { TrafficRequest, TrafficResponse } from '../traffic-agent.ts'
import type { NodeRequest, NodeResponse } from './node-agent.ts'

/**
 * NodePorts on loopback and health servers beside the real program: a node with a pod, a pod of another node, and a
 * client on the node's network.
 */

/** A program that is asked and answers in lines of JSON; the first line says that it is ready. */
class Peer<Request extends { id: number }, Response extends { id: number }> {
  readonly ready: Promise<void>
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (response: Response) => void>()
  #id = 0

  constructor(ns: Netns, program: string, ...args: string[]) {
    const path = new URL(program, import.meta.url).pathname
    this.#process = spawnIn(ns, process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })
    this.ready = new Promise((resolve) => {
      lines.on('line', (line) => {
        const response = JSON.parse(line) as Partial<Response>
        if (response.id === undefined) return resolve()
        this.#waiting.get(response.id)?.(response as Response)
        this.#waiting.delete(response.id)
      })
    })
  }

  ask(request: Omit<Request, 'id'>): Promise<Response> {
    const id = ++this.#id
    this.#process.stdin?.write(`${JSON.stringify({ id, ...request })}\n`)
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }
}

type Traffic = Peer<TrafficRequest, TrafficResponse>

let node: Netns
let client: Netns
let forwarding: Peer<NodeRequest, NodeResponse>
let traffic: Record<'node' | 'client' | 'a' | 'b', Traffic>

beforeAll(async () => {
  node = await createNetns('lp-node')
  client = await createNetns('lp-client')
  const join = async (ns: Netns, device: string, v4: string, v6: string, host: number) => {
    await connect(
      { ns: node, device, addresses: [`${v4}.1/24`, `${v6}::1/64`] },
      { ns, device: 'eth0', addresses: [`${v4}.${host}/24`, `${v6}::${host}/64`] },
    )
    await must(ns, 'ip', ['route', 'add', 'default', 'via', `${v4}.1`])
    await must(ns, 'ip', ['-6', 'route', 'add', 'default', 'via', `${v6}::1`])
  }
  const a = await createNetns('lp-pod-a')
  const b = await createNetns('lp-pod-b')
  await join(a, 'pod-a', '10.1.1', 'fd00:1:1', 2)
  await join(b, 'pod-b', '10.1.2', 'fd00:1:2', 2)
  await join(client, 'lan', '192.168.0', 'fd00:2', 9)
  const settings = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']
  await must(node, 'sh', ['-ec', settings.map((name) => `echo 1 > /proc/sys/net/${name}`).join('\n')])
  const agent = (ns: Netns, name: string): Traffic => new Peer(ns, '../traffic-agent.ts', name)
  traffic = {
    node: agent(node, 'node'),
    client: agent(client, 'client'),
    a: agent(a, 'a'),
    b: agent(b, 'b'),
  }
  forwarding = new Peer(node, 'node-agent.ts')
  await Promise.all([forwarding, ...Object.values(traffic)].map(({ ready }) => ready))
})

afterAll(cleanup)

async function set(made: Service, ...slices: EndpointSlice[]): Promise<void> {
  const { error } = await forwarding.ask({ key: `ns/${made.name}`, service: made, slices })
  expect(error).toBe('')
}

/** The different answers to `count` connections, in order. */
async function answers(
  from: Traffic,
  host: string,
  port: number,
  count = 1,
  protocol: 'tcp' | 'udp' = 'tcp',
) {
  const { results } = await from.ask({ protocol, host, port, count, limit: 2000 })
  return [...new Set(results)].sort()
}

const NODE_PORT = 30_080
const ports = [
  { name: 'tcp', port: 80, nodePort: NODE_PORT },
  { name: 'udp', port: 80, nodePort: NODE_PORT, protocol: 'UDP' as const },
]
const targets = [
  { name: 'tcp', port: 8080 },
  { name: 'udp', port: 8080, protocol: 'UDP' as const },
]
const both = { type: 'NodePort' as const, clusterIPs: ['10.96.0.1', 'fd00:96::1'], ports }
const here = ['10.1.1.2', 'fd00:1:1::2'].map((address) => ({ address, node: 'node-1' }))
const there = ['10.1.2.2', 'fd00:1:2::2'].map((address) => ({ address, node: 'node-2' }))
const slices = (...endpoints: { address: string; node: string }[]) => [
  slice(
    's',
    endpoints.filter(({ address }) => !address.includes(':')),
    targets,
    { name: 's-4' },
  ),
  slice(
    's',
    endpoints.filter(({ address }) => address.includes(':')),
    targets,
    { name: 's-6' },
  ),
]

test.each([
  ['IPv4', '127.0.0.1', ['a 10.1.1.1', 'b 10.1.2.1'], '192.168.0.1'],
  ['IPv6', '::1', ['a fd00:1:1::1', 'b fd00:1:2::1'], 'fd00:2::1'],
])('a NodePort on loopback, %s', async (_, loopback, pods, address) => {
  await set(service('s', { ...both, external: 'Local' }), ...slices(...here, ...there))
  await until(
    'it is open',
    async () => (await answers(traffic.node, loopback, NODE_PORT))[0] !== 'ECONNREFUSED',
  )
  expect(await answers(traffic.node, loopback, NODE_PORT, 40), 'every endpoint').toEqual(pods)
  const own = address.includes(':') ? 'a fd00:2::9' : 'a 192.168.0.9'
  expect(await answers(traffic.client, address, NODE_PORT, 20), 'beside the real NodePort').toEqual([own])
  expect(await answers(traffic.node, address, NODE_PORT, 40), 'as by another address').toEqual(pods)
  expect(await answers(traffic.node, loopback, NODE_PORT, 1, 'udp'), 'no UDP').toEqual(['ECONNREFUSED'])
  await set(service('s', both))
  await until(
    'it is closed',
    async () => (await answers(traffic.node, loopback, NODE_PORT))[0] === 'ECONNREFUSED',
  )
})

test('nothing is routed from loopback for it', async () => {
  const values = await must(node, 'sh', ['-c', 'cat /proc/sys/net/ipv4/conf/*/route_localnet'])
  expect(new Set(values.trim().split('\n'))).toEqual(new Set(['0']))
})

/** The status code and the body. */
async function get(url: string): Promise<{ code: number; body: string }> {
  const script = `fetch(process.argv[1], { signal: AbortSignal.timeout(2000) }).then(
    async (response) => console.log(JSON.stringify({ code: response.status, body: await response.text() })),
    (error) => console.log(JSON.stringify({ code: 0, body: String(error.cause?.code ?? error) })))`
  return JSON.parse(await must(client, process.execPath, ['-e', script, url]))
}

test.each(['192.168.0.1', '[fd00:2::1]'])('health servers answer a load balancer at %s', async (host) => {
  const made = service('s', {
    ...both,
    external: 'Local',
    ingress: [{ ip: '203.0.113.1' }],
    type: 'LoadBalancer',
    healthCheckNodePort: 31_000,
  })
  await set(made, ...slices(...here, ...there))
  await until('it is open', async () => (await get(`http://${host}:31000/`)).code > 0)
  const { code, body } = await get(`http://${host}:31000/healthz`)
  expect(code).toBe(200)
  expect(JSON.parse(body)).toEqual({
    service: { namespace: 'ns', name: 's' },
    localEndpoints: 1,
    serviceProxyHealthy: true,
  })
  await set(made, ...slices(...there))
  expect(await get(`http://${host}:31000/`)).toMatchObject({ code: 503 })
  expect(await get(`http://${host}:10256/healthz`)).toMatchObject({ code: 200 })
  await set(service('s', both), ...slices(...here))
  await until('it is closed', async () => (await get(`http://${host}:31000/`)).body === 'ECONNREFUSED')
})
