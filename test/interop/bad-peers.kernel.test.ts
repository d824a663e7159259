import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import type { WirePeer } from '#speaker/wire/protocol.ts'
import { cleanup, connect, createNetns, until, type Netns } from '../netns.ts'
import { bird } from './peers/bird.ts'
import type { Neighbor, Peer } from './peers/peer.ts'
import { keepalive, openMessage, ScriptedPeer, type ScriptedConnection } from './scripted-peer.ts'
import { Speaker } from './speaker.ts'

/** Peers that break no rule and are a burden all the same, and configurations that cannot work. */
const ours = '192.0.2.10'
const hand = '192.0.2.20'
const patience = 20_000

const neighbor: Neighbor = {
  name: 'node',
  local: '192.0.2.1',
  localAS: 64512,
  remote: ours,
  remoteAS: 64500,
  families: ['ipv4-unicast'],
  connects: 'speaker',
}

const toBird: WirePeer = {
  name: 'bird',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(neighbor.local),
  sourceAddress: parseAddress(ours),
  port: 179,
  routerId: '10.0.0.2',
  holdTime: 3000,
  connectRetryTime: 100,
  multihop: false,
  families: ['ipv4-unicast'],
}

const toHand: WirePeer = { ...toBird, name: 'hand', address: parseAddress(hand) }

let folder: string
let node: Netns
let router: Peer
let peer: ScriptedPeer
let speaker: Speaker

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-bad-peers-'))
  node = await createNetns('badnode')
  const other = await createNetns('badrouter')
  await connect(
    { ns: node, device: 'eth0', addresses: [`${ours}/24`] },
    { ns: other, device: 'eth0', addresses: [`${neighbor.local}/24`, `${hand}/24`] },
  )
  // BIRD has its own socket on its address, so that the other address is free.
  const config = bird.config([neighbor]).replace('log "bird.log"', 'log stderr')
  router = await bird.start(
    { ns: other, folder },
    config.replace('passive on;', 'passive on;\n  strict bind on;'),
  )
  peer = new ScriptedPeer(other, hand)
}, 60_000)

afterAll(async () => {
  peer.close()
  await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  speaker = await Speaker.start(node)
})

afterEach(() => speaker.stop())

const peers = (...list: WirePeer[]): void => speaker.send({ kind: 'peers', peers: list })

/** A route each, no two alike, so that each has an UPDATE of its own, and a long one. */
function announce(name: string, prefixes: readonly string[]): void {
  const communities = Array.from(
    { length: 50 },
    (_, part) => ({ kind: 'standard', value: [64500, part] }) as const,
  )
  const put = prefixes.map((prefix, med) => ({ peer: name, prefix, med, communities }))
  speaker.send({ kind: 'routes', put, remove: [] })
}

async function established(): Promise<ScriptedConnection> {
  const line = await peer.accept()
  await line.has('open')
  line.write(openMessage(90))
  line.write(keepalive)
  await until('Established', () => speaker.session('hand')?.state === 'Established', patience)
  return line
}

test('a peer that reads nothing costs no memory and delays nobody else', async () => {
  peers(toBird, { ...toHand, holdTime: 90_000 })
  const line = await established()
  await until('BIRD is up', () => speaker.session('bird')?.state === 'Established', patience)
  line.pause()
  // More octets than the kernel's buffers hold.
  const prefixes = Array.from(
    { length: 20_000 },
    (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`,
  )
  announce('hand', prefixes)
  announce('bird', ['198.51.100.1/32'])
  await until(
    'the other router has its route',
    async () => (await router.routes(neighbor)).length === 1,
    patience,
  )
  await until('the rest waits', () => (speaker.session('hand')?.pending ?? 0) > 1000, patience)
  const stalled = await speaker.weigh()
  line.resume()
  await until(
    'all of them',
    () => speaker.session('hand')?.announced['ipv4-unicast'] === prefixes.length,
    60_000,
  )
  // The routes take their room either way; what was not written was not kept as octets besides.
  expect(stalled - (await speaker.weigh())).toBeLessThan(30 * 1024 * 1024)
  expect(speaker.session('hand')?.counters.established).toBe(1)
  expect(speaker.session('bird')?.counters.established).toBe(1)
  line.destroy()
}, 120_000)

test('a peer that closes every connection at once is tried less and less often', async () => {
  const tries: number[] = []
  peers(toHand)
  for (let count = 0; count < 5; count++) {
    const line = await peer.accept()
    tries.push(performance.now())
    line.destroy()
  }
  // 100, 200, 400 and 800 ms, each of them up to a quarter less.
  expect(tries[4] - tries[0]).toBeGreaterThan(0.75 * 1500 - 50)
  await until('the reason', () => speaker.session('hand')?.lastError !== undefined, patience)
  expect(speaker.session('hand')?.lastError?.text).toMatch(/before it sent an OPEN/)
}, 60_000)

test('a peer address that is our own is told in words, and not tried', async () => {
  peers({ ...toHand, name: 'self', address: parseAddress(ours), sourceAddress: undefined })
  const error = await until('the error', () => speaker.session('self')?.lastError, patience)
  expect(error.text).toContain("this node's own")
})

test('a second speaker on the same address is refused by the router, and the first one stays', async () => {
  peers(toBird)
  await until('the first', () => speaker.session('bird')?.state === 'Established', patience)
  const second = await Speaker.start(node)
  try {
    second.send({ kind: 'peers', peers: [toBird] })
    const error = await until('the refusal', () => second.session('bird')?.lastError, patience)
    expect(error.text).toMatch(/Cease|reset|closed/)
    expect(speaker.session('bird')?.counters.established).toBe(1)
  } finally {
    await second.stop()
  }
}, 60_000)

test('the main thread does nothing for longer than the hold time, and the session stays', async () => {
  peers(toBird)
  announce('bird', ['198.51.100.1/32'])
  await until('the route', async () => (await router.routes(neighbor)).length === 1, patience)
  await speaker.block(1.4 * toBird.holdTime)
  // What was counted meanwhile arrives now.
  const { keepalivesSent = 0 } = speaker.session('bird')?.counters ?? {}
  await until(
    'more',
    () => (speaker.session('bird')?.counters.keepalivesSent ?? 0) > keepalivesSent,
    patience,
  )
  expect(speaker.session('bird')?.counters).toMatchObject({ established: 1, notificationsReceived: 0 })
  expect(await router.routes(neighbor)).toHaveLength(1)
}, 60_000)
