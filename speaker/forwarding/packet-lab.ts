import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { parsePrefix } from '#inet/prefix.ts'
import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openNetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import { connect, createNetns, must, spawnIn, until, type Netns } from '../../test/netns.ts'
import type { ForwardingConfig, NodeContext } from './config.ts'
import { testConfig } from './fixtures.ts'
import { Forwarder } from './forwarder.ts'
import { KernelDataplane, type KernelDataplaneOptions } from './nft/kernel-dataplane.ts'
import type { TrafficRequest, TrafficResponse } from './traffic-agent.ts'

/**
 * For kernel tests: one node with three pods (c counts as a pod of another node, but is reached the same way), a
 * client on the node's network, and another one that source ranges shut out.
 */

export const labConfig: ForwardingConfig = {
  ...testConfig,
  detector: { by: 'cluster-cidrs', cidrs: [parsePrefix('10.1.0.0/16'), parsePrefix('fd00:1::/32')] },
}

export const labNode: NodeContext = {
  name: 'node-1',
  internalIPs: ['192.168.0.1', 'fd00:2::1'],
  labels: {},
  localAddresses: ['192.168.0.1', 'fd00:2::1'],
  podCIDRs: ['10.1.1.0/24'],
  serviceCIDRs: ['10.96.0.0/16'],
}

export interface Lab {
  readonly node: Netns
  readonly client: Netns
  readonly pods: Readonly<Record<'a' | 'b' | 'c', Netns>>
  readonly agents: Readonly<Record<'client' | 'blocked' | 'node' | 'a' | 'b' | 'c', Agent>>
  /** a data plane of the node; its rules stay when it is closed */
  plane(options?: KernelDataplaneOptions): KernelDataplane
  /** a speaker's forwarding that has not been started */
  open(config?: Partial<ForwardingConfig>): Forwarder
  /** one that is at work, without any Service yet */
  start(config?: Partial<ForwardingConfig>): Promise<Forwarder>
}

/** Makes connections in a namespace, and answers them. */
export class Agent {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (results: readonly string[]) => void>()
  readonly ready: Promise<void>
  #id = 0

  constructor(ns: Netns, name: string) {
    const program = new URL('traffic-agent.ts', import.meta.url).pathname
    this.#process = spawnIn(ns, process.execPath, [program, name], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })
    this.ready = new Promise((resolve) => {
      lines.on('line', (line) => {
        const { id, results } = JSON.parse(line) as Partial<TrafficResponse>
        if (id === undefined || results === undefined) return resolve()
        this.#waiting.get(id)?.(results)
        this.#waiting.delete(id)
      })
    })
  }

