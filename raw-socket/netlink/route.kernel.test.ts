import { formatAddress } from '#inet/address.ts'
import { formatMac } from '#inet/mac.ts'
import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanup, connect, createNetns, must, until, type Netns } from '../../test/netns.ts'
import { inNetworkNamespace } from '../namespace.ts'
import { openRouteSocket, type RouteEvent, type RouteSocket } from './route.ts'
import { netlinkProtocols, openNetlink } from './socket.ts'

let ns: Netns
let peer: Netns
let socket: RouteSocket

beforeAll(async () => {
  ns = await createNetns('route')
  peer = await createNetns('route-peer')
  const addresses = ['192.0.2.10/24', '192.0.2.11/24', '2001:db8::10/64']
  await connect(
    { ns, device: 'eth0', mac: '02:00:00:00:00:0a', addresses },
    { ns: peer, device: 'eth0', addresses: ['192.0.2.7/24'] },
  )
  await connect({ ns, device: 'port0' }, { ns: peer, device: 'port0' })
  const more = ['link add br0 type bridge', 'link set br0 up mtu 1400', 'link set port0 master br0']
  const pointToPoint = 'addr add 10.9.9.1 peer 10.9.9.2/32 dev br0'
  await must(ns, 'ip', ['-batch', '-'], [...more, pointToPoint, 'link set lo down'].join('\n'))
  socket = inNetworkNamespace(ns.path, openRouteSocket)
})

afterAll(async () => {
  socket.close()
  await cleanup()
})

let watch: { close(): void } | undefined
afterEach(() => watch?.close())

interface IpLink {
  readonly ifindex: number
  readonly ifname: string
  readonly address: string
  readonly flags: string[]
  readonly master?: string
  readonly mtu: number
  readonly linkinfo?: { readonly info_kind: string }
}

test('links agree with ip', async () => {
  const expected = JSON.parse(await must(ns, 'ip', ['-j', '-d', 'link'])) as IpLink[]
  const links = await socket.listLinks()
  const nameOf = (index: number) => links.find((link) => link.index === index)?.name
  const ours = links.map((link) => ({
    ifindex: link.index,
    ifname: link.name,
    address: formatMac(link.mac),
    flags: {
      UP: link.flags.up,
      LOWER_UP: link.flags.lowerUp,
      LOOPBACK: link.flags.loopback,
      BROADCAST: link.flags.broadcast,
      NOARP: link.flags.noArp,
    },
    master: link.master === 0 ? undefined : nameOf(link.master),
    mtu: link.mtu,
    kind: link.kind,
  }))
  const theirs = expected.map(({ ifindex, ifname, address, flags, master, mtu, linkinfo }) => ({
    ifindex,
    ifname,
    address,
    flags: Object.fromEntries(
      ['UP', 'LOWER_UP', 'LOOPBACK', 'BROADCAST', 'NOARP'].map((flag) => [flag, flags.includes(flag)]),
    ),
    master,
    mtu,
    kind: linkinfo?.info_kind ?? '',
  }))
  expect(ours).toEqual(theirs)
  expect(ours.map(({ ifname }) => ifname).sort()).toEqual(['br0', 'eth0', 'lo', 'port0'])
  expect(theirs.find(({ ifname }) => ifname === 'port0')).toMatchObject({ master: 'br0', kind: 'veth' })
})

interface IpAddresses {
  readonly ifindex: number
  readonly addr_info: {
    readonly family: string
    readonly local: string
    readonly prefixlen: number
    readonly scope: string
    readonly secondary?: boolean
  }[]
}

test('addresses agree with ip', async () => {
  const expected = JSON.parse(await must(ns, 'ip', ['-j', 'addr'])) as IpAddresses[]
  const theirs = expected.flatMap(({ ifindex, addr_info }) =>
    addr_info.map(({ local, prefixlen, scope, secondary = false }) =>
      JSON.stringify({ ifindex, local, prefixlen, scope, secondary }),
    ),
  )
  const ours = (await socket.listAddresses()).map(({ interfaceIndex, address, length, scope, flags }) =>
    JSON.stringify({
      ifindex: interfaceIndex,
      local: formatAddress(address),
      prefixlen: length,
      scope,
      secondary: flags.secondary,
    }),
  )
  expect(ours.sort()).toEqual(theirs.sort())
  expect(ours.some((line) => line.includes('10.9.9.1"'))).toBe(true)
  expect(ours.some((line) => line.includes('"link"'))).toBe(true)
})

