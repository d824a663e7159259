import type { Socket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { formatAddress, parseAddress, type Address } from '#inet/address.ts'
import { inNetworkNamespace } from '#raw-socket/namespace.ts'
import { listenTcp } from '#raw-socket/tcp.ts'
import { openUdpSocket } from '#raw-socket/udp.ts'
import { cleanup, connect, createNetns, must, run, spawnIn, until, type Netns } from '../../test/netns.ts'
import type { BfdSettings } from '../bfd/config.ts'
import { said } from '../bfd/testing.ts'
import { decodeControl, type ControlPacket } from '../bfd/wire.ts'
import { WireRig } from './kernel-rig.ts'
import type { WirePeer } from './protocol.ts'

/** A wire thread on a node, BIRD on a router; a second way goes over a forwarder, so that TTL 255 arrives as 254. */

const interval = (ms: number): string => `min rx interval ${ms} ms; min tx interval ${ms} ms; multiplier 3;`

const birdConfig = (ms: number): string => `
router id 10.0.0.1;
log "bird.log" all;
protocol device {}
protocol bfd watch {
  interface "eth0" { ${interval(ms)} };
  multihop { ${interval(ms)} };
}
template bgp node {
  passive on;
  error wait time 1, 2;
  bfd on;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}
protocol bgp direct4 from node { local 192.0.2.1 as 64512; neighbor 192.0.2.10 as 64500; }
protocol bgp direct6 from node { local 2001:db8::1 as 64512; neighbor 2001:db8::10 as 64500; }
protocol bgp link6 from node {
  local fe80::1 as 64512;
  neighbor fe80::10%eth0 as 64500;
}
protocol bgp far4 from node { multihop 3; local 203.0.113.1 as 64512; neighbor 198.51.100.10 as 64500; }
protocol bgp far6 from node { multihop 3; local 2001:db8:3::1 as 64512; neighbor 2001:db8:5::10 as 64500; }
`

let node: Netns
let router: Netns
let forwarder: Netns
let folder: string
let wire: WireRig
let bird: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-bfd-bird-'))
  node = await createNetns('bfdnode')
  router = await createNetns('bfdrouter')
  forwarder = await createNetns('bfdforwarder')
  await connect(
    {
      ns: node,
      device: 'eth0',
      addresses: ['192.0.2.10/24', '2001:db8::10/64', 'fe80::10/64'],
    },
    {
      ns: router,
      device: 'eth0',
      addresses: ['192.0.2.1/24', '2001:db8::1/64', 'fe80::1/64'],
    },
  )
  await connect(
    { ns: node, device: 'far0', addresses: ['198.51.100.10/24', '2001:db8:5::10/64'] },
    { ns: forwarder, device: 'near', addresses: ['198.51.100.1/24', '2001:db8:5::1/64'] },
  )
  await connect(
    { ns: router, device: 'far0', addresses: ['203.0.113.1/24', '2001:db8:3::1/64'] },
    { ns: forwarder, device: 'beyond', addresses: ['203.0.113.254/24', '2001:db8:3::254/64'] },
  )
  const forwarding = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']
  await must(forwarder, 'sh', ['-ec', forwarding.map((key) => `echo 1 > /proc/sys/net/${key}`).join('\n')])
  await must(node, 'ip', ['route', 'add', '203.0.113.0/24', 'via', '198.51.100.1'])
  await must(node, 'ip', ['route', 'add', '2001:db8:3::/64', 'via', '2001:db8:5::1'])
  await must(router, 'ip', ['route', 'add', '198.51.100.0/24', 'via', '203.0.113.254'])
  await must(router, 'ip', ['route', 'add', '2001:db8:5::/64', 'via', '2001:db8:3::254'])
  writeFileSync(join(folder, 'bird.conf'), birdConfig(100))
  spawnIn(router, 'bird', ['-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'], { cwd: folder })
  await until('BIRD answers', async () => (await birdc('show', 'status')).includes('is up'))
  bird = Number(readFileSync(join(folder, 'bird.pid'), 'utf8'))
})

afterAll(async () => {
  await cleanup()
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  wire = new WireRig('node-a')
  wire.start(node)
})

afterEach(async () => {
  process.kill(bird, 'SIGCONT')
  await wire.host.stop()
  expect(wire.crashes).toEqual([])
})

/** What birdc prints; its exit code is 1 also for what is not there. */
const birdc = async (...words: string[]): Promise<string> =>
  (await run(router, 'birdc', ['-s', join(folder, 'bird.ctl'), ...words])).stdout