  /** What each of `count` connections got. */
  ask(
    protocol: 'tcp' | 'udp',
    host: string,
    port: number,
    count = 1,
    limit = 5000,
  ): Promise<readonly string[]> {
    const request: TrafficRequest = { id: ++this.#id, protocol, host, port, count, limit }
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`)
    return new Promise((resolve) => this.#waiting.set(request.id, resolve))
  }
}

/** Builds it; `cleanup` of test/netns.ts takes it away. `name` is short: interfaces are not named after it, namespaces are. */
export async function buildLab(name: string): Promise<Lab> {
  const node = await createNetns(`${name}-node`)
  const client = await createNetns(`${name}-client`)
  const blocked = await createNetns(`${name}-blocked`)
  const pod = async (letter: string, index: number) => {
    const ns = await createNetns(`${name}-pod-${letter}`)
    await connect(
      { ns: node, device: `pod-${letter}`, addresses: [`10.1.${index}.1/24`, `fd00:1:${index}::1/64`] },
      { ns, device: 'eth0', addresses: [`10.1.${index}.2/24`, `fd00:1:${index}::2/64`] },
    )
    await routes(ns, `10.1.${index}.1`, `fd00:1:${index}::1`)
    return ns
  }
  const pods = { a: await pod('a', 1), b: await pod('b', 2), c: await pod('c', 3) }
  for (const [ns, device, net] of [
    [client, 'lan', '0'],
    [blocked, 'lan2', '1'],
  ] as const) {
    const v6 = net === '0' ? 'fd00:2' : 'fd00:3'
    await connect(
      { ns: node, device, addresses: [`192.168.${net}.1/24`, `${v6}::1/64`] },
      { ns, device: 'eth0', addresses: [`192.168.${net}.9/24`, `${v6}::9/64`] },
    )
    await routes(ns, `192.168.${net}.1`, `${v6}::1`)
  }
  // As on a real node: virtual addresses are routed somewhere, be it to a router that does not know them.
  await routes(node, '192.168.0.254', 'fd00:2::fe')
  const settings = {
    'ipv4/ip_forward': 1,
    'ipv6/conf/all/forwarding': 1,
    // UDP is refused by ICMP, of which the kernel sends one a second to a host that it has just redirected.
    'ipv4/icmp_ratelimit': 0,
    'ipv6/icmp/ratelimit': 0,
    // Besides the rate for one host there is a total: 50 in a burst.
    'ipv4/icmp_ratemask': 0,
    'ipv6/icmp/ratemask': 127,
  }
  const lines = Object.entries(settings).map(([name, value]) => `echo ${value} > /proc/sys/net/${name}`)
  await must(node, 'sh', ['-ec', lines.join('\n')])
  const agents = {
    client: new Agent(client, 'client'),
    blocked: new Agent(blocked, 'blocked'),
    node: new Agent(node, 'node'),
    a: new Agent(pods.a, 'a'),
    b: new Agent(pods.b, 'b'),
    c: new Agent(pods.c, 'c'),
  }
  await Promise.all(Object.values(agents).map((agent) => agent.ready))
  // Neighbours are known before anything is timed.
  await until('the pods can be reached', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map((index) => agents.client.ask('tcp', `10.1.${index}.2`, 8080)),
    )
    return answers.flat().every((answer) => !answer.startsWith('E') && answer !== 'timeout')
  })

  const plane = (options: KernelDataplaneOptions = {}) =>
    new KernelDataplane({
      socket: inNetworkNamespace(node.path, openNetfilterSocket),
      nft: async (script) => void (await must(node, 'nft', ['-f', '-'], script)),
      ...options,
    })
  const open = (change: Partial<ForwardingConfig> = {}) => {
    const config = { ...labConfig, ...change }
    const dataplane = plane({ detector: config.detector })
    return new Forwarder({ dataplane, clock: systemClock, config, log: silentLogger })
  }
  const start = async (change: Partial<ForwardingConfig> = {}) => {
    const one = open(change)
    one.start()
    one.setNode(labNode)
    one.allListed()
    await one.sync()
    return one
  }
  return { node, client, pods, agents, plane, open, start }
}

const routes = async (ns: Netns, v4: string, v6: string): Promise<void> => {
  await must(ns, 'ip', ['route', 'add', 'default', 'via', v4])
  await must(ns, 'ip', ['-6', 'route', 'add', 'default', 'via', v6])
}

/** The different ones, sorted. */
export const kinds = async (results: Promise<readonly string[]>): Promise<string[]> =>
  [...new Set(await results)].sort()

export const a = { address: '10.1.1.2', node: 'node-1' }
export const b = { address: '10.1.2.2', node: 'node-1' }
export const c = { address: '10.1.3.2', node: 'other' }

/** Ports of a Service and of its slices, on which the pods answer. */
export const ports = [
  { name: 'tcp', port: 80, nodePort: 30_080 },
  { name: 'udp', port: 80, nodePort: 30_080, protocol: 'UDP' as const },
]
export const targets = [
  { name: 'tcp', port: 8080 },
  { name: 'udp', port: 8080, protocol: 'UDP' as const },
]
export const base = {
  clusterIPs: ['10.96.0.1'],
  ports,
  externalIPs: ['198.51.100.1'],
  ingress: [{ ip: '203.0.113.1' }],
}
