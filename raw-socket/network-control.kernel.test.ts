import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, until, type Netns } from '../test/netns.ts'
import { interfaceIndex } from './libc.ts'
import { inNetworkNamespace } from './namespace.ts'
import { openPacketSocket, type PacketSocket } from './packet.ts'
import { connectTcp, listenTcp } from './tcp.ts'
import { openUdpSocket } from './udp.ts'

const nodeMac = '02:00:00:00:00:0a'
const clientMac = '02:00:00:00:00:c7'
const ends = { 4: ['192.0.2.10', '192.0.2.7'], 6: ['2001:db8::10', '2001:db8::7'] } as const
/** ETH_P_ALL */
const everything = 3

let node: Netns
let client: Netns
let tap: PacketSocket
/** what the client has received */
const frames: Buffer[] = []

beforeAll(async () => {
  node = await createNetns('control-node')
  client = await createNetns('control-client')
  await connect(
    { ns: node, device: 'eth0', mac: nodeMac, addresses: [`${ends[4][0]}/24`, `${ends[6][0]}/64`] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: [`${ends[4][1]}/24`, `${ends[6][1]}/64`] },
  )
  for (const [from, to, mac] of [
    [node, 1, clientMac],
    [client, 0, nodeMac],
  ] as const) {
    for (const family of [4, 6] as const) {
      await must(from, 'ip', ['neigh', 'replace', ends[family][to], 'lladdr', mac, 'dev', 'eth0'])
    }
  }
  tap = openIn(client, everything, (frame) => frames.push(Buffer.from(frame)))
})

afterAll(async () => {
  tap?.close()
  await cleanup()
})

const openIn = (ns: Netns, etherType: number, onFrame: (frame: Buffer) => void = () => {}): PacketSocket =>
  inNetworkNamespace(ns.path, () =>
    openPacketSocket({ interfaceIndex: interfaceIndex('eth0'), etherType }, onFrame),
  )

const typeOf = (frame: Buffer): number => frame.readUInt16BE(12)
/** The octet behind the version, in IPv6 across octets. */
const classOf = (frame: Buffer): number =>
  typeOf(frame) === 0x0800 ? frame[15] : (frame.readUInt16BE(14) >>> 4) & 0xff

test('on a saturated link it goes before bulk, and routers see that they should do the same', async () => {
  // A queue with bands, emptied so slowly that everything waits in it.
  const slow = ['root', 'handle', '1:', 'tbf', 'rate', '250kbit', 'burst', '3000', 'limit', '200000']
  await must(node, 'tc', ['qdisc', 'add', 'dev', 'eth0', ...slow])
  await must(node, 'tc', ['qdisc', 'add', 'dev', 'eth0', 'parent', '1:1', 'pfifo_fast'])
  const udp = (family: 4 | 6, networkControl: boolean) =>
    inNetworkNamespace(node.path, () =>
      openUdpSocket({ local: { address: ends[family][0], port: 0 }, networkControl }),
    )
  const [bulk, heartbeat4, heartbeat6] = [udp(4, false), udp(4, true), udp(6, true)]
  const answers = openIn(node, 0x88b5)
  try {
    const packets = 25
    const sent = Array.from(
      { length: packets },
      () => new Promise((resolve) => bulk.send(Buffer.alloc(1400), 9, ends[4][1], resolve)),
    )
    await Promise.all(sent)
    await new Promise((resolve) => heartbeat4.send('heartbeat', 9, ends[4][1], resolve))
    await new Promise((resolve) => heartbeat6.send('heartbeat', 9, ends[6][1], resolve))
    answers.send(Buffer.from(`${clientMac}${nodeMac}88b5`.replaceAll(':', '').padEnd(120, '0'), 'hex'))

    const bulky = (frame: Buffer): boolean => frame.length > 1400
    await until('all of the bulk', () => frames.filter(bulky).length === packets, 30_000)
    const last = frames.findLastIndex(bulky)
    const answer = frames.findIndex((frame) => typeOf(frame) === 0x88b5)
    const heartbeats = frames.filter((frame) => frame.includes('heartbeat'))
    expect(heartbeats.map(classOf)).toEqual([0xc0, 0xc0])
    for (const index of [answer, ...heartbeats.map((frame) => frames.indexOf(frame))]) {
      expect(index).toBeGreaterThanOrEqual(0)
      expect(index).toBeLessThan(last)
    }
    expect(classOf(frames[last])).toBe(0)
  } finally {
    for (const socket of [bulk, heartbeat4, heartbeat6, answers]) socket.close()
    await must(node, 'tc', ['qdisc', 'del', 'dev', 'eth0', 'root'])
  }
}, 60_000)

test.each([4, 6] as const)('a TCP connection over IPv%d', async (family) => {
  const [local, remote] = ends[family]
  const server = inNetworkNamespace(client.path, () =>
    listenTcp({ family, local: { address: remote } }, (socket) => socket.on('error', () => {})),
  )
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  frames.length = 0
  const options = {
    family,
    local: { address: local },
    networkControl: true,
    remote: { address: remote, port },
  }
  const socket = inNetworkNamespace(node.path, () => connectTcp(options))
  try {
    await once(socket, 'connect')
    socket.write('keepalive')
    const frame = await until('the octets', () => frames.find((one) => one.includes('keepalive')))
    expect(classOf(frame)).toBe(0xc0)
  } finally {
    socket.destroy()
    server.close()
  }
})
