import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, run, type Netns } from '../test/netns.ts'
import { inNetworkNamespace, inNewNetworkNamespace } from './namespace.ts'
import { openTcpListener } from './tcp.ts'
import { openUdpDescriptor } from './udp.ts'

let a: Netns
let b: Netns

beforeAll(async () => {
  a = await createNetns('namespace-a')
  b = await createNetns('namespace-b')
  await connect(
    { ns: a, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    { ns: b, device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64'] },
  )
})
afterAll(cleanup)

const current = (): string => readlinkSync('/proc/thread-self/ns/net')

const fail = (): never => {
  throw new Error('inside')
}

test('there and back, also through each other and after an exception', () => {
  const home = current()
  const [inA, inB, again] = inNetworkNamespace(a.path, () => {
    const first = current()
    return [first, inNetworkNamespace(b.path, current), current()]
  })
  expect(new Set([home, inA, inB]).size).toBe(3)
  expect(again).toBe(inA)
  expect(current()).toBe(home)
  expect(() => inNetworkNamespace(a.path, fail)).toThrow('inside')
  expect(current()).toBe(home)
})

test("a new namespace is nobody else's, and is left again", () => {
  const home = current()
  const inside = () => [current(), readFileSync('/proc/thread-self/net/dev', 'utf8')] as const
  const [first, devices] = inNewNetworkNamespace(inside)
  expect(first).not.toBe(home)
  expect(devices.trim().split('\n').slice(2).join()).toMatch(/^ *lo:[^\n]*$/)
  expect(() => inNewNetworkNamespace(fail)).toThrow('inside')
  expect(current()).toBe(home)
})

test('a promise is refused, after coming back', async () => {
  const home = current()
  expect(() => inNetworkNamespace(a.path, async () => {})).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ARGUMENT' }),
  )
  expect(current()).toBe(home)
})

test('what is not a namespace', () => {
  const home = current()
  expect(() => inNetworkNamespace('/run/netns/nosuch', current)).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  )
  expect(() => inNetworkNamespace('/dev/null', current)).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'EINVAL' }),
  )
  expect(current()).toBe(home)
})

test.each([
  [4, '192.0.2.1', 'http://192.0.2.1:8080'],
  [6, '::', 'http://[2001:db8::1]:8080'],
] as const)('an HTTP server outside serves IPv%d inside', async (family, address, url) => {
  const fd = inNetworkNamespace(a.path, () => openTcpListener({ family, local: { address, port: 8080 } }))
  const server = createServer((_request, response) => response.end('served from outside'))
  server.listen({ fd })
  await once(server, 'listening')
  expect(await must(b, 'curl', ['-s', '--max-time', '5', url])).toBe('served from outside')
  // Nothing listens there in the namespace of the test itself.
  await expect(fetch('http://127.0.0.1:8080')).rejects.toThrow('fetch failed')
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  expect((await run(b, 'curl', ['-s', '--max-time', '5', url])).code).toBe(7)
})

test('and so does a datagram socket', async () => {
  const fd = inNetworkNamespace(a.path, () =>
    openUdpDescriptor({ local: { address: '192.0.2.1', port: 5353 } }),
  )
  const server = createSocket('udp4').bind({ fd })
  server.on('message', (message, { port, address }) =>
    server.send(`echo ${message.toString()}`, port, address),
  )
  const clientFd = inNetworkNamespace(b.path, () =>
    openUdpDescriptor({ local: { address: '192.0.2.2', port: 0 } }),
  )
  const client = createSocket('udp4').bind({ fd: clientFd })
  const answer = once(client, 'message')
  client.send('hi', 5353, '192.0.2.1')
  expect(String((await answer)[0])).toBe('echo hi')
  client.close()
  server.close()
})

test('a worker thread moves alone', async () => {
  const module = new URL('namespace.ts', import.meta.url).href
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const { readlinkSync } = require('node:fs')
     const current = () => readlinkSync('/proc/thread-self/ns/net')
     import(${JSON.stringify(module)}).then(({ inNetworkNamespace }) => {
       const before = current()
       const inside = inNetworkNamespace(${JSON.stringify(a.path)}, current)
       parentPort.postMessage({ before, inside, after: current() })
     })`,
    { eval: true },
  )
  const [{ before, inside, after }] = (await once(worker, 'message')) as [Record<string, string>]
  expect(before).toBe(current())
  expect(inside).toBe(inNetworkNamespace(a.path, current))
  expect(after).toBe(before)
  await worker.terminate()
})
