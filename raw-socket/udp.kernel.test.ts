import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, until, type Netns } from '../test/netns.ts'
import { inNetworkNamespace } from './namespace.ts'
import { udpSourceFilter } from './filters.ts'
import { openFilteredUdpSocket, openUdpSocket, type UdpOptions } from './udp.ts'

let a: Netns
let b: Netns

beforeAll(async () => {
  a = await createNetns('udp-a')
  b = await createNetns('udp-b')
  await connect(
    { ns: a, device: 'eth0', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
    { ns: b, device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64'] },
  )
})
afterAll(cleanup)

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

function open(ns: Netns, options: UdpOptions): Socket {
  const socket = inNetworkNamespace(ns.path, () => openUdpSocket(options))
  sockets.push(socket)
  return socket
}

test.each([
  ['192.0.2.1', '192.0.2.2'],
  ['2001:db8::1', '2001:db8::2'],
])('from %s to %s only TTL 255 passes', async (from, to) => {
  const port = 3784
  const receiver = open(b, { local: { address: to, port }, device: 'eth0', minimumTtl: 255 })
  const received: string[] = []
  receiver.on('message', (message) => received.push(message.toString()))
  const sender = (ttl: number | undefined) =>
    open(a, { local: { address: from, port: 0 }, device: 'eth0', ttl })
  for (const ttl of [undefined, 255, 64, 254, 1, 255]) {
    const socket = sender(ttl)
    await new Promise((resolve) => socket.send(`ttl ${ttl}`, port, to, resolve))
  }
  await until('both of TTL 255', () => received.length >= 2)
  expect(received).toEqual(['ttl 255', 'ttl 255'])
})

test('the source port is the one asked for, and one in use is refused', async () => {
  const local = { address: '192.0.2.1', port: 49_152 }
  const receiver = open(b, { local: { address: '0.0.0.0', port: 4784 } })
  const sender = open(a, { local, ttl: 255 })
  const arrival = once(receiver, 'message')
  sender.send('x', 4784, '192.0.2.2')
  const [, remote] = await arrival
  expect(remote).toMatchObject(local)
  expect(() => open(a, { local })).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'EADDRINUSE' }),
  )
})

test('a filter by sources can be replaced, and what it keeps away is counted', async () => {
  const filterFor = (minimumTtl: number) => udpSourceFilter([{ address: '192.0.2.1', minimumTtl }])
  const filtered = inNetworkNamespace(b.path, () =>
    openFilteredUdpSocket({ local: { address: '192.0.2.2', port: 4784 }, filter: filterFor(250) }),
  )
  sockets.push(filtered.socket)
  const received: string[] = []
  filtered.socket.on('message', (message) => received.push(message.toString()))
  const local = { address: '192.0.2.1', port: 0 }
  const [near, far] = [250, 249].map((ttl) => open(a, { local, ttl }))
  const send = (socket: Socket, text: string) =>
    new Promise((resolve) => socket.send(text, 4784, '192.0.2.2', resolve))
  await send(far, 'refused')
  await send(near, 'first')
  await until('the first', () => received.length === 1)
  expect(filtered.drops()).toBe(1)
  filtered.setFilter(filterFor(1))
  await send(far, 'second')
  await until('the second', () => received.length === 2)
  expect(received).toEqual(['first', 'second'])
})
