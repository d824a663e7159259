import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { caseOctets, malformedCases, type MalformedCase } from '#bgp-ts/malformed-cases.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { parseAddress } from '#inet/address.ts'
import type { WirePeer } from '#speaker/wire/protocol.ts'
import { cleanup, connect, createNetns, must, until, type Netns } from '../netns.ts'
import { bird } from './peers/bird.ts'
import type { Neighbor, Peer } from './peers/peer.ts'
import {
  keepalive,
  messageType,
  openMessage,
  routeRefresh,
  ScriptedPeer,
  typeOf,
  type ScriptedConnection,
} from './scripted-peer.ts'
import { Speaker } from './speaker.ts'

/**
 * Odd and malformed messages against a speaker that runs, over TCP. After each case: what was answered, whether the
 * connection is closed, memory, that a healthy session with BIRD noticed nothing, and that a good session comes up
 * again.
 */
const ours = '192.0.2.10'
const hand = '192.0.2.20'
const prefix = '198.51.100.1/32'
const patience = 20_000
/**
 * Octets of resident memory that all cases together may take. The garbage of a million received routes grows the heap
 * of the thread by some 80 MiB, where it stays (three million are not more); routes that were kept would take more.
 */
const someMemory = 160 * 1024 * 1024

type State = 'OpenSent' | 'OpenConfirm' | 'Established'

const healthy: Neighbor = {
  name: 'healthy',
  local: '192.0.2.1',
  localAS: 64512,
  remote: ours,
  remoteAS: 64500,
  families: ['ipv4-unicast'],
  connects: 'speaker',
}

const basePeer = {
  localAS: 64500,
  peerAS: 64512,
  sourceAddress: parseAddress(ours),
  port: 179,
  routerId: '10.0.0.2',
  connectRetryTime: 20,
  multihop: false,
} as const

const healthyPeer: WirePeer = {
  ...basePeer,
  name: 'healthy',
  address: parseAddress(healthy.local),
  holdTime: 3000,
  families: ['ipv4-unicast'],
}

let folder: string
let router: Netns
let speaker: Speaker
let peer: ScriptedPeer
let birdPeer: Peer
let before: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-malformed-'))
  const node = await createNetns('malnode')
  router = await createNetns('malrouter')
  const other = await createNetns('malhand')
  await must(node, 'ip', ['link', 'add', 'br0', 'type', 'bridge'])
  await must(node, 'ip', ['link', 'set', 'br0', 'up'])
  await must(node, 'ip', ['address', 'add', `${ours}/24`, 'dev', 'br0'])
  for (const [index, [ns, address]] of (
    [
      [router, healthy.local],
      [other, hand],
    ] as const
  ).entries()) {
    await connect({ ns, device: 'eth0', addresses: [`${address}/24`] }, { ns: node, device: `port${index}` })
    await must(node, 'ip', ['link', 'set', `port${index}`, 'master', 'br0'])
  }
  birdPeer = await bird.start({ ns: router, folder }, bird.config([healthy]))
  peer = new ScriptedPeer(other, hand)
  speaker = await Speaker.start(node)
  speaker.send({ kind: 'peers', peers: [healthyPeer] })
  speaker.send({ kind: 'routes', put: [{ peer: 'healthy', prefix, communities: [] }], remove: [] })
  speaker.send({ kind: 'routesComplete' })
  await until('the healthy route', async () => (await birdPeer.routes(healthy)).length === 1, patience)
  before = await speaker.weigh()
}, 60_000)

