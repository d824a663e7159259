import type { Socket } from 'node:dgram'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import {
  ipProtocols,
  keepEntry,
  openConntrackSocket,
  type ConntrackEntry,
} from '#raw-socket/netlink/conntrack.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { openUdpSocket } from '#raw-socket/udp.ts'
import { cleanup, connect, createNetns, must, run, spawnIn, until, type Netns } from '../../../test/netns.ts'
import type { ForwardingConfig, NodeContext } from '../config.ts'
import { service, slice, testConfig } from '../fixtures.ts'
import type { Follower } from '../follower.ts'
import { Forwarder } from '../forwarder.ts'
import { KernelDataplane } from '../nft/kernel-dataplane.ts'
import { ConntrackCleaner } from './cleaner.ts'
import { KernelConntrackTable } from './kernel-table.ts'

/**
 * UDP clients that go on sending from one port while the Service behind it changes: a pod and the node itself to the
 * ClusterIP, a client of the node's network to NodePort and load balancer address, all at once, in both families.
 */

const config: ForwardingConfig = {
  ...testConfig,
  detector: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.1.0.0/16'), parsePrefix('fd00:1::/32')] },
}
const context: NodeContext = {
  name: 'node-1',
  internalIPs: ['192.168.0.1', 'fd00:2::1'],
  labels: {},
  localAddresses: ['192.168.0.1', 'fd00:2::1'],
  podCIDRs: [],
  serviceCIDRs: [],
}

const endpoints = {
  4: { a: '10.1.1.2', b: '10.1.2.2' },
  6: { a: 'fd00:1:1::2', b: 'fd00:1:2::2' },
}
const places = {
  4: {
    vip: '10.96.0.1',
    balanced: '203.0.113.1',
    node: '192.168.0.1',
    pod: '10.1.3.2',
    client: '192.168.0.9',
  },
  6: {
    vip: 'fd00:96::1',
    balanced: 'fd00:203::1',
    node: 'fd00:2::1',
    pod: 'fd00:1:3::2',
    client: 'fd00:2::9',
  },
}
const NODE_PORT = 30_080

let node: Netns
let client: Netns
let pod: Netns
let forwarder: Forwarder

async function attach(ns: Netns, device: string, v4: string, v6: string): Promise<void> {
  await connect(
    { ns: node, device, addresses: [`${v4}.1/24`, `${v6}::1/64`] },
    {
      ns,
      device: 'eth0',
      addresses: [`${v4}.${device === 'lan' ? 9 : 2}/24`, `${v6}::${device === 'lan' ? 9 : 2}/64`],
    },
  )
  await must(ns, 'ip', ['route', 'add', 'default', 'via', `${v4}.1`])
  await must(ns, 'ip', ['-6', 'route', 'add', 'default', 'via', `${v6}::1`])
}

beforeAll(async () => {
  node = await createNetns('udp-node')
  client = await createNetns('udp-client')
  await attach(client, 'lan', '192.168.0', 'fd00:2')
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    const ns = await createNetns(`udp-pod-${name}`)
    await attach(ns, `pod-${name}`, `10.1.${index + 1}`, `fd00:1:${index + 1}`)
    if (name === 'c') {
      pod = ns
      continue
    }
    const program = new URL('../traffic-agent.ts', import.meta.url).pathname
    const agent = spawnIn(ns, process.execPath, [program, name], { stdio: ['pipe', 'pipe', 'inherit'] })
    await new Promise((resolve) => agent.stdout?.once('data', resolve))
  }
  await must(node, 'ip', ['route', 'add', 'default', 'via', '192.168.0.254'])
  await must(node, 'ip', ['-6', 'route', 'add', 'default', 'via', 'fd00:2::fe'])
  const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
  await must(node, 'sh', ['-ec', forward])
})
afterAll(cleanup)

function cleaner(): ConntrackCleaner {
  const made = new ConntrackCleaner({
    table: new KernelConntrackTable(inNetworkNamespace(node.path, openConntrackSocket)),
    clock: systemClock,
    log: silentLogger,
  })
  made.setLocalAddresses(context.localAddresses)
  return made
}

const open = (followers: readonly Follower[] = [cleaner()]): Forwarder =>
  new Forwarder({
    dataplane: new KernelDataplane({
      socket: inNetworkNamespace(node.path, openNetfilterSocket),
      nft: async (script) => void (await must(node, 'nft', ['-f', '-'], script)),
    }),
    clock: systemClock,
    config,
    log: silentLogger,
    followers,
  })

async function begin(one: Forwarder): Promise<void> {
  forwarder = one
  one.start()
  one.setNode(context)
  one.allListed()
  await one.sync()
  expect(one.view().lastError).toBeUndefined()
}

beforeEach(async () => {
  await must(node, 'nft', ['flush', 'ruleset'])
  await run(node, 'conntrack', ['-F'])
  await begin(open())
  return () => forwarder.stop()
})

type Family = 4 | 6
type State = 'ready' | 'unready' | 'serving' | 'gone'

const ports = [{ name: 'udp', protocol: 'UDP' as const, port: 80, nodePort: NODE_PORT }]
const target = [{ name: 'udp', protocol: 'UDP' as const, port: 8080 }]

async function set(family: Family, states: Partial<Record<'a' | 'b', State>> | undefined): Promise<void> {
  const { vip, balanced } = places[family]
  const made = service('s', { clusterIPs: [vip], ports, ingress: [{ ip: balanced }] })
  const listed = Object.entries(states ?? {}).map(([name, state]) => ({
    address: endpoints[family][name as 'a' | 'b'],
    node: 'node-1',
    state,
  }))
  forwarder.setService('ns/s', states && made, [slice('s', listed, target)])
  await forwarder.sync()
  expect(forwarder.view().lastError).toBeUndefined()
}

