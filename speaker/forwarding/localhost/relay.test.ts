import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { freePort } from '../health/free-port.ts'
import type { Target } from './local-ports.ts'
import { openTcp, relay } from './relay.ts'

/** For `vi.waitFor`. */
const patience = { interval: 2, timeout: 4000 }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** An endpoint; its connections are half-open when the other side has ended. */
async function endpoint(serve: (socket: Socket) => void): Promise<Target> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    ends.push(() => socket.destroy())
    socket.on('error', () => {})
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(() => server.close())
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** Nobody listens there. */
const nowhere = async (): Promise<Target> => ({ address: '127.0.0.1', port: await freePort() })

/** A client's connection through a relay to the targets. */
async function through(...targets: Target[]) {
  const taken: Target[] = []
  const results: boolean[] = []
  const front = await openTcp('127.0.0.1', 0, (client) => {
    ends.push(() => client.destroy())
    void relay(client, targets, (target) => taken.push(target)).then((done) => results.push(done))
  })
  ends.push(() => front.close())
  const client = connect({ host: '127.0.0.1', port: front.port, allowHalfOpen: true })
  ends.push(() => client.destroy())
  return { client, taken, results }
}

/** Everything up to the end of the stream. */
async function all(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('bytes go both ways, and what was sent before the endpoint took it is not lost', async () => {
  const target = await endpoint((socket) => {
    socket.on('data', (chunk) => socket.write(String(chunk).toUpperCase()))
    socket.on('end', () => socket.end('!'))
  })
  const { client, taken, results } = await through(target)
  client.write('hello ')
  client.end('world')
  expect(await all(client)).toBe('HELLO WORLD!')
  expect(taken).toEqual([target])
  await vi.waitFor(() => expect(results).toEqual([true]), patience)
})

describe('half-close', () => {
  test('a client that has ended still hears the answer', async () => {
    const target = await endpoint((socket) => void all(socket).then((asked) => socket.end(`asked ${asked}`)))
    const { client } = await through(target)
    client.end('this')
    expect(await all(client)).toBe('asked this')
  })

  test('an endpoint that has ended still hears the client', async () => {
    const heard: Promise<string>[] = []
    const target = await endpoint((socket) => {
      heard.push(all(socket))
      socket.end('bye')
    })
    const { client, results } = await through(target)
    expect(await all(client)).toBe('bye')
    expect(results).toEqual([])
    client.end('and thanks')
    expect(await heard[0]).toBe('and thanks')
  })
})

test('a slow reader slows the writer down', async () => {
  const size = 64 * 1024 * 1024
  let drained = 0
  const target = await endpoint((socket) => {
    const chunk = Buffer.alloc(65_536)
    const more = () => {
      while (drained < size && socket.write(chunk)) drained += chunk.length
      drained += chunk.length
      if (drained < size) socket.once('drain', more)
      else socket.end()
    }
    more()
  })
  const { client } = await through(target)
  await once(client, 'connect')
  client.pause()
  // Nobody reads: the writer stops when the buffers on the way are full.
  let before = -1
  while (before !== drained) {
    before = drained
    await delay(50)
  }
  expect(drained).toBeLessThan(size / 2)
  let received = 0
  for await (const chunk of client) received += (chunk as Buffer).length
  expect(received).toBeGreaterThanOrEqual(size)
})

describe('an endpoint that does not take the connection', () => {
  test('is passed over, and nothing is lost', async () => {
    const target = await endpoint((socket) => void all(socket).then((asked) => socket.end(asked)))
    const { client, taken } = await through(await nowhere(), await nowhere(), target)
    client.end('once')
    expect(await all(client)).toBe('once')
    expect(taken).toEqual([target])
  })

  test('when it is the last one the client is reset', async () => {
    const { client, results } = await through(await nowhere())
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    await vi.waitFor(() => expect(results).toEqual([false]), patience)
  })

  test('so it is when there is none', async () => {
    const { client } = await through()
    expect(await once(client, 'error')).toMatchObject([{ code: 'ECONNRESET' }])
  })
})

describe('a reset', () => {
  test('by the endpoint reaches the client', async () => {
    const target = await endpoint((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const { client, results } = await through(target)
    client.write('x')
    expect(await once(client, 'error')).toMatchObject([{ code: 'ECONNRESET' }])
    await vi.waitFor(() => expect(results).toEqual([true]), patience)
  })

  test('by the client reaches the endpoint', async () => {
    let failed = (_code: string) => {}
    const code = new Promise<string>((resolve) => (failed = resolve))
    const target = await endpoint((socket) => {
      socket.write('x')
      socket.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? ''))
    })
    const { client } = await through(target)
    await once(client, 'data')
    client.resetAndDestroy()
    expect(await code).toBe('ECONNRESET')
  })
})

test('a listener that closes frees its port and leaves its connections alone', async () => {
  const target = await endpoint((socket) => socket.pipe(socket))
  const front = await openTcp('127.0.0.1', 0, (client) => void relay(client, [target], () => {}))
  const client = connect({ host: '127.0.0.1', port: front.port })
  client.write('a')
  expect(String((await once(client, 'data'))[0])).toBe('a')
  await front.close()
  const again = await openTcp('127.0.0.1', front.port, () => {})
  client.write('b')
  expect(String((await once(client, 'data'))[0])).toBe('b')
  client.end()
  await once(client, 'close')
  await again.close()
})
