import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { service, slice, testNode } from '../fixtures.ts'
import { freePort } from '../health/free-port.ts'
import { ForwardingMetrics } from '../metrics.ts'
import { planService } from '../plan.ts'
import { LocalhostProxy } from './localhost-proxy.ts'

/** For `vi.waitFor`. */
const patience = { interval: 2, timeout: 4000 }

let proxy: LocalhostProxy
let registry: Registry
let now: number
let warnings: string[]
const ends: (() => unknown)[] = []

beforeEach(() => {
  registry = new Registry()
  now = 1_000_000
  warnings = []
  proxy = new LocalhostProxy({
    clock: { now: () => now, setTimeout: (run, ms) => systemClock.setTimeout(run, ms / 50) },
    log: {
      ...silentLogger,
      warn: (fields, message) => warnings.push(`${JSON.stringify(fields)} ${message}`),
    },
    metrics: new ForwardingMetrics(registry),
    maxConnections: 3,
    // The Pods of these tests listen on loopback.
    callable: () => true,
  })
})

afterEach(async () => {
  await proxy.stop()
  for (const end of ends.splice(0)) await end()
})

/** A Pod that says its address to everybody and then waits. */
async function pod(address: string, given?: number): Promise<number> {
  const port = given ?? (await freePort())
  const server = createServer((socket) => {
    ends.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.write(address)
  }).listen(port, address)
  await once(server, 'listening')
  ends.push(() => server.close())
  return port
}

interface Text {
  readonly name?: string
  readonly port: number
  readonly pods: readonly string[]
  readonly target: number
  readonly affinity?: number
  readonly created?: string
}

function set({ name = 's', port, pods, target, affinity, created }: Text): void {
  const six = pods.some((address) => address.includes(':'))
  const made = service(name, {
    type: 'NodePort',
    clusterIPs: [six ? 'fd00:172:30::1' : '172.30.0.1'],
    ports: [{ port: 80, nodePort: port }],
    ...(affinity === undefined ? {} : { affinity }),
    ...(created === undefined ? {} : { created }),
  })
  const slices = [slice(name, pods, [{ port: target }])]
  const key = `ns/${name}`
  proxy.programmed(
    new Map([[key, { key, service: made, slices, plan: planService(made, slices, testNode) }]]),
  )
}

/** What the first answer is, or an error code; the connection stays. */
async function ask(port: number, host = '127.0.0.1'): Promise<{ said: string; socket: Socket }> {
  const socket = connect({ host, port })
  ends.push(() => socket.destroy())
  const said = await new Promise<string>((resolve) => {
    socket.once('data', (chunk) => resolve(String(chunk)))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  return { said, socket }
}

async function says(port: number, host?: string): Promise<string> {
  const { said, socket } = await ask(port, host)
  socket.destroy()
  return said
}

const opens = (port: number, host?: string) =>
  vi.waitFor(async () => expect(await says(port, host)).not.toBe('ECONNREFUSED'), patience)
const closes = (port: number, host?: string) =>
  vi.waitFor(async () => expect(await says(port, host)).toBe('ECONNREFUSED'), patience)
const counts = (line: string) =>
  vi.waitFor(async () => expect(await registry.metrics()).toContain(`${line}\n`), patience)

test('a NodePort is open while it has endpoints, in its family', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  set({ port, pods: ['127.0.0.11'], target })
  await opens(port)
  expect(await says(port)).toBe('127.0.0.11')
  expect(await says(port, '::1')).toBe('ECONNREFUSED')
  await counts('kubeproxy_nftables_localhost_nodeport_listeners{ip_family="IPv4"} 1')
  set({ port, pods: [], target })
  await closes(port)
  await counts('kubeproxy_nftables_localhost_nodeport_listeners{ip_family="IPv4"} 0')
  set({ port, pods: ['127.0.0.11'], target })
  await opens(port)
  proxy.programmed(new Map([['ns/s', undefined]]))
  await closes(port)
})

test('IPv6', async () => {
  const port = await freePort()
  const target = await pod('::1')
  set({ port, pods: ['::1'], target })
  await opens(port, '::1')
  expect(await says(port)).toBe('ECONNREFUSED')
  await counts('kubeproxy_nftables_localhost_nodeport_listeners{ip_family="IPv6"} 1')
})

test('connections are spread, and one that is refused goes elsewhere', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  await pod('127.0.0.12', target)
  // Nobody listens at 127.0.0.13.
  set({ port, pods: ['127.0.0.11', '127.0.0.12', '127.0.0.13'], target })
  await opens(port)
  const heard = new Set<string>()
  for (let one = 0; one < 60; one++) heard.add(await says(port))
  expect([...heard].sort()).toEqual(['127.0.0.11', '127.0.0.12'])
})

