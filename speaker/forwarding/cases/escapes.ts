import { setTimeout as delay } from 'node:timers/promises'
import { must, run, until, type Netns } from '../../../test/netns.ts'
import type { Forwarder } from '../forwarder.ts'
import type { KernelDataplane } from '../nft/kernel-dataplane.ts'
import type { LoopReport } from './agent-messages.ts'
import { Churn, CHURN_RANGES, churnScene, clusterIPOf, loadBalancerIPOf } from './churn.ts'
import { configOf, nodeOf, six } from './cluster.ts'
import { openForwarder, openPlane } from './kernel.ts'
import type { Network } from './network.ts'

/**
 * Looks for escapes: first packets of connections that meet a replacement of rules or elements, leave untranslated,
 * and are pinned so by conntrack. Clients outside, in a Pod and on the node connect to many virtual addresses, never
 * twice from one port to the same address (conntrack would translate the second packet as it did the first), while
 * endpoints are replaced, their numbers change, and the program itself is replaced.
 */

export interface EscapeOptions {
  readonly network: Network
  readonly services: number
  readonly seconds: number
  /** false: the rules that catch escapes are taken out after each installation */
  readonly guard: boolean
  /** milliseconds between replacements of the program */
  readonly upgradeEvery: number
  /** instead of in one transaction, the program is taken away and put back: to see that this is noticed */
  readonly careless?: boolean
  /** connections under way at once, for each client */
  readonly concurrency: number
  readonly seed: number
  /** milliseconds until a connection counts as failed */
  readonly limit?: number
}

export interface EscapeFigures {
  readonly seconds: number
  readonly connections: number
  /** that needed more than one first packet */
  readonly slow: number
  readonly failed: number
  readonly failures: readonly string[]
  /** operations on elements, the transactions that carried them, and replacements of the whole program */
  readonly operations: number
  readonly transactions: number
  readonly upgrades: number
  /** packets that the guard dropped, in all programs that there were */
  readonly caught: number
  /** packets for a virtual address that left the node by its default route */
  readonly left: number
  /** flows that conntrack keeps as not translated */
  readonly pinned: readonly string[]
}

const CHANGES_AT_ONCE = 4
const SLOW_MS = 900
const LIMIT_MS = 8000
const SAMPLE_EVERY_MS = 3000

export async function lookForEscapes(options: EscapeOptions): Promise<EscapeFigures> {
  const { network, services, seconds, guard } = options
  const { node, beyond, agents } = network
  await network.arrange(churnScene)
  await quick(node)
  await countBeyond(beyond)
  const speaker = new Speaker(options)
  await speaker.start()

  const clients = [
    { agent: agents.outside, addressOf: loadBalancerIPOf },
    { agent: agents.pods, addressOf: clusterIPOf },
    { agent: agents.node, addressOf: clusterIPOf },
  ]
  for (const { agent, addressOf } of clients) {
    const hosts = Array.from({ length: services }, (_, index) => addressOf(index))
    const targets = hosts.flatMap((address) => [address, six(address)]).map((host) => ({ host, port: 80 }))
    await agent.loop({
      targets,
      concurrency: options.concurrency,
      limit: options.limit ?? LIMIT_MS,
      slow: SLOW_MS,
      expect: ['here ', 'there '],
    })
  }
  const from = performance.now()
  const pinned = new Set<string>()
  let sampled = from
  while (performance.now() - from < seconds * 1000 || speaker.upgrades === 0) {
    await speaker.step()
    if (performance.now() - sampled < SAMPLE_EVERY_MS) continue
    sampled = performance.now()
    for (const flow of await pinnedFlows(node)) pinned.add(flow)
  }
  const reports = await Promise.all(clients.map(({ agent }) => agent.stop()))
  const took = (performance.now() - from) / 1000
  for (const flow of await pinnedFlows(node)) pinned.add(flow)
  const figures = await speaker.stop()
  const sum = (of: (report: LoopReport) => number) => reports.reduce((total, one) => total + of(one), 0)
  return {
    seconds: took,
    connections: sum(({ connections }) => connections),
    slow: sum(({ slow }) => slow),
    failed: sum(({ failed }) => failed),
    failures: reports.flatMap(({ failures }) => failures),
    ...figures,
    caught: guard ? figures.caught : 0,
    left: await countedBeyond(beyond),
    pinned: [...pinned],
  }
}

/** One forwarder after another over the same tables, each of which finds the program of the one before strange. */
class Speaker {
  readonly #options: EscapeOptions
  readonly #churn: Churn
  readonly #objects = new Map<string, ReturnType<Churn['next']>>()
  #forwarder!: Forwarder
  #plane!: KernelDataplane
  #upgraded = 0
  #operations = 0
  #transactions = 0
  #upgrades = 0
  #caught = 0

  constructor(options: EscapeOptions) {
    this.#options = options
    this.#churn = new Churn(options.services, 'endpoints', options.seed)
    for (const one of this.#churn.initial()) this.#objects.set(one.key, one)
  }

  get upgrades(): number {
    return this.#upgrades
  }

  async start(): Promise<void> {
    const { network, guard } = this.#options
    const config = configOf(churnScene)
    this.#plane = openPlane(network.node, config)
    const apply = this.#plane.apply.bind(this.#plane)
    this.#plane.apply = async (operations) => {
      await apply(operations)
      this.#operations += operations.length
      this.#transactions++
    }
    this.#forwarder = openForwarder(this.#plane, config, nodeOf(churnScene))
    for (const { key, service, slices } of this.#objects.values()) {
      this.#forwarder.setService(key, service, slices)
    }
    this.#forwarder.allListed()
    await this.#forwarder.sync()
    this.#check()
    if (!guard) await removeGuard(network.node)
    this.#upgraded = performance.now()
  }

