import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { Connection, ConnectionError } from './connection.ts'
import { FakeConnection, testConfig } from './testing.ts'
import { connectPlain } from './transport.ts'

/** A connection with the peer's end of it; the same suite runs on the real one and on the fake. */
interface Ends {
  readonly connection: Connection
  /** the peer accepts; the connection opens */
  accept(): void
  refuse(): void
  send(text: string): void
  end(): void
  /** what the peer received so far */
  received(): string
}

const cleanups: (() => void)[] = []
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()))

function fakeEnds(): Promise<Ends> {
  const connection = new FakeConnection()
  return Promise.resolve({
    connection,
    accept: () => connection.opened('127.0.0.1', '127.0.0.1'),
    refuse: () => connection.ended({ code: 'ECONNREFUSED', message: 'refused' }),
    send: (text) => connection.receive(Buffer.from(text)),
    end: () => connection.ended(),
    received: () => Buffer.concat(connection.written).toString(),
  })
}

/** Over loopback. A port that nothing listens on refuses by itself. */
async function realEnds(listening: boolean): Promise<Ends> {
  let socket: Socket | undefined
  let received = ''
  const pending: ((socket: Socket) => void)[] = []
  const server = createServer((accepted) => {
    socket = accepted
    accepted.on('data', (chunk) => (received += chunk.toString()))
    accepted.on('error', () => {})
    for (const action of pending) action(accepted)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  if (!listening) await new Promise((resolve) => server.close(resolve))
  else cleanups.push(() => (socket?.destroy(), server.close()))
  const withSocket = (action: (socket: Socket) => void) => (socket ? action(socket) : pending.push(action))
  return {
    connection: connectPlain({ ...testConfig, address: parseAddress('127.0.0.1'), port }),
    accept: () => {},
    refuse: () => {},
    send: (text) => withSocket((peer) => peer.write(text)),
    end: () => withSocket((peer) => peer.end()),
    received: () => received,
  }
}

describe.each<[string, (listening: boolean) => Promise<Ends>]>([
  ['FakeConnection', fakeEnds],
  ['node:net', realEnds],
])('%s', (_name, make) => {
  async function opened() {
    const ends = await make(true)
    const seen: string[] = []
    ends.connection.onOpen(() => seen.push('open'))
    ends.connection.onData((chunk) => seen.push(Buffer.from(chunk).toString()))
    ends.connection.onClose((error) => seen.push(`close ${error?.code ?? 'in order'}`))
    ends.accept()
    await vi.waitFor(() => expect(seen).toEqual(['open']))
    return { ...ends, seen }
  }

  test('opens, then knows its addresses', async () => {
    const { connection } = await opened()
    expect(connection.localAddress).toEqual(parseAddress('127.0.0.1'))
    expect(connection.remoteAddress).toEqual(parseAddress('127.0.0.1'))
  })

  test('carries octets both ways', async () => {
    const { connection, send, received, seen } = await opened()
    expect(connection.write(Buffer.from('hello'))).toBe(true)
    await vi.waitFor(() => expect(received()).toBe('hello'))
    send('world')
    await vi.waitFor(() => expect(seen).toEqual(['open', 'world']))
  })

  test('tells that the peer ended it, without an error', async () => {
    const { end, seen } = await opened()
    end()
    await vi.waitFor(() => expect(seen).toEqual(['open', 'close in order']))
  })

  test('tells that it was refused, with the error and without opening', async () => {
    const { connection, refuse } = await make(false)
    const opens = vi.fn()
    connection.onOpen(opens)
    const error = new Promise<ConnectionError | undefined>((resolve) => connection.onClose(resolve))
    refuse()
    expect(await error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(opens).not.toHaveBeenCalled()
  })

  test('close() sends what was written, and no listener is called any more', async () => {
    const { connection, end, send, received, seen } = await opened()
    connection.write(Buffer.from('last words'))
    const closed = connection.close()
    send('too late')
    end()
    await closed
    await vi.waitFor(() => expect(received()).toBe('last words'))
    expect(seen).toEqual(['open'])
    await connection.close()
  })

  test('close() before it is open', async () => {
    const { connection } = await make(true)
    await connection.close()
  })
})
