import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock, type Clock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { service, slice, testNode } from '../fixtures.ts'
import { planService } from '../plan.ts'
import { freePort } from './free-port.ts'
import { ServiceHealthServers } from './service-servers.ts'

/** For `vi.waitFor`. */
const patience = { interval: 2, timeout: 4000 }

/** Waits for a fraction of the time only. */
const hasty: Clock = {
  now: () => systemClock.now(),
  setTimeout: (run, ms) => systemClock.setTimeout(run, ms / 50),
}

let servers: ServiceHealthServers
let addresses: readonly string[]
let healthy: boolean
let failures: string[]
const taken: Server[] = []

beforeEach(() => {
  addresses = ['127.0.0.1']
  healthy = true
  failures = []
  servers = new ServiceHealthServers({
    node: 'node-1',
    clock: hasty,
    log: silentLogger,
    addresses: () => addresses,
    proxyHealthy: () => healthy,
    onBindFailure: (one, message) => failures.push(`${one.name}: ${message}`),
  })
})

afterEach(async () => {
  await servers.stop()
  for (const server of taken.splice(0)) await new Promise((resolve) => server.close(resolve))
})

const set = (made: Service, ...slices: EndpointSlice[]) => {
  const key = `ns/${made.name}`
  const plan = planService(made, slices, testNode)
  servers.programmed(new Map([[key, { key, service: made, slices, plan }]]))
}

const balancer = (name: string, healthCheckNodePort: number, created?: string) =>
  service(name, {
    ingress: [{ ip: '1.2.3.4' }],
    external: 'Local',
    healthCheckNodePort,
    ...(created === undefined ? {} : { created }),
  })

const pods = (name: string, count: number) =>
  slice(
    name,
    Array.from({ length: count }, (_, index) => ({ address: `10.0.0.${index + 1}`, node: 'node-1' })),
  )

/** `<code> <name> <endpoints>`, or an error code. */
async function ask(port: number, host = '127.0.0.1'): Promise<string> {
  try {
    const response = await fetch(`http://${host}:${port}/any/path`, { method: 'PUT', body: 'x' })
    const text = await response.text()
    if (text === '') return `${response.status}`
    const said = JSON.parse(text) as { service: { name: string }; localEndpoints: number }
    expect(response.headers.get('x-load-balancing-endpoint-weight')).toBe(String(said.localEndpoints))
    return `${response.status} ${said.service.name} ${said.localEndpoints}`
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException).code ?? String(error)
  }
}

const says = (port: number, answer: string, host?: string) =>
  vi.waitFor(async () => expect(await ask(port, host)).toBe(answer), patience)

test('a Service is answered for, follows its endpoints and goes', async () => {
  const port = await freePort()
  set(balancer('s', port), pods('s', 2))
  await says(port, '200 s 2')
  set(balancer('s', port), pods('s', 0))
  expect(await ask(port)).toBe('503 s 0')
  set(balancer('s', port), pods('s', 1))
  healthy = false
  expect(await ask(port)).toBe('503 s 1')
  servers.programmed(new Map([['ns/s', undefined]]))
  await says(port, 'ECONNREFUSED')
})

test('another port: the old one closes, the new one opens', async () => {
  const [first, second] = [await freePort(), await freePort()]
  set(balancer('s', first), pods('s', 1))
  await says(first, '200 s 1')
  set(balancer('s', second), pods('s', 1))
  await says(second, '200 s 1')
  await says(first, 'ECONNREFUSED')
})

test('a policy that changes back and forth closes and opens', async () => {
  const port = await freePort()
  const cluster = service('s', { ingress: [{ ip: '1.2.3.4' }], healthCheckNodePort: port })
  for (let round = 0; round < 3; round++) {
    set(balancer('s', port), pods('s', 1))
    await says(port, '200 s 1')
    set(cluster, pods('s', 1))
    set(balancer('s', port), pods('s', 1))
    set(cluster, pods('s', 1))
    await says(port, 'ECONNREFUSED')
  }
  expect(failures).toEqual([])
})

test('everywhere, or at addresses that may change', async () => {
  const port = await freePort()
  addresses = []
  set(balancer('s', port), pods('s', 1))
  await says(port, '200 s 1')
  await says(port, '200 s 1', '[::1]')
  addresses = ['127.0.0.2', '::1']
  servers.addressesChanged()
  await says(port, '200 s 1', '127.0.0.2')
  await says(port, '200 s 1', '[::1]')
  await says(port, 'ECONNREFUSED')
})

test('a taken port is told, harms no other Service, and is taken over when it is free', async () => {
  const [port, other] = [await freePort(), await freePort()]
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  set(balancer('s', port), pods('s', 1))
  set(balancer('t', other), pods('t', 1))
  await says(other, '200 t 1')
  await vi.waitFor(() => expect(failures).not.toEqual([]), patience)
  expect(failures[0]).toContain(
    `s: node node-1 failed to start healthcheck "ns/s" on port ${port}: listen EADDRINUSE`,
  )
  await new Promise((resolve) => server.close(resolve))
  await says(port, '200 s 1')
})

test('two Services on one port: the older has it, the younger is told once and gets it later', async () => {
  const port = await freePort()
  set(balancer('young', port, '2026-02-01T00:00:00Z'), pods('young', 1))
  await says(port, '200 young 1')
  set(balancer('old', port, '2026-01-01T00:00:00Z'), pods('old', 2))
  expect(await ask(port)).toBe('200 old 2')
  set(balancer('young', port, '2026-02-01T00:00:00Z'), pods('young', 3))
  expect(failures).toEqual([
    `young: node node-1 failed to start healthcheck "ns/young" on port ${port}: it belongs to the older Service ns/old`,
  ])
  servers.programmed(new Map([['ns/old', undefined]]))
  expect(await ask(port)).toBe('200 young 3')
})