test('session affinity: one endpoint while it lasts, another when it goes, a new one after the timeout', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  await pod('127.0.0.12', target)
  const both = { port, pods: ['127.0.0.11', '127.0.0.12'], target, affinity: 300 }
  set(both)
  await opens(port)
  const first = await says(port)
  for (let one = 0; one < 20; one++) expect(await says(port)).toBe(first)
  const other = both.pods.find((address) => address !== first) as string
  set({ ...both, pods: [other] })
  expect(await says(port)).toBe(other)
  set(both)
  for (let one = 0; one < 20; one++) expect(await says(port)).toBe(other)
  const heard = new Set<string>()
  for (let one = 0; one < 40; one++) {
    now += 300_000
    heard.add(await says(port))
  }
  expect(heard.size).toBe(2)
})

test('too many connections are reset and counted; those that end make room', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  set({ port, pods: ['127.0.0.11'], target })
  await opens(port)
  await counts('fairlead_forwarding_localhost_connections 0')
  const open = [await ask(port), await ask(port), await ask(port)]
  expect(open.map(({ said }) => said)).toEqual(['127.0.0.11', '127.0.0.11', '127.0.0.11'])
  expect(await says(port)).toBe('ECONNRESET')
  await counts('fairlead_forwarding_localhost_connections 3')
  await counts('fairlead_forwarding_localhost_refused_total{reason="limit"} 1')
  open[0].socket.destroy()
  await counts('fairlead_forwarding_localhost_connections 2')
  expect(await says(port)).toBe('127.0.0.11')
})

test('no endpoint takes it: reset and counted', async () => {
  const port = await freePort()
  set({ port, pods: ['127.0.0.13'], target: await freePort() })
  await vi.waitFor(async () => expect(await says(port)).toBe('ECONNRESET'), patience)
  await counts('fairlead_forwarding_localhost_refused_total{reason="unreachable"} 1')
})

test('a taken port is logged once and opened when it is free', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  const taken = createServer().listen(port, '127.0.0.1')
  await once(taken, 'listening')
  set({ port, pods: ['127.0.0.11'], target })
  await vi.waitFor(async () => {
    const text = await registry.metrics()
    expect(text).toMatch(/listener_creation_failures_total\{ip_family="IPv4"\} [2-9]/)
  }, patience)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(/"service":"ns\/s".*EADDRINUSE.*NodePort is not open on loopback/)
  await new Promise((resolve) => taken.close(resolve))
  await opens(port)
})

test('two Services on one NodePort: the older has it', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  await pod('127.0.0.12', target)
  set({ name: 'young', port, pods: ['127.0.0.12'], target, created: '2026-02-01T00:00:00Z' })
  await opens(port)
  expect(await says(port)).toBe('127.0.0.12')
  set({ name: 'old', port, pods: ['127.0.0.11'], target })
  expect(await says(port)).toBe('127.0.0.11')
  proxy.programmed(new Map([['ns/old', undefined]]))
  expect(await says(port)).toBe('127.0.0.12')
})

test('stopping ends the connections', async () => {
  const port = await freePort()
  const target = await pod('127.0.0.11')
  set({ port, pods: ['127.0.0.11'], target })
  await opens(port)
  const { socket } = await ask(port)
  const closed = once(socket, 'close')
  await proxy.stop()
  await closed
  expect(await says(port)).toBe('ECONNREFUSED')
})
