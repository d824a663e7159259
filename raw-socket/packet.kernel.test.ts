import { formatMac, parseMac } from '#inet/mac.ts'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, spawnIn, until, type Netns } from '../test/netns.ts'
import type { SystemError } from './errors.ts'
import { arpFilter, neighborDiscoveryFilter } from './filters.ts'
import { interfaceIndex } from './libc.ts'
import { inNetworkNamespace } from './namespace.ts'
import { openPacketSocket, type PacketSocket, type PacketSocketOptions } from './packet.ts'

const ARP = 0x0806
const IPV6 = 0x86dd
const ourMac = '02:00:00:00:00:0a'
const clientMac = '02:00:00:00:00:c7'

let node: Netns
let client: Netns
const open: PacketSocket[] = []

beforeAll(async () => {
  node = await createNetns('packet-node')
  client = await createNetns('packet-client')
  await connect(
    { ns: node, device: 'eth0', mac: ourMac, addresses: ['192.0.2.10/24', '2001:db8::10/64'] },
    { ns: client, device: 'eth0', mac: clientMac, addresses: ['192.0.2.7/24', '2001:db8::7/64'] },
  )
})

afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

afterAll(cleanup)

function socketIn(
  ns: Netns,
  options: Omit<PacketSocketOptions, 'interfaceIndex'>,
  onFrame: (frame: Buffer) => void = () => {},
): PacketSocket {
  const socket = inNetworkNamespace(ns.path, () =>
    openPacketSocket({ interfaceIndex: interfaceIndex('eth0'), ...options }, onFrame),
  )
  open.push(socket)
  return socket
}

const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const mac = (text: string): Buffer => Buffer.from(parseMac(text))
const address = (text: string): Buffer => Buffer.from(addressToBytes(parseAddress(text)))

/** A request of the client for `target`, with `tag` between the MAC addresses and the EtherType. */
function arpRequest(target: string, to = 'ff:ff:ff:ff:ff:ff', tag = ''): Buffer {
  const start = [mac(to), mac(clientMac), octets(tag), octets('0806 0001 0800 06 04 0001'), mac(clientMac)]
  return Buffer.concat([...start, address('192.0.2.7'), Buffer.alloc(6), address(target)])
}

test('answers for an address that the kernel does not have, as any neighbour would', async () => {
  const senders: string[] = []
  const socket = socketIn(node, { etherType: ARP, filter: arpFilter }, (frame) => {
    senders.push(formatMac(frame.subarray(6, 12)))
    if (!frame.subarray(38, 42).equals(address('192.0.2.50')) || frame.readUInt16BE(20) !== 1) return
    const requester = frame.subarray(22, 32)
    const reply = [requester.subarray(0, 6), mac(ourMac), octets('0806 0001 0800 06 04 0002'), mac(ourMac)]
    socket.send(Buffer.concat([...reply, address('192.0.2.50'), requester]))
  })
  spawnIn(client, 'ping', ['-c1', '-W1', '192.0.2.50'], { stdio: 'ignore' })
  await until('a neighbour entry with our MAC', async () => {
    const neighbours = await must(client, 'ip', ['-j', 'neigh', 'show', '192.0.2.50'])
    return (JSON.parse(neighbours) as { lladdr?: string }[]).some(({ lladdr }) => lladdr === ourMac)
  })
  // Our own reply did not come back.
  expect(new Set(senders)).toEqual(new Set([clientMac]))
  const { packets, drops, unsent } = socket.statistics()
  expect(packets).toBeGreaterThanOrEqual(senders.length)
  expect([drops, unsent]).toEqual([0, 0])
})

/** Sends frames from the client and gives those that the node's socket received, up to the closing one. */
async function received(
  options: Omit<PacketSocketOptions, 'interfaceIndex'>,
  frames: readonly Buffer[],
  closing: Buffer,
): Promise<string[]> {
  const seen: string[] = []
  socketIn(node, options, (frame) => seen.push(frame.toString('hex')))
  const sender = socketIn(client, { etherType: options.etherType, filter: neighborDiscoveryFilter })
  for (const frame of [...frames, closing]) sender.send(frame)
  await until('the closing frame', () => seen.includes(closing.toString('hex')))
  return seen.slice(0, -1)
}

test('tagged frames are not for the untagged network, priority-tagged ones are', async () => {
  const seen = await received(
    { etherType: ARP, filter: arpFilter },
    [
      arpRequest('192.0.2.51', undefined, '8100 0014'),
      arpRequest('192.0.2.52', undefined, '8100 e000'),
      arpRequest('192.0.2.53', undefined, '88a8 0014'),
      arpRequest('192.0.2.54', undefined, '8100 0000 8100 0014'),
    ],
    arpRequest('192.0.2.59'),
  )
  expect(seen).toEqual([arpRequest('192.0.2.52').toString('hex')])
})

