import type { Socket } from 'node:net'
import { release } from 'node:os'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { openPacketSocket } from '#raw-socket/packet.ts'
import { connectTcp, listenTcp } from '#raw-socket/tcp.ts'
import { cleanup, connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import type { NodeContext } from './config.ts'
import { service, slice, testConfig } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'
import { KernelDataplane } from './nft/kernel-dataplane.ts'

/**
 * What happens to a connection through a Service when its endpoint sends a segment that is not in the window. When
 * conntrack calls it INVALID it is not translated back: it arrives from an address that the receiver has no connection
 * with, which answers with a reset, and this reset is for the endpoint the very next octet. The endpoint drops the
 * connection and resets the client in turn (Kubernetes issues 74839, 74840, 117924).
 *
 * A segment that is late (retransmitted although it was acknowledged long ago) is translated since Linux 6.1, one
 * that is ahead of the window with nf_conntrack_tcp_be_liberal=1 only. The tests forge both, from the endpoint's own
 * address, and look whether the connection lives.
 */

const context: NodeContext = {
  name: 'node-1',
  internalIPs: ['192.168.0.1', 'fd00:2::1'],
  labels: {},
  localAddresses: ['192.168.0.1', 'fd00:2::1'],
  podCIDRs: [],
  serviceCIDRs: [],
}
const addresses = {
  4: { clusterIP: '10.96.0.1', vip: '203.0.113.1', endpoint: '10.1.1.2' },
  6: { clusterIP: 'fd00:96::1', vip: 'fd00:203::1', endpoint: 'fd00:1::2' },
}
const etherTypes = { 4: 0x0800, 6: 0x86dd }

let node: Netns
let client: Netns
let pod: Netns
let podInterface: number
let forwarder: Forwarder

beforeAll(async () => {
  node = await createNetns('inv-node')
  client = await createNetns('inv-client')
  pod = await createNetns('inv-pod')
  for (const [ns, device, v4, v6, host] of [
    [client, 'lan', '192.168.0', 'fd00:2', 9],
    [pod, 'pod', '10.1.1', 'fd00:1', 2],
  ] as const) {
    await connect(
      { ns: node, device, addresses: [`${v4}.1/24`, `${v6}::1/64`] },
      { ns, device: 'eth0', addresses: [`${v4}.${host}/24`, `${v6}::${host}/64`] },
    )
    await must(ns, 'ip', ['route', 'add', 'default', 'via', `${v4}.1`])
    await must(ns, 'ip', ['-6', 'route', 'add', 'default', 'via', `${v6}::1`])
  }
  const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
  await must(node, 'sh', ['-ec', forward])
  podInterface = Number.parseInt(await must(pod, 'ip', ['-o', 'link', 'show', 'eth0']), 10)
  forwarder = new Forwarder({
    dataplane: new KernelDataplane({
      socket: inNetworkNamespace(node.path, openNetfilterSocket),
      nft: async (script) => void (await must(node, 'nft', ['-f', '-'], script)),
    }),
    clock: systemClock,
    config: { ...testConfig, detector: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.1.0.0/16')] } },
    log: silentLogger,
  })
  forwarder.start()
  forwarder.setNode(context)
  forwarder.allListed()
})
afterAll(async () => {
  await forwarder.stop()
  await cleanup()
})

const ETHERNET = 14
const TCP = 6
const ACK = 0x10
const PSH = 0x08

/** Where TCP begins in a frame, and where its payload ends. */
function layout(frame: Buffer): { readonly tcp: number; readonly end: number } {
  if (frame[ETHERNET] >> 4 === 6) {
    const tcp = ETHERNET + 40
    return { tcp, end: tcp + frame.readUInt16BE(ETHERNET + 4) }
  }
  return { tcp: ETHERNET + (frame[ETHERNET] & 15) * 4, end: ETHERNET + frame.readUInt16BE(ETHERNET + 2) }
}

interface Segment {
  readonly seq: number
  readonly ack: number
  /** octets of payload */
  readonly length: number
}

function segmentOf(frame: Buffer): Segment {
  const { tcp, end } = layout(frame)
  const length = end - tcp - (frame[tcp + 12] >> 4) * 4
  return { seq: frame.readUInt32BE(tcp + 4), ack: frame.readUInt32BE(tcp + 8), length }
}

/** RFC 1071, in 16 bits. */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0
  for (const part of parts)
    for (const [index, octet] of part.entries()) sum += index % 2 === 0 ? octet << 8 : octet
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/**
 * An answer to a frame that the endpoint received: addresses and ports turned round, what arrived acknowledged, and
 * a payload `offset` octets away from where the endpoint's next one would be.
 */
function forge(received: Buffer, offset: number, payload: Buffer): Buffer {
  const { tcp: from } = layout(received)
  const { seq, ack, length } = segmentOf(received)
  const v6 = received[ETHERNET] >> 4 === 6
  const size = v6 ? 16 : 4
  const sources = ETHERNET + (v6 ? 8 : 12)
  const source = received.subarray(sources + size, sources + 2 * size)
  const destination = received.subarray(sources, sources + size)

  const segment = Buffer.alloc(20 + payload.length)
  received.copy(segment, 0, from + 2, from + 4)
  received.copy(segment, 2, from, from + 2)
  segment.writeUInt32BE((ack + offset) >>> 0, 4)
  segment.writeUInt32BE((seq + length) >>> 0, 8)
  segment[12] = 5 << 4
  segment[13] = ACK | PSH
  segment.writeUInt16BE(500, 14)
  payload.copy(segment, 20)
  const pseudo = Buffer.from([0, TCP, segment.length >> 8, segment.length & 0xff])
  segment.writeUInt16BE(checksum(source, destination, pseudo, segment), 16)

  const head = Buffer.alloc(v6 ? 40 : 20)
  if (v6) {
    head[0] = 0x60
    head.writeUInt16BE(segment.length, 4)
    head[6] = TCP
    head[7] = 64
  } else {
    head[0] = 0x45
    head.writeUInt16BE(head.length + segment.length, 2)
    head[8] = 64
    head[9] = TCP
  }
  source.copy(head, head.length - 2 * size)
  destination.copy(head, head.length - size)
  if (!v6) head.writeUInt16BE(checksum(head), 10)
  return Buffer.concat([
    received.subarray(6, 12),
    received.subarray(0, 6),
    received.subarray(12, 14),
    head,
    segment,
  ])
}

type Family = 4 | 6

/** A connection of the client to the Service, whose endpoint sends back what it gets. */
async function connected(family: Family): Promise<{
  /** `said`, or why the connection ended */
  echo(text: string): Promise<string>
  /** sends a segment as the endpoint, and waits until the client's side answered it */
  inject(offset: number): Promise<void>
}> {
  const { vip, endpoint } = addresses[family]
  const frames: Buffer[] = []
  const tap = inNetworkNamespace(pod.path, () =>
    openPacketSocket({ interfaceIndex: podInterface, etherType: etherTypes[family] }, (frame) => {
      if (Buffer.compare(destinationOf(frame), addressToBytes(parseAddress(endpoint))) !== 0) return
      if (frame[ETHERNET] >> 4 === 4 ? frame[ETHERNET + 9] === TCP : frame[ETHERNET + 6] === TCP) {
        frames.push(Buffer.from(frame))
      }
    }),
  )
  const accepted: Socket[] = []
  const server = inNetworkNamespace(pod.path, () =>
    listenTcp({ family, local: { address: endpoint, port: 8080 } }, (socket) => {
      accepted.push(socket.on('error', () => {}))
      socket.pipe(socket)
    }),
  )
  const socket = inNetworkNamespace(client.path, () =>
    connectTcp({ family, remote: { address: vip, port: 80 } }),
  )
  onTestFinished(async () => {
    tap.close()
    for (const one of [socket, ...accepted]) one.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  let outcome = ''
  socket.on('data', (said) => (outcome += String(said)))
  socket.on('error', ({ message }) => (outcome = message))
  const echo = async (text: string): Promise<string> => {
    outcome = ''
    socket.write(text)
    return until('an answer', () => outcome.length >= text.length && outcome)
  }
  expect(await echo('hello')).toBe('hello')
  // Then nothing but the answer to the forged segment is on its way.
  await until('the client acknowledged', () => {
    const segments = frames.map(segmentOf)
    const hello = segments.find(({ length }) => length > 0)
    return hello && segments.some(({ ack }) => ack === (hello.ack + 'hello'.length) >>> 0)
  })
  return {
    echo,
    inject: async (offset) => {
      const before = frames.length
      tap.send(forge(frames[before - 1], offset, Buffer.from('boom!!!')))
      await until('an answer to the forged segment', () => frames.length > before)
    },
  }
}

function destinationOf(frame: Buffer): Buffer {
  const at = ETHERNET + (frame[ETHERNET] >> 4 === 6 ? 24 : 16)
  return frame.subarray(at, at + (frame[ETHERNET] >> 4 === 6 ? 16 : 4))
}

async function beLiberal(value: 0 | 1): Promise<void> {
  await must(node, 'sh', ['-ec', `echo ${value} > /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal`])
}

const [major, minor] = release().split('.').map(Number)
const translatesLate = major > 6 || (major === 6 && minor >= 1)

/** Octets from where the endpoint's next would be. */
const segments = [
  // What the endpoint of Kubernetes' own e2e test sends.
  { kind: 'late', offset: -100_000 },
  { kind: 'very late', offset: -1_000_000 },
  { kind: 'ahead of the window', offset: 50_000_000 },
] as const

const policies = [
  { policy: 'Local', says: 'the endpoint sees the client' },
  { policy: 'Cluster', says: 'the endpoint sees the node' },
] as const

describe.each([4, 6] as const)('IPv%i', (family) => {
  describe.each(policies)('$says', ({ policy }) => {
    const prepare = async (liberal: 0 | 1) => {
      const { clusterIP, vip, endpoint } = addresses[family]
      await beLiberal(liberal)
      const made = service('s', {
        clusterIPs: [clusterIP],
        ports: [{ port: 80 }],
        ingress: [{ ip: vip }],
        external: policy,
      })
      forwarder.setService('ns/s', made, [
        slice('s', [{ address: endpoint, node: 'node-1' }], [{ port: 8080 }]),
      ])
      await forwarder.sync()
      return connected(family)
    }

    test.each(segments)('be_liberal 1: a segment $kind harms nobody', async ({ offset }) => {
      const { inject, echo } = await prepare(1)
      await inject(offset)
      expect(await echo('again')).toBe('again')
    })

    test.each(segments.filter(({ offset }) => offset < 0))(
      `be_liberal 0: a segment $kind ${translatesLate ? 'harms nobody since Linux 6.1' : 'resets the client before Linux 6.1'}`,
      async ({ offset }) => {
        const { inject, echo } = await prepare(0)
        await inject(offset)
        expect(await echo('again')).toBe(translatesLate ? 'again' : 'read ECONNRESET')
      },
    )

    test('be_liberal 0: a segment ahead of the window resets the client', async () => {
      const { inject, echo } = await prepare(0)
      await inject(50_000_000)
      expect(await echo('again')).toBe('read ECONNRESET')
    })
  })
})
