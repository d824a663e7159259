/**
 * A peer that sends a million routes, one an UPDATE: how long it takes to read them, what memory that costs, and how
 * regular the KEEPALIVEs stay. BIRD with an import filter that rejects everything is the yardstick.
 */
import type { ChildProcess } from 'node:child_process'
import { parseAddress } from '#inet/address.ts'
import {
  keepalive,
  openMessage,
  routeRefresh,
  ScriptedPeer,
  type ScriptedConnection,
} from '../../test/interop/scripted-peer.ts'
import { Speaker } from '../../test/interop/speaker.ts'
import { connect, createNetns, until, type Netns } from '../../test/netns.ts'
import { monotonic } from '../forwarding/monotonic.ts'
import { residentMemory, startBird } from './daemons.ts'

const routes = 1_000_000
const each = 1000
const patience = 120_000
/** Seconds; a KEEPALIVE is due every second. */
const holdTime = 3

interface Result {
  readonly seconds: number
  /** MB: before, the highest while it lasted, and afterwards */
  readonly memory: readonly [number, number, number]
  /** the longest time between two KEEPALIVEs, milliseconds */
  readonly gap: number
}

/** Prints two lines. */
export async function measureFeed(folder: string): Promise<void> {
  const node = await createNetns('node')
  const router = await createNetns('router')
  await connect(
    { ns: node, device: 'eth0', addresses: ['10.0.1.10/24', '10.0.1.20/24'] },
    { ns: router, device: 'eth0', addresses: ['10.0.1.1/24', '10.0.1.2/24'] },
  )
  console.log(`\na feed of ${routes.toLocaleString('en')} routes, one an UPDATE, hold time ${holdTime} s`)
  report('BIRD, rejecting all (yardstick)', await toBird(node, router, folder))
  for (const [index, result] of (await toSpeaker(node, router)).entries()) {
    report(`ours, ${index === 0 ? 'the first time' : 'once more'}`, result)
  }
}

function report(name: string, { seconds, memory, gap }: Result): void {
  const [before, peak, after] = memory.map((value) => value.toFixed(0))
  console.log(
    `${name}: ${seconds.toFixed(1)} s, memory ${before} MB before, ${peak} MB at most, ${after} MB afterwards, ` +
      `longest time between KEEPALIVEs ${(gap / 1000).toFixed(1)} s`,
  )
}

async function toSpeaker(node: Netns, router: Netns): Promise<Result[]> {
  const peer = new ScriptedPeer(router, '10.0.1.1')
  const speaker = await Speaker.start(node)
  speaker.send({
    kind: 'peers',
    peers: [
      {
        name: 'feed',
        localAS: 64500,
        peerAS: 64512,
        address: parseAddress('10.0.1.1'),
        sourceAddress: parseAddress('10.0.1.10'),
        port: 179,
        routerId: '10.0.1.10',
        holdTime: holdTime * 1000,
        connectRetryTime: 100,
        multihop: false,
        families: ['ipv4-unicast'],
      },
    ],
  })
  speaker.send({
    kind: 'routes',
    put: [{ peer: 'feed', prefix: '10.99.0.1/32', communities: [] }],
    remove: [],
  })
  const line = await peer.accept()
  await shakeHands(line)
  await line.has('update')
  const results: Result[] = []
  for (let count = 0; count < 2; count++) {
    const updates = line.of('update').length
    results.push(
      await feed(line, speaker.child, async () => {
        // It answers after all that came before.
        line.write(routeRefresh)
        await until('read', () => line.of('update').length > updates, patience)
      }),
    )
  }
  peer.close()
  await speaker.stop()
  return results
}

async function toBird(node: Netns, router: Netns, folder: string): Promise<Result> {
  const bird = await startBird(node, folder, 'bird', birdConfig)
  const peer = new ScriptedPeer(router, '10.0.1.2')
  const line = await peer.accept()
  await shakeHands(line)
  const read = async (): Promise<boolean> => {
    const text = await bird.control.ask('show protocols all feed')
    return Number(/Import updates:\s+(\d+)/.exec(text)?.[1]) >= routes
  }
  const result = await feed(line, bird.child, () => until('read', read, patience).then(() => {}))
  peer.close()
  bird.control.close()
  bird.child.kill()
  return result
}

async function shakeHands(line: ScriptedConnection): Promise<void> {
  await line.has('open')
  line.write(openMessage(holdTime))
  line.write(keepalive)
  await line.has('keepalive')
}

async function feed(
  line: ScriptedConnection,
  child: ChildProcess,
  read: () => Promise<void>,
): Promise<Result> {
  const before = residentMemory(child)
  let peak = before
  let [gap, last, heard] = [0, monotonic(), line.of('keepalive').length]
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMemory(child))
    const now = monotonic()
    const count = line.of('keepalive').length
    gap = Math.max(gap, now - last)
    if (count > heard) [heard, last] = [count, now]
    line.write(keepalive)
  }, 100)
  const since = monotonic()
  for (let round = 0; round < routes / each; round++) await line.pour(updates(round))
  await read()
  const seconds = (monotonic() - since) / 1000
  clearInterval(watch)
  if (line.ended) throw new Error('the session has ended')
  return { seconds, memory: [before, peak, residentMemory(child)], gap }
}

/** ORIGIN, AS_PATH, NEXT_HOP 10.0.1.2, one /24. */
const update = Buffer.from(
  `${'ff'.repeat(16)}002f02000000144001010040020602010000fc004003040a00010218000000`,
  'hex',
)

/** A batch of UPDATEs, each with another prefix of 24 bits: the last three octets. */
function updates(round: number): Buffer {
  const batch = Buffer.concat(Array.from({ length: each }, () => update))
  for (let index = 0; index < each; index++) {
    // From 11.0.0.0 on.
    batch.writeUIntBE(0x0b0000 + round * each + index, (index + 1) * update.length - 3, 3)
  }
  return batch
}

const birdConfig = `
router id 10.0.1.20;
protocol device { scan time 10; }
protocol bgp feed {
  local 10.0.1.20 as 64500;
  neighbor 10.0.1.2 as 64512;
  hold time ${holdTime}; connect delay time 1; connect retry time 1;
  ipv4 { import none; export none; };
}
`