/** Does something and waits for the event that it should bring. */
async function eventAfter(command: string, wanted: (event: RouteEvent) => boolean): Promise<void> {
  const events: RouteEvent[] = []
  watch = socket.watch((event) => events.push(event))
  await must(ns, 'ip', command.split(' '))
  await until(`the event of: ip ${command}`, () => events.some(wanted))
}

const addressEvent = (text: string, removed: boolean) => (event: RouteEvent) =>
  event.kind === 'address' && formatAddress(event.address.address) === text && event.removed === removed
const linkEvent = (name: string, up: boolean, removed: boolean) => (event: RouteEvent) =>
  event.kind === 'link' && event.link.name === name && event.link.flags.up === up && event.removed === removed

test.each<[string, (event: RouteEvent) => boolean]>([
  ['addr add 192.0.2.12/24 dev eth0', addressEvent('192.0.2.12', false)],
  ['addr del 192.0.2.12/24 dev eth0', addressEvent('192.0.2.12', true)],
  ['addr add 2001:db8::12/64 dev eth0', addressEvent('2001:db8::12', false)],
  ['addr del 2001:db8::12/64 dev eth0', addressEvent('2001:db8::12', true)],
  ['link set eth0 down', linkEvent('eth0', false, false)],
  ['link set eth0 up', linkEvent('eth0', true, false)],
  ['link add gone type bridge', linkEvent('gone', false, false)],
  ['link del gone', linkEvent('gone', false, true)],
])('sees: ip %s', eventAfter)

test('a port that leaves its bridge is changed, not removed', async () => {
  const events: RouteEvent[] = []
  watch = socket.watch((event) => events.push(event))
  await must(ns, 'ip', ['link', 'set', 'port0', 'nomaster'])
  const ofPort = () =>
    events.filter((event) => event.kind === 'link' && event.link.name === 'port0' && event.link.master === 0)
  await until('port0 without a master', () => ofPort().length > 0)
  expect(events.filter((event) => event.kind !== 'resync' && event.removed)).toEqual([])
})

test('a closed watch is silent, another goes on', async () => {
  const silent: RouteEvent[] = []
  socket.watch((event) => silent.push(event)).close()
  await eventAfter('addr add 192.0.2.13/24 dev eth0', addressEvent('192.0.2.13', false))
  expect(silent).toEqual([])
})

test('events that were lost are told, and later ones arrive', async () => {
  let overruns = 0
  let messages = 0
  const events = inNetworkNamespace(ns.path, () =>
    openNetlink(netlinkProtocols.route, {
      groups: [5],
      receiveBuffer: 0,
      onMessage: () => messages++,
      onOverrun: () => overruns++,
    }),
  )
  const lines = Array.from({ length: 2000 }, (_, i) => `addr add 10.${i >> 8}.${i & 255}.1/32 dev eth0\n`)
  // Synchronous, so that nothing is read meanwhile.
  execFileSync('nsenter', [`--net=${ns.path}`, 'ip', '-batch', '-'], { input: lines.join('') })
  await until('an overrun', () => overruns > 0)
  const before = messages
  await must(ns, 'ip', ['addr', 'del', '10.0.0.1/32', 'dev', 'eth0'])
  await until('an event after the overrun', () => messages > before)
  events.close()
})

test('listings that wait for one another each get their own answers', async () => {
  const [links, addresses, again] = await Promise.all([
    socket.listLinks(),
    socket.listAddresses(),
    socket.listLinks(),
  ])
  expect(again).toEqual(links)
  // More than one datagram: the addresses of the test before.
  expect(addresses.length).toBeGreaterThan(1900)
})

test('a closed socket refuses', async () => {
  const other = inNetworkNamespace(ns.path, openRouteSocket)
  const pending = other.listLinks()
  other.close()
  await expect(other.listLinks()).rejects.toMatchObject({ code: 'FL_SYS_CLOSED' })
  // Whether the first was answered in time is the kernel's affair; it must end.
  await pending.catch((error: unknown) => expect(error).toMatchObject({ code: 'FL_SYS_CLOSED' }))
})
