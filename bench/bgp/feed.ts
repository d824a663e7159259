/**
 * A peer that sends a million UPDATEs, as fast as they are read: how long that takes, what processor time and memory it
 * costs, and how regular the KEEPALIVEs stay, the last also while UPDATEs come for ten seconds without a pause. BIRD with
 * an import filter that rejects everything is the yardstick.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
import { Departures } from './departures.ts'

const routes = 1_000_000
const each = 1000
const patience = 120_000
/** Milliseconds without a pause. */
const endless = 10_000
/** Seconds; a KEEPALIVE is due every second. */
const holdTime = 3

interface Result {
  readonly updates: number
  readonly seconds: number
  /** seconds of processor time */
  readonly cpu: number
  /** MB: before, the highest while it lasted, and afterwards */
  readonly memory: readonly [number, number, number]
  /** the longest time without a word of the reader, milliseconds */
  readonly silence: number
}

/** What a peer sends: a batch of UPDATEs, by its number. */
type Source = (round: number) => Buffer

/** Who reads it. */
interface Reader {
  readonly departures: Departures
  readonly line: ScriptedConnection
  readonly child: ChildProcess
  /** resolves when it has read so many UPDATEs in all, as it says */
  read(updates: number): Promise<void>
}

/** Prints a line a feed. */
export async function measureFeed(folder: string): Promise<void> {
  const node = await createNetns('node')
  const router = await createNetns('router')
  await connect(
    { ns: node, device: 'eth0', addresses: ['10.0.1.10/24', '10.0.1.20/24'] },
    { ns: router, device: 'eth0', addresses: ['10.0.1.1/24', '10.0.1.2/24'] },
  )
  console.log(`\na feed of ${routes.toLocaleString('en')} routes, one an UPDATE, hold time ${holdTime} s`)
  await toBird(node, router, folder)
  await toSpeaker(node, router)
}

async function feeds(name: string, reader: Reader): Promise<void> {
  let sent = 0
  const run = async (what: string, source: Source, enough: (count: number) => boolean): Promise<void> => {
    const result = await feed(reader, source, sent, enough)
    sent += result.updates
    report(`${name}, ${what}`, result)
  }
  const million = (count: number): boolean => count >= routes
  await run('one set of attributes', alike, million)
  await run('one set of attributes, once more', alike, million)
  await run('a set of attributes each', different, million)
  const end = monotonic() + endless
  await run(`for ${endless / 1000} s`, different, () => monotonic() >= end)
}

function report(name: string, { updates, seconds, cpu, memory, silence }: Result): void {
  const [before, peak, after] = memory.map((value) => value.toFixed(0))
  console.log(
    `${name}: ${updates.toLocaleString('en')} in ${seconds.toFixed(1)} s, processor ${cpu.toFixed(2)} s, ` +
      `memory ${before} MB before, ${peak} MB at most, ${after} MB afterwards, ` +
      `longest time without a KEEPALIVE ${(silence / 1000).toFixed(2)} s`,
  )
}

async function toSpeaker(node: Netns, router: Netns): Promise<void> {
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
  await feeds('ours', {
    departures: await Departures.of(node, '10.0.1.10'),
    line,
    child: speaker.child,
    async read(updates) {
      // It answers after all that came before.
      const answers = line.of('update').length
      line.write(routeRefresh)
      await until('read', () => line.of('update').length > answers, patience)
      const counters = () => speaker.session('feed')?.counters
      await until('counted', () => counters()?.updatesReceived === updates, patience)
      if (counters()?.malformedUpdates !== 0) throw new Error('not all of them were good')
    },
  })
  peer.close()
  await speaker.stop()
}

async function toBird(node: Netns, router: Netns, folder: string): Promise<void> {
  const bird = await startBird(node, folder, 'bird', birdConfig)
  const peer = new ScriptedPeer(router, '10.0.1.2')
  const line = await peer.accept()
  await shakeHands(line)
  await feeds('BIRD, rejecting all (yardstick)', {
    departures: await Departures.of(node, '10.0.1.20'),
    line,
    child: bird.child,
    async read(updates) {
      const all = async (): Promise<boolean> => {
        const text = await bird.control.ask('show protocols all feed')
        return Number(/Import updates:\s+(\d+)/.exec(text)?.[1]) >= updates
      }
      await until('read', all, patience)
    },
  })
  peer.close()
  bird.control.close()
  bird.child.kill()
}

async function shakeHands(line: ScriptedConnection): Promise<void> {
  await line.has('open')
  line.write(openMessage(holdTime))
  line.write(keepalive)
  await line.has('keepalive')
}

/** @param sent UPDATEs that were sent before */
async function feed(
  { departures, line, child, read }: Reader,
  source: Source,
  sent: number,
  enough: (count: number) => boolean,
): Promise<Result> {
  const before = residentMemory(child)
  const cpuBefore = processorTime(child)
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMemory(child))
    line.write(keepalive)
  }, 100)
  const begin = Date.now()
  const since = monotonic()
  let updates = 0
  for (let round = 0; !enough(updates); round++) {
    await line.pour(source(round))
    updates += each
  }
  await read(sent + updates)
  const seconds = (monotonic() - since) / 1000
  clearInterval(watch)
  if (line.ended) throw new Error('the session has ended')
  const cpu = processorTime(child) - cpuBefore
  const after = residentMemory(child)
  const silence = await departures.longestSilence(begin, Date.now())
  return { updates, seconds, cpu, memory: [before, peak, after], silence }
}

/** Seconds that the process has computed, all its threads together. */
function processorTime({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  // utime and stime of proc(5), in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** So many UPDATEs; `attributes` is hex, and each has another prefix of 24 bits, which are the last three octets. */
function batchOf(attributes: string): { readonly octets: Buffer; readonly length: number } {
  const size = attributes.length / 2
  const hex = (value: number): string => value.toString(16).padStart(4, '0')
  const update = `${'ff'.repeat(16)}${hex(19 + 4 + size + 4)}020000${hex(size)}${attributes}18000000`
  return { octets: Buffer.from(update.repeat(each), 'hex'), length: update.length / 2 }
}

/** ORIGIN, AS_PATH, NEXT_HOP 10.0.1.2. */
const mandatory = '40010100400206020100 00fc004003040a000102'.replace(' ', '')
const plain = batchOf(mandatory)
/** Two ASes more, MULTI_EXIT_DISC, three communities. */
const rich = batchOf(
  `400101004002 0e 0203 0000fc00 0000fde9 0000fdea 4003040a000102 800404 00000000 c0080c fc000001 fc000002 fc000003`.replaceAll(
    ' ',
    '',
  ),
)
/** Of MULTI_EXIT_DISC from the end: its value, the communities and the prefix. */
const medFromEnd = 4 + 15 + 4

function alike(round: number): Buffer {
  const batch = Buffer.from(plain.octets)
  // From 11.0.0.0 on.
  for (let index = 0; index < each; index++) {
    batch.writeUIntBE(prefixAt(round, index), (index + 1) * plain.length - 3, 3)
  }
  return batch
}

function different(round: number): Buffer {
  const batch = Buffer.from(rich.octets)
  for (let index = 0; index < each; index++) {
    const end = (index + 1) * rich.length
    batch.writeUIntBE(prefixAt(round, index), end - 3, 3)
    batch.writeUInt32BE(round * each + index, end - medFromEnd)
  }
  return batch
}

const prefixAt = (round: number, index: number): number => 0x0b0000 + ((round * each + index) % routes)

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
