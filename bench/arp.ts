/**
 * How long an ARP answer takes: the wire thread's for a service address against the kernel's own for an address of
 * the same interface, asked in turn in the same run; then the same while 10,000 requests a second come for another
 * service address. Runs in namespaces of its own, as root.
 */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { openPacketSocket, type PacketSocket } from '#raw-socket/packet.ts'
import { arpFilter } from '#raw-socket/filters.ts'
import { arpOperation, buildArp, parseArp } from '#speaker/layer2/arp.ts'
import { broadcastMac, etherType, macNumber } from '#speaker/layer2/ethernet.ts'
import type { WireObserved } from '#speaker/wire/protocol.ts'
import { WireHost } from '#speaker/wire/wire-host.ts'
import { cleanup, connect, createNetns, must, type Netns } from '../test/netns.ts'
import { inOwnNamespaces, runInOwnNamespaces } from './own-namespaces.ts'

const samples = 2000
const warmUp = 200
const floodPerSecond = 10_000
const floodDuration = 3000

const clientMac = macNumber('02:00:00:00:00:c7')
const address = { kernel: '192.0.2.10', wire: '192.0.2.50', flooded: '192.0.2.51' } as const
const numberOf = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

const request = (target: string): Uint8Array =>
  buildArp({
    destination: broadcastMac,
    source: clientMac,
    operation: arpOperation.request,
    senderMac: clientMac,
    senderAddress: numberOf('192.0.2.7'),
    targetMac: 0,
    targetAddress: numberOf(target),
  })

/** Measures and prints a table; leaves nothing behind. */
export async function main(): Promise<void> {
  if (!inOwnNamespaces) return runInOwnNamespaces(import.meta.url)
  const node = await createNetns('benchnode')
  const client = await createNetns('benchclient')
  await connect(
    { ns: node, device: 'eth0', addresses: [`${address.kernel}/24`] },
    { ns: client, device: 'eth0', mac: '02:00:00:00:00:c7', addresses: ['192.0.2.7/24'] },
  )
  const wire = await startWire(node)
  const asker = await openAsker(client)
  try {
    const quiet = await measure(asker, 0)
    const flood = startFlood(client, asker.interfaceIndex)
    await once(flood, 'message')
    const flooded = await measure(asker, floodDuration)
    flood.postMessage('stop', [])
    const [sent] = (await once(flood, 'message')) as [number]
    // Counters come once a second.
    await delay(1500)
    console.log(`ARP answers, at least ${samples} requests each, microseconds`)
    console.table({ ...rows('', quiet), ...rows(' under flood', flooded) })
    const share = ((100 * wire.answered()) / sent).toFixed(2)
    console.log(
      `flood: ${sent} requests for another address, ${floodPerSecond} a second, ${share} % answered`,
    )
  } finally {
    asker.socket.close()
    await wire.host.stop()
    await cleanup()
  }
}

interface Wire {
  readonly host: WireHost
  /** answers for the flooded address, as last counted */
  answered(): number
}

async function startWire(node: Netns): Promise<Wire> {
  const held = new Set<string>()
  const wanted = [address.wire, address.flooded]
  let answered = 0
  return new Promise((resolve, reject) => {
    const observe = (observed: WireObserved): void => {
      if (observed.kind === 'counters') {
        const counters = observed.addresses.find((one) => one.address === address.flooded)
        answered = counters?.responsesSent ?? answered
      }
      if (observed.kind !== 'holders') return
      for (const holder of observed.holders) if (holder.held) held.add(holder.address)
      if (held.size === wanted.length) resolve({ host, answered: () => answered })
    }
    const host = new WireHost({ node: 'bench', onObserved: observe, onCrash: reject })
    inNetworkNamespace(node.path, () => host.start())
    const candidates = [{ node: 'bench', preference: 0, eligible: true, reason: '', stale: false }]
    const put = wanted.map((one) => ({ address: one, interfaces: [], candidates, served: true }))
    host.send({ kind: 'addresses', put, remove: [] })
  })
}

interface Asker {
  readonly socket: PacketSocket
  readonly interfaceIndex: number
  /** microseconds until the answer */
  ask(frame: Uint8Array, from: number): Promise<number>
}

async function openAsker(client: Netns): Promise<Asker> {
  const [link] = JSON.parse(await must(client, 'ip', ['-json', 'link', 'show', 'eth0'])) as {
    ifindex: number
  }[]
  let waiting: ((sender: number) => void) | undefined
  const options = { interfaceIndex: link.ifindex, etherType: etherType.arp, filter: arpFilter }
  const socket = inNetworkNamespace(client.path, () =>
    openPacketSocket(options, (frame) => {
      const packet = parseArp(frame)
      if (!('drop' in packet) && packet.destination === clientMac) waiting?.(packet.senderAddress)
    }),
  )
  return {
    socket,
    interfaceIndex: link.ifindex,
    ask: (frame, from) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error('no answer in 5 s')), 5000)
        const started = process.hrtime.bigint()
        waiting = (sender) => {
          if (sender !== from) return
          const taken = Number(process.hrtime.bigint() - started) / 1000
          clearTimeout(limit)
          resolve(taken)
        }
        socket.send(frame)
      }),
  }
}

type Samples = Record<'kernel' | 'wire', number[]>

/** Asks both in turn, so that whatever else the machine does meets both, for at least `duration` milliseconds. */
async function measure(asker: Asker, duration: number): Promise<Samples> {
  const result: Samples = { kernel: [], wire: [] }
  const frames = { kernel: request(address.kernel), wire: request(address.wire) }
  const started = performance.now()
  for (let index = 0; index < warmUp + samples || performance.now() < started + duration; index++) {
    for (const who of ['kernel', 'wire'] as const) {
      const taken = await asker.ask(frames[who], numberOf(address[who]))
      if (index >= warmUp) result[who].push(taken)
    }
  }
  return result
}

function rows(suffix: string, { kernel, wire }: Samples): Record<string, Record<string, number>> {
  const own = summary(kernel)
  const ours = summary(wire)
  return {
    [`kernel${suffix}`]: { ...own, 'median ratio': 1 },
    [`wire thread${suffix}`]: { ...ours, 'median ratio': round(ours.median / own.median) },
  }
}

function summary(values: number[]): { median: number; p99: number; min: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))])
  return { median: at(0.5), p99: at(0.99), min: at(0), max: at(1) }
}

const round = (value: number): number => Math.round(value * 10) / 10

interface FloodData {
  readonly path: string
  readonly interfaceIndex: number
}

/** Another thread that asks for the flooded address all the time. */
function startFlood(client: Netns, interfaceIndex: number): Worker {
  const data: FloodData = { path: client.path, interfaceIndex }
  return new Worker(new URL(import.meta.url), { workerData: { flood: data } })
}

function runFlood({ path, interfaceIndex }: FloodData): void {
  const socket = inNetworkNamespace(path, () =>
    // An EtherType that nothing here is sent with: this end only sends.
    openPacketSocket({ interfaceIndex, etherType: 0x88b5 }, () => {}),
  )
  const frame = request(address.flooded)
  let sent = 0
  const started = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - started) * floodPerSecond) / 1000
    for (; sent < due; sent++) socket.send(frame)
  }, 1)
  parentPort?.once('message', () => {
    clearInterval(timer)
    socket.close()
    parentPort?.postMessage(sent, [])
  })
  parentPort?.postMessage('started', [])
}

const flood = (workerData as { flood?: FloodData } | null)?.flood
if (flood !== undefined) runFlood(flood)
else if (import.meta.main) await main()
