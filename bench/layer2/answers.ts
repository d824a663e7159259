/**
 * How long an ARP answer takes when a node holds thousands of addresses, also while its main thread does not come to
 * anything, and how many of a flood of requests are answered. Beside it the kernel's own answers for an address of the
 * same interface. Runs in namespaces of its own, as root: `node bench/layer2/answers.ts COUNT`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { speakerFlags } from '#cli/node-flags.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import type { WireAddress, WireObserved } from '#speaker/wire/protocol.ts'
import { WireHost } from '#speaker/wire/wire-host.ts'
import { cleanup, connect, createNetns, must, spawnIn, until, type Netns } from '../../test/netns.ts'
import { printTable } from '../table.ts'
import type { StationResult, StationTask } from './station.ts'

const NODE_ADDRESS = '10.0.0.10'
const CLIENT_ADDRESS = '10.0.0.7'
const CLIENT_MAC = '02:00:00:00:00:c7'
/** 10.1.0.0 and on. */
const FIRST = 0x0a010000
const ASK_MS = 5000
const BLOCKED_MS = 2000
const FLOOD_MS = 10_000
const FLOOD_PER_SECOND = 10_000
/** Addresses that the timed requests are for, spread over all. */
const SAMPLE = 500

/** Measures and prints; leaves nothing behind. */
export async function measureAnswers(count: number): Promise<void> {
  const script = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec "$@"'
  const program = [process.execPath, ...speakerFlags, fileURLToPath(import.meta.url), String(count)]
  const child = spawn('unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', ...program], {
    stdio: 'inherit',
    env: { ...process.env, FAIRLEAD_TEST_NAMESPACE: '1' },
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the measurement ended with ${code}`)
}

async function run(count: number): Promise<void> {
  const node = await createNetns('benchnode')
  const client = await createNetns('benchclient')
  await connect(
    { ns: node, device: 'eth0', addresses: [`${NODE_ADDRESS}/8`] },
    { ns: client, device: 'eth0', mac: CLIENT_MAC, addresses: [`${CLIENT_ADDRESS}/8`] },
  )
  const host = await startWire(node, count)
  try {
    const stations = new Stations(client, count, await indexOf(client))
    const quiet = await stations.ask(ASK_MS, () => {})
    const blocked = await stations.ask(BLOCKED_MS, block)
    printTable(`ARP answers with ${count} addresses held`, [
      { name: 'the kernel, for its own address (yardstick)', unit: 'µs', samples: quiet.yardstick },
      { name: 'one of ours', unit: 'µs', samples: quiet.targets },
      {
        name: `the kernel, main thread blocked for ${BLOCKED_MS / 1000} s`,
        unit: 'µs',
        samples: blocked.yardstick,
      },
      {
        name: `one of ours, main thread blocked for ${BLOCKED_MS / 1000} s`,
        unit: 'µs',
        samples: blocked.targets,
      },
    ])
    const before = process.memoryUsage.rss()
    const { sent, answered } = await stations.flood()
    const after = process.memoryUsage.rss()
    const mib = (octets: number) => `${(octets / 2 ** 20).toFixed(0)} MiB`
    console.log(
      `\nflood: ${sent} requests for one address, ${FLOOD_PER_SECOND} a second: ${((100 * answered) / sent).toFixed(2)} % answered; ` +
        `memory of the process ${mib(before)} before, ${mib(after)} after`,
    )
  } finally {
    await host.stop()
    await cleanup()
  }
}

/** With all addresses held. */
async function startWire(node: Netns, count: number): Promise<WireHost> {
  const held = new Set<string>()
  const observe = (observed: WireObserved): void => {
    if (observed.kind !== 'holders') return
    for (const holder of observed.holders) if (holder.held) held.add(holder.address)
  }
  const host = new WireHost({
    node: 'bench',
    onObserved: observe,
    onCrash: (error) => {
      throw error
    },
  })
  inNetworkNamespace(node.path, () => host.start())
  const candidates = [{ node: 'bench', preference: 0, eligible: true, reason: '', stale: false }]
  const put: WireAddress[] = Array.from({ length: count }, (_, n) => ({
    address: text(FIRST + n),
    interfaces: [],
    candidates,
    served: true,
  }))
  const began = performance.now()
  host.send({ kind: 'addresses', put, remove: [] })
  await until(`${count} addresses are held`, () => held.size === count, 300_000)
  console.log(`${count} addresses held after ${((performance.now() - began) / 1000).toFixed(2)} s`)
  return host
}

const text = (address: number): string => [24, 16, 8, 0].map((bits) => (address >>> bits) & 0xff).join('.')
const number = (address: string): number =>
  address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

async function indexOf(client: Netns): Promise<number> {
  const links = JSON.parse(await must(client, 'ip', ['-json', 'link', 'show', 'eth0'])) as {
    ifindex: number
  }[]
  return links[0].ifindex
}

/** The main thread does not come to anything else. */
function block(): void {
  const end = performance.now() + BLOCKED_MS
  while (performance.now() < end);
}

class Stations {
  readonly #client: Netns
  readonly #task: Omit<StationTask, 'kind' | 'ms' | 'targets'>
  readonly #targets: readonly number[]

  constructor(client: Netns, count: number, interfaceIndex: number) {
    this.#client = client
    this.#targets = Array.from({ length: Math.min(count, SAMPLE) }, (_, n) => {
      return FIRST + Math.floor((n * count) / Math.min(count, SAMPLE))
    })
    this.#task = {
      interfaceIndex,
      mac: CLIENT_MAC,
      own: number(CLIENT_ADDRESS),
      perSecond: FLOOD_PER_SECOND,
    }
  }

  /** @param meanwhile is done as soon as the station asks */
  ask(ms: number, meanwhile: () => void): Promise<StationResult> {
    const yardstick = number(NODE_ADDRESS)
    return this.#run({ ...this.#task, kind: 'ask', ms, targets: this.#targets, yardstick }, meanwhile)
  }

  flood(): Promise<StationResult> {
    const task = { ...this.#task, kind: 'flood', ms: FLOOD_MS, targets: [FIRST] } as const
    return this.#run(task, () => {})
  }

  async #run(task: StationTask, meanwhile: () => void): Promise<StationResult> {
    const program = fileURLToPath(new URL('station.ts', import.meta.url))
    const args = [...speakerFlags, program, JSON.stringify(task)]
    const child = spawnIn(this.#client, process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout! })
    await once(lines, 'line')
    const result = once(lines, 'line') as Promise<[string]>
    await new Promise<void>((resolve) => child.stdin?.write('go\n', () => resolve()))
    meanwhile()
    return JSON.parse((await result)[0]) as StationResult
  }
}

if (import.meta.main) await run(Number(process.argv[2]))