test('unicast to us arrives, unicast to another does not even on a promiscuous interface', async () => {
  await must(node, 'ip', ['link', 'set', 'eth0', 'promisc', 'on'])
  const toUs = arpRequest('192.0.2.50', ourMac)
  const toOther = arpRequest('192.0.2.50', '02:00:00:00:00:0b')
  const seen = await received(
    { etherType: ARP, filter: arpFilter },
    [toOther, toUs],
    arpRequest('192.0.2.59'),
  )
  await must(node, 'ip', ['link', 'set', 'eth0', 'promisc', 'off'])
  expect(seen).toEqual([toUs.toString('hex')])
})

test('what is not ARP for IPv4 over Ethernet is refused in the kernel', async () => {
  const change = (at: number, hex: string): Buffer => {
    const frame = arpRequest('192.0.2.50')
    frame.write(hex, at, 'hex')
    return frame
  }
  const wrong = [change(14, '0006'), change(16, '86dd'), change(18, '08'), change(20, '0003')]
  const short = arpRequest('192.0.2.50').subarray(0, 41)
  const closing = arpRequest('192.0.2.59')
  expect(await received({ etherType: ARP, filter: arpFilter }, [...wrong, short], closing)).toEqual([])
})

/** A solicitation of the client, without a checksum: the filter does not look at it. */
function solicitation(target: string, hopLimit: string): Buffer {
  const link = octets(`3333ff000050 ${clientMac.replaceAll(':', '')} 86dd`)
  const ip = [octets(`60000000 0020 3a ${hopLimit}`), address('2001:db8::7'), address('ff02::1:ff00:50')]
  const icmp = [octets('87 00 0000 00000000'), address(target), octets('0101'), mac(clientMac)]
  return Buffer.concat([link, ...ip, ...icmp])
}

test('neighbor solicitations that have passed a router are refused in the kernel', async () => {
  const good = solicitation('2001:db8::50', 'ff')
  const seen = await received(
    { etherType: IPV6, filter: neighborDiscoveryFilter },
    [solicitation('2001:db8::50', '40'), solicitation('2001:db8::50', 'fe'), good],
    solicitation('2001:db8::59', 'ff'),
  )
  expect(seen).toEqual([good.toString('hex')])
})

test('an interface that goes down is reported, and works again when it comes up', async () => {
  const errors: SystemError[] = []
  const seen: string[] = []
  const options = { etherType: ARP, filter: arpFilter, onError: (error: SystemError) => errors.push(error) }
  const socket = socketIn(node, options, (frame) => seen.push(frame.toString('hex')))
  await must(node, 'ip', ['link', 'set', 'eth0', 'down'])
  await until('ENETDOWN', () => errors.some(({ syscall }) => syscall === 'recvmmsg'))
  expect(errors[0]).toMatchObject({ code: 'FL_SYS_ERRNO', errnoName: 'ENETDOWN' })
  socket.send(arpRequest('192.0.2.50'))
  expect(errors.at(-1)).toMatchObject({ syscall: 'send', errnoName: 'ENETDOWN' })
  expect(socket.statistics().unsent).toBe(1)

  await must(node, 'ip', ['link', 'set', 'eth0', 'up'])
  const sender = socketIn(client, { etherType: ARP, filter: neighborDiscoveryFilter })
  await until('a frame', () => {
    sender.send(arpRequest('192.0.2.50'))
    return seen.length > 0
  })
})

test('a flood is read in portions between which the event loop turns', async () => {
  let frames = 0
  const portions: number[] = []
  socketIn(node, { etherType: ARP, filter: arpFilter }, () => {
    if (frames === 0) setImmediate(turn)
    frames++
  })
  const turn = (): void => {
    portions.push(frames)
    if (frames < 500) setImmediate(turn)
  }
  const sender = socketIn(client, { etherType: ARP, filter: neighborDiscoveryFilter })
  const frame = arpRequest('192.0.2.50')
  for (let count = 0; count < 500; count++) sender.send(frame)
  await until('all frames', () => portions.at(-1) === 500)
  const sizes = portions.map((total, index) => total - (portions[index - 1] ?? 0))
  expect(Math.max(...sizes)).toBe(64)
})

test('the age of a frame, which the kernel stamps when it receives it', async () => {
  const ages: number[] = []
  const started = performance.now()
  const socket = socketIn(node, { etherType: ARP, filter: arpFilter, timestamps: true }, () =>
    ages.push(socket.frameAge()),
  )
  const unstamped = socketIn(node, { etherType: ARP, filter: arpFilter }, () =>
    ages.push(unstamped.frameAge()),
  )
  const sender = socketIn(client, { etherType: ARP, filter: neighborDiscoveryFilter })
  // More than are read by one call.
  for (let count = 0; count < 40; count++) expect(sender.send(arpRequest('192.0.2.50'))).toBe(true)
  await until('all frames', () => ages.length === 80)
  const passed = 1000 * (performance.now() - started)
  const known = ages.filter((age) => !Number.isNaN(age))
  expect(known).toHaveLength(40)
  for (const age of known) {
    expect(age).toBeGreaterThanOrEqual(0)
    expect(age).toBeLessThan(passed)
  }
})

test('an interface that does not exist', () => {
  expect(() => openPacketSocket({ interfaceIndex: 4711, etherType: ARP }, () => {})).toThrow(
    expect.objectContaining({ code: 'FL_SYS_ERRNO', errnoName: 'ENODEV' }),
  )
})