const EVERY_MS = 10
let nextPort = 20_000

/** Sends from one port to one address and port until the test ends. */
class Sender {
  readonly name: string
  readonly port = nextPort++
  /** the names that answered, the latest last */
  readonly answers: string[] = []
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout

  constructor(name: string, from: { ns: Netns; address: string }, to: { address: string; port: number }) {
    this.name = name
    const local = { address: from.address, port: this.port }
    this.#socket = inNetworkNamespace(from.ns.path, () => openUdpSocket({ local }))
    this.#socket.on('message', (message) => this.answers.push(String(message).split(' ')[0]))
    this.#socket.on('error', () => {})
    const send = () => this.#socket.send('?', to.port, to.address, () => {})
    this.#timer = setInterval(send, EVERY_MS)
    onTestFinished(() => {
      clearInterval(this.#timer)
      this.#socket.close()
    })
  }
}

function senders(family: Family): Sender[] {
  const { vip, balanced, node: own, pod: podAddress, client: clientAddress } = places[family]
  const inPod = { ns: pod, address: podAddress }
  const outside = { ns: client, address: clientAddress }
  return [
    new Sender('pod to ClusterIP', inPod, { address: vip, port: 80 }),
    new Sender('node to ClusterIP', { ns: node, address: own }, { address: vip, port: 80 }),
    new Sender('client to NodePort', outside, { address: own, port: NODE_PORT }),
    new Sender('client to load balancer address', outside, { address: balanced, port: 80 }),
    new Sender('pod to NodePort', inPod, { address: own, port: NODE_PORT }),
  ]
}

/** Each of them is answered by this one, several times in a row. */
async function allReach(name: string, ...all: Sender[]): Promise<void> {
  for (const sender of all) {
    await until(
      `${sender.name} is answered by ${name}`,
      () => sender.answers.length >= 3 && sender.answers.slice(-3).every((answer) => answer === name),
    )
  }
}

/** Each gets this many answers more. */
async function more(count: number, ...all: Sender[]): Promise<void> {
  for (const sender of all) {
    const from = sender.answers.length
    await until(`${sender.name} goes on`, () => sender.answers.length >= from + count)
  }
}

async function entries(family: Family): Promise<ConntrackEntry[]> {
  const socket = inNetworkNamespace(node.path, openConntrackSocket)
  const found: ConntrackEntry[] = []
  await socket.dump({ family, protocol: ipProtocols.udp }, (entry) => found.push(keepEntry(entry)))
  socket.close()
  return found
}

describe.each([4, 6] as const)('IPv%i', (family) => {
  test('the endpoint is replaced: every client reaches the new one from its old port', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await set(family, { b: 'ready' })
    await allReach('b', ...all)
  })

  test('without the clean-up they stay with the old one', async () => {
    await forwarder.stop()
    await begin(open([]))
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await set(family, { b: 'ready' })
    await more(10, ...all)
    expect(all.map(({ answers }) => answers.at(-1))).toEqual(all.map(() => 'a'))
  })

  test('the Service is deleted and made again', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await set(family, undefined)
    await more(3, ...all)
    await set(family, { b: 'ready' })
    await allReach('b', ...all)
  })

  test('clients that came before the Service are not held to where they went', async () => {
    const all = senders(family)
    await until('connections that nothing translated', async () => {
      const untranslated = (await entries(family)).filter(
        ({ original, reply }) => original.destination === reply.source,
      )
      return all.every(({ port }) => untranslated.some(({ original }) => original.sourcePort === port))
    })
    await set(family, { a: 'ready' })
    await allReach('a', ...all)
  })

  test('clients that came before the first endpoint is ready', async () => {
    await set(family, { a: 'unready' })
    const all = senders(family)
    await until('the Service refuses', async () => {
      const listing = await must(node, 'nft', ['list', 'table', family === 4 ? 'ip' : 'ip6', 'fairlead'])
      return listing.includes(`${places[family].vip} . udp . 80`)
    })
    await set(family, { a: 'ready' })
    await allReach('a', ...all)
  })

  test('an endpoint that terminates keeps its clients while it serves, and no longer', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await set(family, { a: 'serving', b: 'ready' })
    await more(5, ...all)
    expect(all.map(({ answers }) => answers.at(-1))).toEqual(all.map(() => 'a'))
    await set(family, { a: 'gone', b: 'ready' })
    await allReach('b', ...all)
  })

  test('the last endpoint goes, and another comes later', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await set(family, { a: 'gone' })
    await more(3, ...all)
    await set(family, { b: 'ready' })
    await allReach('b', ...all)
  })

  test('what changed while nobody forwarded is noticed at the start', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    await allReach('a', ...all)
    await forwarder.stop()
    const next = open()
    const { vip, balanced } = places[family]
    next.setService('ns/s', service('s', { clusterIPs: [vip], ports, ingress: [{ ip: balanced }] }), [
      slice('s', [{ address: endpoints[family].b, node: 'node-1' }], target),
    ])
    await begin(next)
    await allReach('b', ...all)
  })

  test('a connection of others with a NodePort as its destination port is left alone', async () => {
    await set(family, { a: 'ready' })
    const all = senders(family)
    const stranger = new Sender(
      'pod to a stranger',
      { ns: pod, address: places[family].pod },
      { address: places[family].client, port: NODE_PORT },
    )
    const its = async () =>
      (await entries(family)).find(({ original }) => original.sourcePort === stranger.port)
    await allReach('a', ...all)
    const before = await until('the connection of the stranger', its)
    await set(family, { b: 'ready' })
    await allReach('b', ...all)
    expect((await its())?.id).toBe(before.id)
  })
})