afterAll(async () => {
  peer.close()
  await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

/** What the healthy router has counted of us, KEEPALIVEs aside. */
async function seenByBird(): Promise<string[]> {
  const command = ['show', 'protocols', 'all', 'to_healthy']
  const text = await must(router, 'birdc', ['-s', join(folder, 'bird.ctl'), ...command])
  return text.split('\n').filter((line) => /BGP state:|Import (updates|withdraws)/.test(line))
}

/** A session with the scripted peer, under a name of its own, so that no case waits for the errors of another. */
class Trial {
  readonly #one: MalformedCase
  readonly #holdTime: number
  readonly name: string
  line: ScriptedConnection | undefined

  constructor(one: MalformedCase, state: State) {
    this.#one = one
    this.name = `case-${one.number}-${state}`
    const short = ['silence', 'trickle', 'feed'].includes(one.play ?? '')
    this.#holdTime = short ? 3 : 90
    const config: WirePeer = {
      ...basePeer,
      name: this.name,
      address: parseAddress(hand),
      localAS: one.internal ? 64512 : 64500,
      holdTime: this.#holdTime * 1000,
      families: one.families ?? ['ipv4-unicast', 'ipv6-unicast'],
      // By which its connections are known from one that the case before still opened.
      hostname: this.name,
      ...(one.play === 'second' && { listen: true }),
    }
    this.announce(prefix)
    speaker.send({ kind: 'peers', peers: [healthyPeer, config] })
  }

  announce(prefix: string): void {
    speaker.send({ kind: 'routes', put: [{ peer: this.name, prefix, communities: [] }], remove: [] })
  }

  get status(): SessionStatus | undefined {
    return speaker.session(this.name)
  }

  /** UPDATEs of a session that has just come up: the route, and End-of-RIB of each family. */
  get #firstUpdates(): number {
    return 1 + (this.#one.families?.length ?? 2)
  }

  /** The next connection of this session, on which it has sent its OPEN. */
  async #accept(): Promise<ScriptedConnection> {
    const name = Buffer.from(this.name).toString('hex')
    for (;;) {
      const line = await peer.accept()
      await until('its OPEN', () => line.ended || line.of('open').length > 0, patience)
      if (line.of('open')[0]?.includes(name)) return line
      line.destroy()
    }
  }

  /** Takes the speaker's next connection to this state. */
  async reach(state: State): Promise<ScriptedConnection> {
    const line = await this.#accept()
    this.line = line
    if (state === 'OpenSent') return line
    line.write(openMessage(this.#holdTime))
    await line.has('keepalive')
    if (state === 'OpenConfirm') return line
    line.write(keepalive)
    await line.has('update', this.#firstUpdates)
    return line
  }
}

/** The case's octets in its way, to the end. Gives the connection that the answer comes over. */
async function play(one: MalformedCase, line: ScriptedConnection): Promise<ScriptedConnection> {
  const octets = caseOctets(one)
  switch (one.play) {
    case 'end':
      line.write(octets)
      line.end()
      return line
    case 'silence':
      return line
    case 'trickle':
      for (let sent = 0; !line.ended; sent++) {
        line.write(octets.subarray(sent, sent + 1))
        await Promise.race([delay(1000), line.closed()])
      }
      return line
    case 'pieces':
      for (const part of [octets.subarray(0, 5), octets.subarray(5, 17), octets.subarray(17)]) {
        line.write(part)
        await delay(100)
      }
      return line
    case 'feed':
      await feed(octets, line)
      return line
    case 'flood':
      await line.pour(Buffer.concat(Array.from({ length: 100_000 }, () => octets)))
      return line
    case 'second': {
      const second = await peer.connect(ours)
      second.write(octets)
      return second
    }
    default:
      line.write(octets)
      return line
  }
}

/** The UPDATE a million times, each with another prefix, while our side keeps the session up. */
async function feed(update: Buffer, line: ScriptedConnection): Promise<void> {
  const each = 1000
  for (let round = 0; round < 1000; round++) {
    const batch = Buffer.concat(Array.from({ length: each }, () => update))
    for (let index = 0; index < each; index++) {
      // The last three octets of each message are the prefix of 24 bits.
      batch.writeUIntBE(round * each + index, (index + 1) * update.length - 3, 3)
    }
    await line.pour(batch)
    if (round % 50 === 0) line.write(keepalive)
  }
}

/** What came after the case began, without KEEPALIVEs and the OPEN of a new connection. */
const told = (line: ScriptedConnection, from: number): string[] =>
  line.messages
    .slice(from)
    .filter((message) => typeOf(message) !== messageType.keepalive && typeOf(message) !== messageType.open)

const notification = (pair: string, data = ''): string => {
  const [code, subcode] = pair.split('/').map(Number)
  const rest = Buffer.from([0, 21 + data.length / 2, 3, code, subcode]).toString('hex')
  return 'ff'.repeat(16) + rest + data
}

async function check(one: MalformedCase, state: State): Promise<void> {
  const trial = new Trial(one, state)
  const first = await trial.reach(state)
  const from = first.messages.length
  const birdBefore = await seenByBird()
  const line = await play(one, first)
  await checkAnswer(one, trial, { first, line, from: line === first ? from : 0 })

  // (d) nobody else notices anything
  expect(await seenByBird()).toEqual(birdBefore)
  expect(speaker.session('healthy')?.counters.established).toBe(1)
  // (e) and a good session comes up
  first.destroy()
  if (!one.internal) {
    const again = await trial.reach('Established')
    expect(again.ended).toBe(false)
    again.destroy()
  }
  speaker.send({ kind: 'routes', put: [], remove: [{ peer: trial.name, prefix }] })
}

/** (a) what was said, and (b) whether the connection is open */
async function checkAnswer(
  { expect: wanted, play, octets }: MalformedCase,
  trial: Trial,
  { first, line, from }: { first: ScriptedConnection; line: ScriptedConnection; from: number },
): Promise<void> {
  const error = (): string => trial.status?.lastError?.text ?? ''
  switch (wanted.kind) {
    case 'notification':
      await line.closed()
      expect(told(line, from)).toEqual([notification(wanted.pair, wanted.data)])
      await until('the error in words', () => error().includes(`(${wanted.pair})`), patience)
      return
    case 'refused':
      await line.closed()
      expect(told(line, from)).toEqual([notification(wanted.pair)])
      expect(first.ended).toBe(false)
      expect(trial.status?.state).toBe('Established')
      return
    case 'closed':
      await line.closed()
      expect(told(line, from)).toEqual([])
      await until('the error in words', () => error().includes(wanted.words), patience)
      return
    case 'accepted':
      await until('the answer', () => line.messages.length > from, patience)
      expect(line.messages.slice(from)).toEqual([keepalive.toString('hex')])
      line.write(keepalive)
      await until('Established', () => trial.status?.state === 'Established', patience)
      return
    case 'resent':
      await until('the route again', () => told(line, from).length > 0, patience)
      expect(told(line, from)).toEqual(line.of('update').slice(0, 1))
      expect(line.ended).toBe(false)
      return
    case 'counted':
    case 'ignored':
      await settled(trial, line, play === undefined && /^M 0017 ?05/.test(octets))
      expect(line.of('notification')).toEqual([])
      expect(line.ended).toBe(false)
      // The counters come with the end of the session.
      line.end()
      await until('down', () => trial.status?.lastError !== undefined, patience)
      expect(trial.status?.counters.malformedUpdates).toBe(wanted.kind === 'counted' ? 1 : 0)
  }
}

/** Waits until the speaker has surely read all that was sent, and nothing came of it. */
async function settled(trial: Trial, line: ScriptedConnection, isRefresh: boolean): Promise<void> {
  const before = line.of('update').length
  if (!isRefresh) {
    // Asked for the route, it sends that and nothing else.
    line.write(routeRefresh)
    await line.has('update', before + 1)
    expect(line.of('update').slice(before)).toEqual(line.of('update').slice(0, 1))
    return
  }
  // By the second new route, what was sent before the first one would have been answered.
  for (const [index, extra] of ['198.51.100.2/32', '198.51.100.3/32'].entries()) {
    trial.announce(extra)
    await line.has('update', before + index + 1)
  }
  const fresh = line.of('update').slice(before)
  expect(fresh.map((update) => update.slice(-10))).toEqual(['20c6336402', '20c6336403'])
  expect(new Set(fresh.map(({ length }) => length))).toEqual(new Set([line.of('update')[0].length]))
}

describe.each(malformedCases)('case $number: $name', (one) => {
  const states: readonly State[] = one.state === 'any' ? ['OpenSent', 'Established'] : [one.state]
  test.each(states)(
    'in %s',
    async (state) => {
      await check(one, state)
      // (c) memory
      expect((await speaker.weigh()) - before).toBeLessThan(someMemory)
    },
    120_000,
  )
})
