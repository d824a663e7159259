import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, until, type Netns } from '../test/netns.ts'
import { inNetworkNamespace } from './namespace.ts'
import {
  connectTcp,
  listenTcp,
  openTcpListener,
  openTcpSocket,
  setMd5Key,
  tuneConnection,
  type TcpOptions,
} from './tcp.ts'

let a: Netns
let b: Netns
const ends = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] } as const

beforeAll(async () => {
  a = await createNetns('tcp-a')
  b = await createNetns('tcp-b')
  await connect(
    {
      ns: a,
      device: 'eth0',
      addresses: ['192.0.2.1/24', '192.0.2.9/24', '2001:db8::1/64', '2001:db8::9/64', 'fe80::a/64'],
    },
    { ns: b, device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64', 'fe80::b/64'] },
  )
})

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})
afterAll(cleanup)

/** Listens in b; gives the port, and whoever connects is noted by address and greeted. */
async function listen(options: TcpOptions): Promise<{ port: number; peers: string[]; server: Server }> {
  const peers: string[] = []
  const server = inNetworkNamespace(b.path, () =>
    listenTcp(options, (socket) => {
      peers.push(socket.remoteAddress ?? '')
      sockets.push(socket)
      socket.on('error', () => {})
      socket.write('hello')
    }),
  )
  servers.push(server)
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, peers, server }
}

function dial(options: TcpOptions, port: number): Socket {
  const remote = { address: ends[options.family][1], port }
  const socket = inNetworkNamespace(a.path, () => connectTcp({ ...options, remote }))
  sockets.push(socket)
  return socket
}

/** Connects from a to b and gives what the listener says. */
async function greeting(options: TcpOptions, port: number): Promise<string> {
  const [chunk] = await once(dial(options, port), 'data')
  return String(chunk)
}

/** Connects from a to b until b's kernel counts a refused segment; true when there is still no connection. */
async function refused(options: TcpOptions, port: number, counter: string): Promise<boolean> {
  const before = await count(counter)
  const socket = dial(options, port)
  await until(`${counter} to grow`, async () => (await count(counter)) > before)
  const { connecting } = socket
  // Its repeated attempts must not count for the next.
  socket.destroy()
  return connecting
}

async function count(counter: string): Promise<number> {
  const { kernel } = JSON.parse(await must(b, 'nstat', ['-aszj', `TcpExt${counter}`])) as {
    kernel: Record<string, number>
  }
  return kernel[`TcpExt${counter}`]
}

describe.each([4, 6] as const)('IPv%d', (family) => {
  const [own, other] = ends[family]

  test('MD5: right key, wrong key, no key', async () => {
    const bare = { family, local: { address: own } }
    const md5 = (password: string) => ({ ...bare, md5: [{ address: other, password }] })
    const { port, peers } = await listen({ family, md5: [{ address: own, password: 's3cret' }] })
    expect(await greeting(md5('s3cret'), port)).toBe('hello')
    expect(await refused(md5('wrong'), port, 'TCPMD5Failure')).toBe(true)
    expect(await refused(bare, port, 'TCPMD5NotFound')).toBe(true)
    expect(peers).toEqual([own])
  })

  test('MD5: keys are added, replaced and removed while listening', async () => {
    const { port, server } = await listen({ family })
    const bare = { family, local: { address: own } }
    const md5 = (password: string) => ({ ...bare, md5: [{ address: other, password }] })
    setMd5Key(server, own, 'one')
    expect(await greeting(md5('one'), port)).toBe('hello')
    setMd5Key(server, own, 'two')
    expect(await refused(md5('one'), port, 'TCPMD5Failure')).toBe(true)
    expect(await greeting(md5('two'), port)).toBe('hello')
    setMd5Key(server, own, '')
    expect(await greeting(bare, port)).toBe('hello')
    expect(() => setMd5Key(server, own, '')).toThrow(expect.objectContaining({ errnoName: 'ENOENT' }))
  })

  test('minimum TTL 255 takes TTL 255 and not 64', async () => {
    const { port, peers } = await listen({ family, ttl: 255, minTtl: 255 })
    expect(await greeting({ family, ttl: 255, minTtl: 255 }, port)).toBe('hello')
    expect(await refused({ family }, port, 'TCPMinTTLDrop')).toBe(true)
    expect(peers).toHaveLength(1)
  })

  test('the source address is the one asked for', async () => {
    const second = family === 4 ? '192.0.2.9' : '2001:db8::9'
    const { port, peers } = await listen({ family })
    expect(await greeting({ family, local: { address: second } }, port)).toBe('hello')
    expect(peers).toEqual([second])
  })

  test('the device is the one asked for', async () => {
    const { port } = await listen({ family, device: 'eth0' })
    expect(await greeting({ family, device: 'eth0' }, port)).toBe('hello')
    expect(await must(b, 'ss', ['-ltn'])).toContain('%eth0:')
    const onLoopback = await listen({ family, device: 'lo' })
    const socket = inNetworkNamespace(a.path, () =>
      connectTcp({ family, remote: { address: other, port: onLoopback.port } }),
    )
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})

test('an accepted connection gets a least TTL of its own', async () => {
  const { port } = await listen({ family: 4, ttl: 255 })
  const far = dial({ family: 4 }, port)
  await once(far, 'data')
  const accepted = sockets.at(-1) as Socket
  tuneConnection(accepted, { family: 4, ttl: 255, minTtl: 255, userTimeout: 5000 })
  const before = await count('TCPMinTTLDrop')
  far.write('from afar')
  await until('the segment is dropped', async () => (await count('TCPMinTTLDrop')) > before)
  accepted.destroy()
  expect(() => tuneConnection(accepted, { family: 4 })).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ARGUMENT' }),
  )
})

test('link-local addresses, with their zone', async () => {
  // Node cannot name the zone of another namespace's interface, so neither address is asked for.
  const fd = inNetworkNamespace(b.path, () =>
    openTcpListener({ family: 6, local: { address: 'fe80::b%eth0', port: 1791 }, ttl: 255, minTtl: 255 }),
  )
  servers.push(createServer((socket) => socket.end('hello')).listen({ fd }))
  const socket = inNetworkNamespace(a.path, () => {
    const remote = { address: 'fe80::b%eth0', port: 1791 }
    return connectTcp({ family: 6, local: { address: 'fe80::a%eth0' }, ttl: 255, remote })
  })
  sockets.push(socket)
  const [chunk] = await once(socket, 'data')
  expect(String(chunk)).toBe('hello')
})

test('a device that does not exist', () => {
  expect(() => openTcpSocket({ family: 4, device: 'nosuch' })).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'ENODEV' }),
  )
})

test('a port in use', () => {
  inNetworkNamespace(a.path, () => {
    const fd = openTcpListener({ family: 4, local: { address: '192.0.2.1', port: 1790 } })
    expect(() => openTcpListener({ family: 4, local: { address: '192.0.2.1', port: 1790 } })).toThrow(
      expect.objectContaining({ errnoName: 'EADDRINUSE' }),
    )
    servers.push(createServer().listen({ fd }))
  })
})