  /** A few changes in one transaction, and before that another program when it is time for one. */
  async step(): Promise<void> {
    if (performance.now() - this.#upgraded > this.#options.upgradeEvery) await this.#upgrade()
    for (let change = 0; change < CHANGES_AT_ONCE; change++) {
      const one = this.#churn.next()
      this.#objects.set(one.key, one)
      this.#forwarder.setService(one.key, one.service, one.slices)
    }
    await this.#forwarder.sync()
    this.#check()
    // A change costs less than a turn of the event loop; the clients need the processor too.
    await delay(1)
  }

  async stop() {
    this.#caught += (await this.#plane.counters()).escapes
    await this.#forwarder.stop()
    return {
      operations: this.#operations,
      transactions: this.#transactions,
      upgrades: this.#upgrades,
      caught: this.#caught,
    }
  }

  async #upgrade(): Promise<void> {
    const { node } = this.#options.network
    this.#caught += (await this.#plane.counters()).escapes
    await this.#forwarder.stop()
    const other = ['ip', 'ip6'].flatMap((family) => [
      `flush set ${family} fairlead program`,
      `add element ${family} fairlead program { 0x1 }`,
    ])
    if (this.#options.careless === true) await this.#gap()
    else await must(node, 'nft', ['-f', '-'], `${other.join('\n')}\n`)
    await this.start()
    this.#upgrades++
  }

  /** A moment without a program, until somebody has met it. */
  async #gap(): Promise<void> {
    const { node, beyond } = this.#options.network
    await must(node, 'nft', ['-f', '-'], tracked)
    await must(node, 'nft', ['-f', '-'], 'delete table ip fairlead\ndelete table ip6 fairlead\n')
    const before = await countedBeyond(beyond)
    await until('a packet leaves untranslated', async () => (await countedBeyond(beyond)) > before)
  }

  #check(): void {
    const { lastError } = this.#forwarder.view()
    if (lastError) throw new Error(lastError.text)
  }
}

/** The rules that count into `escapes`, which nothing else does. */
async function removeGuard(node: Netns): Promise<void> {
  const lines: string[] = []
  for (const family of ['ip', 'ip6']) {
    const listing = await must(node, 'nft', ['-s', '-t', '-a', 'list', 'table', family, 'fairlead'])
    let chain = ''
    for (const line of listing.split('\n')) {
      chain = /^\s*chain (\S+) /.exec(line)?.[1] ?? chain
      const handle = /counter name "escapes".*# handle (\d+)/.exec(line)?.[1]
      if (handle !== undefined) lines.push(`delete rule ${family} fairlead ${chain} handle ${handle}`)
    }
  }
  if (lines.length === 0) throw new Error('there is no guard to take out')
  await must(node, 'nft', ['-f', '-'], `${lines.join('\n')}\n`)
}

/** Without a rule that asks it, conntrack would rest while there is no program. */
const tracked = `table inet tracked
delete table inet tracked
table inet tracked {
  chain prerouting { type filter hook prerouting priority -150; ct state new; }
  chain output { type filter hook output priority -150; ct state new; }
}
`

/** Connections that have ended are forgotten soon, so that conntrack's table holds what is asked of it. */
async function quick(node: Netns): Promise<void> {
  const timeouts = { close: 2, time_wait: 2, fin_wait: 5, close_wait: 5, last_ack: 5 }
  const lines = Object.entries(timeouts).map(
    ([state, seconds]) => `echo ${seconds} > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_${state}`,
  )
  await must(node, 'sh', ['-ec', lines.join('\n')])
  await run(node, 'conntrack', ['-F'])
}

const ranges = (): { four: string; sixes: string } => ({
  four: CHURN_RANGES.join(', '),
  sixes: CHURN_RANGES.map(six).join(', '),
})

async function countBeyond(beyond: Netns): Promise<void> {
  const { four, sixes } = ranges()
  const script = `add table inet escapes
delete table inet escapes
table inet escapes {
  counter left { }
  chain seen {
    type filter hook prerouting priority -200
    ip daddr { ${four} } counter name left
    ip6 daddr { ${sixes} } counter name left
  }
}
`
  await must(beyond, 'nft', ['-f', '-'], script)
}

async function countedBeyond(beyond: Netns): Promise<number> {
  const listing = await must(beyond, 'nft', ['list', 'counter', 'inet', 'escapes', 'left'])
  return Number(/packets (\d+)/.exec(listing)?.[1])
}

/** Flows whose answers are expected from a virtual address: what conntrack has taken for not translated. */
async function pinnedFlows(node: Netns): Promise<string[]> {
  const found: string[] = []
  for (const family of ['ipv4', 'ipv6']) {
    const listing = await must(node, 'conntrack', ['-L', '-p', 'tcp', '--dport', '80', '-f', family])
    for (const line of listing.split('\n')) {
      const destination = / dst=(\S+)/.exec(line)?.[1]
      const sources = [...line.matchAll(/ src=(\S+)/g)].map(([, source]) => source)
      if (destination !== undefined && sources[1] === destination && isVirtual(destination)) found.push(line)
    }
  }
  return found
}

/** conntrack writes IPv6 addresses as the kernel does, which is as we do. */
const isVirtual = (address: string): boolean => /^(fd00::)?(1[.:]2|172[.:]30)[.:]/.test(address)