const fast = {
  receiveInterval: 100,
  transmitInterval: 100,
  detectMultiplier: 3,
  passive: false,
  minimumTtl: 1,
  echo: false,
}

const peer = (remote: string, local: string, change: Partial<WirePeer> = {}): WirePeer => ({
  name: 'tor',
  localAS: 64500,
  peerAS: 64512,
  address: parseAddress(remote),
  sourceAddress: parseAddress(local),
  port: 179,
  routerId: '192.0.2.10',
  holdTime: 90_000,
  connectRetryTime: 200,
  multihop: false,
  families: ['ipv4-unicast', 'ipv6-unicast'],
  bfd: fast,
  ...change,
})

const direct = peer('192.0.2.1', '192.0.2.10')

const announce = (prefix: string): void =>
  wire.send({ kind: 'routes', put: [{ peer: 'tor', prefix, communities: [] }], remove: [] })

async function up(wanted: WirePeer, remote: string): Promise<void> {
  wire.send({ kind: 'peers', peers: [wanted] })
  await until('BGP Established', () => wire.session('tor')?.state === 'Established', 25_000)
  if (wanted.bfd !== undefined) await until('BFD Up', () => wire.bfd(remote)?.state === 'Up', 20_000)
}

/** BIRD's line for a session: address, interface, state, since, interval, timeout. */
const birdSession = async (address: Address | undefined): Promise<string[] | undefined> =>
  (await birdc('show', 'bfd', 'sessions'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([first]) => address !== undefined && first === formatAddress(address))

const ways: [string, WirePeer, string, string][] = [
  ['IPv4', direct, '192.0.2.1', '198.18.0.1/32'],
  ['IPv6', peer('2001:db8::1', '2001:db8::10'), '2001:db8::1', '2001:db8:ffff::1/128'],
  [
    'IPv6 link-local',
    peer('fe80::1', 'fe80::10', { device: 'eth0', families: ['ipv6-unicast'] }),
    'fe80::1',
    '2001:db8:ffff::2/128',
  ],
  ['IPv4 multihop', peer('203.0.113.1', '198.51.100.10', { multihop: true }), '203.0.113.1', '198.18.0.2/32'],
  [
    'IPv6 multihop',
    peer('2001:db8:3::1', '2001:db8:5::10', { multihop: true }),
    '2001:db8:3::1',
    '2001:db8:ffff::3/128',
  ],
]

test.each(ways)(
  '%s: Up, and a frozen router is noticed within the detection time',
  async (_way, wanted, remote, prefix) => {
    await up(wanted, remote)
    announce(prefix)
    await until('the route', async () => (await birdc('show', 'route')).includes(prefix))
    await until('the agreed interval', () => wire.bfd(remote)?.detectionTime === 300)
    expect((await birdSession(wanted.sourceAddress))?.[2]).toBe('Up')

    process.kill(bird, 'SIGSTOP')
    await until('BFD Down', () => wire.bfd(remote)?.state === 'Down', 10_000)
    expect(wire.bfd(remote)).toMatchObject({ diagnostic: 1, counters: { downEvents: 1 } })
    await until('BGP closed', () => wire.session('tor')?.lastError?.code === 'FL_BGP_CEASE_BFD')
    expect(wire.session('tor')?.lastError?.text).toContain('Cease, BFD Down (6/10)')

    // Not announced again by the session that follows within milliseconds.
    wire.send({ kind: 'routes', put: [], remove: [{ peer: 'tor', prefix }] })
    process.kill(bird, 'SIGCONT')
    await until('the route gone', async () => !(await birdc('show', 'route')).includes(prefix))
    await until('Established again', () => wire.session('tor')?.state === 'Established', 25_000)
    await until('Up again', () => wire.bfd(remote)?.state === 'Up')
  },
)

test('other timers, decided by either side, go through a Poll and disturb nothing', async () => {
  await up(direct, '192.0.2.1')
  await until('100 ms', () => wire.bfd('192.0.2.1')?.detectionTime === 300)
  const configure = async (ms: number): Promise<void> => {
    writeFileSync(join(folder, 'bird.conf'), birdConfig(ms))
    expect(await birdc('configure')).toContain('Reconfigured')
  }
  await configure(400)
  await until('400 ms', () => wire.bfd('192.0.2.1')?.detectionTime === 1200)
  expect(wire.bfd('192.0.2.1')?.transmitInterval).toBe(400)
  await configure(100)
  await until('100 ms again', () => wire.bfd('192.0.2.1')?.detectionTime === 300)

  const slow = { ...fast, transmitInterval: 500, receiveInterval: 500, detectMultiplier: 4 }
  wire.send({ kind: 'peers', peers: [{ ...direct, bfd: slow }] })
  await until('500 ms', () => wire.bfd('192.0.2.1')?.detectionTime === 1500)
  // BIRD's time-out: our multiplier times our interval.
  await until('BIRD knows', async () => (await birdSession(direct.sourceAddress))?.at(-1) === '2.000')
  expect(wire.bfd('192.0.2.1')?.counters).toMatchObject({ upEvents: 1, downEvents: 0 })
  expect(wire.session('tor')?.counters.established).toBe(1)
})

// BIRD 2.0.12 takes a remote AdminDown for a failure and drops BGP: it does not get one as long as it does BFD.
test('taken off the peer and then off BIRD, BFD ends and BGP stays; put back it comes Up', async () => {
  await up(direct, '192.0.2.1')
  await until('BIRD Up', async () => (await birdSession(direct.sourceAddress))?.[2] === 'Up')
  const mark = { ...direct, name: 'mark', blocked: 'only to see that the list has arrived' }
  wire.send({ kind: 'peers', peers: [{ ...direct, bfd: undefined }, mark] })
  await until('taken off', () => wire.session('mark'))
  await birdc('disable', 'watch')
  await until('ended here', () => wire.bfd('192.0.2.1') === undefined)
  await birdc('enable', 'watch')
  wire.send({ kind: 'peers', peers: [direct] })
  await until('Up again', () => wire.bfd('192.0.2.1')?.state === 'Up', 20_000)
  expect(wire.session('tor')).toMatchObject({ state: 'Established', counters: { established: 1 } })
})

test('a router that ends BFD without a word fails once; BGP comes back without BFD, then BFD joins it', async () => {
  await up(direct, '192.0.2.1')
  await birdc('disable', 'watch')
  await until('closed', () => wire.session('tor')?.lastError?.code === 'FL_BGP_CEASE_BFD')
  const closed = performance.now()
  await until('back', () => wire.session('tor')?.state === 'Established', 25_000)
  // The hold is ten seconds; that BGP was closed may be noticed late.
  expect(performance.now() - closed).toBeGreaterThan(5000)
  expect(wire.bfd('192.0.2.1')?.state).toBe('Down')
  await birdc('enable', 'watch')
  await until('Up', () => wire.bfd('192.0.2.1')?.state === 'Up', 20_000)
  expect(wire.session('tor')?.counters.established).toBe(2)
}, 60_000)

test('passive: silent until the router speaks, then Up', async () => {
  await birdc('disable', 'watch')
  const passive = { ...direct, bfd: { ...fast, passive: true } }
  await up({ ...passive, bfd: undefined }, '192.0.2.1')
  wire.send({ kind: 'peers', peers: [passive] })
  await until('a session', () => wire.bfd('192.0.2.1'))
  const later = performance.now() + 1500
  await until('the time of a first packet to pass', () => performance.now() > later)
  expect(wire.bfd('192.0.2.1')).toMatchObject({ state: 'Down', counters: { packetsOut: 0 } })
  await birdc('enable', 'watch')
  await until('Up', () => wire.bfd('192.0.2.1')?.state === 'Up', 20_000)
})

interface Heard {
  readonly at: number
  readonly port: number
  readonly packet?: ControlPacket
}

const closeables: { close(): unknown }[] = []
afterEach(() => {
  for (const one of closeables.splice(0)) one.close()
})

/**
 * A router made by hand, where the forwarder is: it takes the TCP connection for BGP and says nothing, so that a BFD
 * session begins; packets of any TTL from it, and what comes back.
 */
async function routerByHand(bfd: BfdSettings): Promise<{
  say: (ttl: number, change: Partial<ControlPacket>) => Promise<void>
  heard: Heard[]
}> {
  const [address, local] = ['198.51.100.1', '198.51.100.10']
  const heard: Heard[] = []
  const inside = <T extends { close(): unknown }>(open: () => T): T => {
    const opened = inNetworkNamespace(forwarder.path, open)
    closeables.push(opened)
    return opened
  }
  inside(() =>
    listenTcp({ family: 4, local: { address, port: 179 } }, (socket) =>
      closeables.push({ close: () => socket.destroy() }),
    ),
  )
  inside(() => openUdpSocket({ local: { address, port: 3784 }, minimumTtl: 255 })).on(
    'message',
    (payload, { port }) => {
      const decoded = decodeControl(payload)
      heard.push({ at: performance.now(), port, ...('packet' in decoded && { packet: decoded.packet }) })
    },
  )
  const senders = new Map<number, Socket>()
  wire.send({ kind: 'peers', peers: [peer(address, local, { bfd })] })
  await until('a session', () => wire.bfd(address))
  return {
    heard,
    say: async (ttl, change) => {
      const sender = senders.get(ttl) ?? inside(() => openUdpSocket({ local: { address, port: 0 }, ttl }))
      senders.set(ttl, sender)
      await new Promise((resolve) => sender.send(said(change), 3784, local, resolve))
    },
  }
}

test('multihop: a least TTL keeps away what has come too far, and says so', async () => {
  const far = peer('203.0.113.1', '198.51.100.10', { multihop: true })
  const strict = { ...far, bfd: { ...fast, minimumTtl: 254 } }
  await up({ ...far, bfd: undefined }, '203.0.113.1')
  wire.send({ kind: 'peers', peers: [strict] })
  // BIRD sends multihop BFD with a TTL of 64, and the forwarder takes one off.
  await until('drops', () => (wire.bfd('203.0.113.1')?.counters.drops.ttl ?? 0) > 1)
  expect(wire.bfd('203.0.113.1')).toMatchObject({ state: 'Down', counters: { packetsIn: 0 } })
  wire.send({ kind: 'peers', peers: [{ ...far, bfd: { ...fast, minimumTtl: 63 } }] })
  await until('Up', () => wire.bfd('203.0.113.1')?.state === 'Up', 20_000)
})

test('case 1: TTL 254 on a single hop is dropped in the kernel, and counted', async () => {
  const { say, heard } = await routerByHand(fast)
  for (const ttl of [254, 64, 1]) await say(ttl, {})
  await until('the count', () => wire.bfd('198.51.100.1')?.counters.drops.ttl === 3)
  expect(wire.bfd('198.51.100.1')).toMatchObject({ state: 'Down', counters: { packetsIn: 0 } })
  await say(255, {})
  await until('Init', () => wire.bfd('198.51.100.1')?.state === 'Init')
  await until('the answer', () => heard.some(({ packet }) => packet?.state === 'Init'))
})

test('cases 7, 8, 10 and 15 on the wire', async () => {
  const settings = { ...fast, transmitInterval: 50, receiveInterval: 1000 }
  const { say, heard } = await routerByHand(settings)
  const own = await until('a first packet', () => heard[0]?.packet?.myDiscriminator)
  await say(255, { yourDiscriminator: own === 1 ? 2 : 1 })
  await say(255, { state: 'Up' })
  await until('both counted', () => {
    const { drops = {} } = wire.of('bfd').findLast((one) => one.drops !== undefined) ?? {}
    return drops.unknownSession === 1 && drops.stateWithoutSession === 1
  })
  const quick = { yourDiscriminator: own, requiredMinRx: 10_000, desiredMinTx: 1_000_000, multiplier: 20 }
  await say(255, { ...quick, state: 'Init' })
  await until('Up', () => wire.bfd('198.51.100.1')?.state === 'Up')
  const asked = performance.now()
  await say(255, { ...quick, state: 'Up', poll: true })
  const answer = await until('the Final', () => heard.find(({ packet }) => packet?.final))
  // At most the packet that was due anyway came before it.
  expect(heard.filter(({ at }) => at >= asked).indexOf(answer)).toBeLessThan(2)
  expect(answer.packet).toMatchObject({
    state: 'Up',
    poll: false,
    desiredMinTx: 50_000,
    requiredMinRx: 1_000_000,
  })

  await say(255, { ...quick, state: 'Up', final: true })
  const from = heard.length
  await until('200 packets', () => heard.length > from + 200, 15_000)
  const times = heard.slice(from).map(({ at }) => at)
  // A busy machine delivers late and then several at once, so single gaps say nothing; all together do: never early.
  expect(times.at(-1)! - times[0]).toBeGreaterThan((times.length - 1) * 50 * 0.75 - 50)
  expect(new Set(heard.map(({ port }) => port)).size).toBe(1)
  expect(heard[0].port).toBeGreaterThanOrEqual(49_152)
  expect(heard.some(({ packet }) => packet === undefined || (packet.poll && packet.final))).toBe(false)
}, 40_000)
