import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import { inNetworkNamespace } from '../namespace.ts'
import { openUdpSocket } from '../udp.ts'
import {
  ipProtocols,
  keepEntry,
  openConntrackSocket,
  type ConntrackEntry,
  type ConntrackFilter,
  type ConntrackSocket,
} from './conntrack.ts'

/** A client that sends to a virtual address, which the node translates to that of a server. */
let node: Netns
let client: Netns
let server: Netns
let socket: ConntrackSocket

const RULES = `
  flush ruleset
  table ip t {
    chain zones { type filter hook prerouting priority raw; ip daddr 10.96.0.5 ct zone set 5; ip daddr 10.96.0.6 ct original zone set 6; }
    chain nat { type nat hook prerouting priority dstnat; ip daddr 10.96.0.0/24 udp dport 53 dnat to 10.1.2.2:8080; }
  }
  table ip6 t {
    chain nat { type nat hook prerouting priority dstnat; ip6 daddr fd00:96::/64 udp dport 53 dnat to [fd00:2::2]:8080; }
  }
`

beforeAll(async () => {
  node = await createNetns('ct-node')
  client = await createNetns('ct-client')
  server = await createNetns('ct-server')
  for (const [ns, device, index] of [
    [client, 'client', 1],
    [server, 'server', 2],
  ] as const) {
    await connect(
      { ns: node, device, addresses: [`10.1.${index}.1/24`, `fd00:${index}::1/64`] },
      { ns, device: 'eth0', addresses: [`10.1.${index}.2/24`, `fd00:${index}::2/64`] },
    )
    await must(ns, 'ip', ['route', 'add', 'default', 'via', `10.1.${index}.1`])
    await must(ns, 'ip', ['-6', 'route', 'add', 'default', 'via', `fd00:${index}::1`])
  }
  const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
  await must(node, 'sh', ['-ec', forward])
  await must(node, 'nft', ['-f', '-'], RULES)
})
afterAll(cleanup)

beforeEach(async () => {
  await must(node, 'conntrack', ['-F'])
  socket = inNetworkNamespace(node.path, openConntrackSocket)
})
afterEach(() => socket.close())

async function list(filter: ConntrackFilter): Promise<ConntrackEntry[]> {
  const found: ConntrackEntry[] = []
  await socket.dump(filter, (entry) => found.push(keepEntry(entry)))
  return found
}

/** Sends one datagram from this port of the client; nobody need answer. */
async function send(address: string, sourcePort: number, port = 53): Promise<void> {
  const local = { address: address.includes(':') ? 'fd00:1::2' : '10.1.1.2', port: sourcePort }
  const from = inNetworkNamespace(client.path, () => openUdpSocket({ local }))
  await new Promise<void>((resolve, reject) => {
    from.send('?', port, address, (error) => (error ? reject(error) : resolve()))
  })
  from.close()
}

const udp = (family: 4 | 6): ConntrackFilter => ({ family, protocol: ipProtocols.udp })

async function waitFor(family: 4 | 6, count: number): Promise<ConntrackEntry[]> {
  return until(`${count} entries`, async () => {
    const found = await list(udp(family))
    return found.length >= count && found
  })
}

describe.each([
  { family: 4, vip: '10.96.0.1', source: '10.1.1.2', endpoint: '10.1.2.2' },
  { family: 6, vip: 'fd00:96::1', source: 'fd00:1::2', endpoint: 'fd00:2::2' },
] as const)('IPv$family', ({ family, vip, source, endpoint }) => {
  test('a translated connection is listed with both of its directions', async () => {
    await send(vip, 4000)
    const [entry] = await waitFor(family, 1)
    expect(entry).toMatchObject({
      family,
      protocol: ipProtocols.udp,
      original: { source, destination: vip, sourcePort: 4000, destinationPort: 53, zone: 0 },
      reply: { source: endpoint, destination: source, sourcePort: 8080, destinationPort: 4000 },
      zone: 0,
    })
    const listing = await must(node, 'conntrack', ['-L', '-f', `ipv${family}`, '-o', 'id'])
    expect(listing).toContain(`id=${entry.id}`)
  })

  test('only the family and the protocol that were asked for', async () => {
    await send(vip, 4000)
    await waitFor(family, 1)
    const other = family === 4 ? 6 : 4
    expect(await list(udp(other))).toEqual([])
    expect(await list({ family, protocol: ipProtocols.tcp })).toEqual([])
    expect((await list({ family })).map(({ protocol }) => protocol)).toContain(ipProtocols.udp)
  })

  test('an entry that was deleted is gone, and the others are not', async () => {
    await send(vip, 4000)
    await send(vip, 4001)
    const found = await waitFor(family, 2)
    const first = found.find(({ original }) => original.sourcePort === 4000) as ConntrackEntry
    expect(await socket.delete(first)).toBe(true)
    expect(await socket.delete(first)).toBe(false)
    expect((await list(udp(family))).map(({ original }) => original.sourcePort)).toEqual([4001])
  })

  test('a connection with another id is left alone', async () => {
    await send(vip, 4000)
    const [entry] = await waitFor(family, 1)
    expect(await socket.delete({ ...entry, id: (entry.id + 1) % 2 ** 32 })).toBe(false)
    expect((await list(udp(family))).map(({ id }) => id)).toEqual([entry.id])
  })
})

test('zones are read, and an entry in one is deleted', async () => {
  await send('10.96.0.5', 4000)
  await send('10.96.0.6', 4001)
  const found = await waitFor(4, 2)
  const zones = (entry: ConntrackEntry) => [
    entry.original.destination,
    entry.zone,
    entry.original.zone,
    entry.reply.zone,
  ]
  expect(found.map(zones).sort()).toEqual([
    ['10.96.0.5', 5, 0, 0],
    ['10.96.0.6', 0, 6, 0],
  ])
  for (const entry of found) expect(await socket.delete(entry)).toBe(true)
  expect(await list(udp(4))).toEqual([])
})

test('a long listing comes in pieces, the event loop turns meanwhile, and no entry is missing', async () => {
  const count = 6000
  const folder = await mkdtemp(join(tmpdir(), 'conntrack-'))
  const lines = Array.from({ length: count }, (_, index) => {
    const address = `10.2.${index >> 8}.${index & 255}`
    return `-A -p udp -t 600 -s ${address} -d 10.3.0.1 --sport 5000 --dport 53`
  })
  writeFileSync(join(folder, 'entries'), `${lines.join('\n')}\n`)
  await must(node, 'conntrack', ['-R', join(folder, 'entries')])
  await rm(folder, { recursive: true })
  let turns = 0
  let listening = true
  const turn = (): void => {
    turns++
    if (listening) setImmediate(turn)
  }
  setImmediate(turn)
  const sources = new Set<string>()
  await socket.dump(udp(4), ({ original }) => sources.add(original.source))
  listening = false
  expect(sources.size).toBe(count)
  expect(turns).toBeGreaterThan(1)
})
