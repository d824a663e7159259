import { beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '#bgp-ts/testing.ts'
import { replay } from './recording.ts'
import { maxSessions, type BfdHandle, type BfdSessions } from './sessions.ts'
import type { BfdSessionStatus, BfdSign } from './status.ts'
import { datagram, fakeSessions, FakeNetwork, request, said, settings } from './testing.ts'

let clock: FakeClock
let network: FakeNetwork
let node: BfdSessions
let router: BfdSessions

beforeEach(() => {
  clock = new FakeClock()
  network = new FakeNetwork(clock)
  node = fakeSessions(network, 100)
  router = fakeSessions(network, 200)
})

const there = request({ local: '192.0.2.1', remote: '192.0.2.2', client: 'bgp/node' })
const ignore = (): void => {}

/** Both ends, Up. */
function bothUp(change: Parameters<typeof request>[0] = {}): { own: BfdHandle; peer: BfdHandle } {
  const own = node.acquire(request(change), ignore)
  const peer = router.acquire({ ...there, ...(change?.settings && { settings: change.settings }) }, ignore)
  clock.advance(3000)
  expect(own.status().state).toBe('Up')
  return { own, peer }
}

const states = (seen: readonly BfdSessionStatus[]): string[] =>
  seen.map(({ state, remoteState }) => `${state} ${remoteState}`)

describe('a session', () => {
  test('comes Up by itself on both ends, and what it says of itself', () => {
    const seen: BfdSessionStatus[] = []
    const own = node.acquire(request(), (status) => seen.push(status))
    const peer = router.acquire(there, ignore)
    clock.advance(100)
    expect([own, peer].map((handle) => handle.status().state)).toEqual(['Up', 'Up'])
    expect(states(seen).at(-1)).toBe('Up Up')
    clock.advance(3000)
    expect(own.status()).toMatchObject({
      key: 'single-hop 192.0.2.2 192.0.2.1',
      local: '192.0.2.2',
      remote: '192.0.2.1',
      multihop: false,
      clients: ['bgp/tor'],
      diagnostic: 0,
      discriminator: 100,
      remoteDiscriminator: 200,
      transmitInterval: 300,
      receiveInterval: 300,
      detectionTime: 900,
      notes: [],
      counters: { upEvents: 1, downEvents: 0, drops: {}, sendErrors: 0 },
    })
    const { packetsIn, packetsOut } = own.status().counters
    expect(packetsIn).toBeGreaterThan(10)
    expect(Math.abs(packetsIn - packetsOut)).toBeLessThan(4)
  })

  test('case 13: silence takes it Down within the detection time, diagnostic 1', () => {
    const seen: BfdSessionStatus[] = []
    const own = node.acquire(request(), (status) => seen.push(status))
    router.acquire(there, ignore)
    clock.advance(5000)
    network.lost = ({ path }) => path.local === '192.0.2.1'
    const silence = clock.now()
    // The last packet came up to one interval earlier.
    clock.advance(599)
    expect(own.status().state).toBe('Up')
    clock.advance(302)
    expect(own.status()).toMatchObject({
      state: 'Down',
      diagnostic: 1,
      remoteDiscriminator: 0,
      detectionTime: 0,
    })
    expect(own.status().since - silence).toBeGreaterThanOrEqual(600)
    expect(own.status().since - silence).toBeLessThanOrEqual(901)
    expect(seen.at(-1)).toMatchObject({ state: 'Down', counters: { downEvents: 1 } })
    network.lost = () => false
    clock.advance(4000)
    expect(own.status()).toMatchObject({ state: 'Up', counters: { upEvents: 2 } })
  })

  test('one way only: the side that hears nothing tells the other', () => {
    const { own, peer } = bothUp()
    network.lost = ({ path }) => path.local === '192.0.2.2'
    clock.advance(1000)
    expect(peer.status()).toMatchObject({ state: 'Down', diagnostic: 1 })
    expect(own.status()).toMatchObject({ state: 'Down', diagnostic: 3, remoteDiagnostic: 1 })
  })

  test('its source port is in 49152 to 65535 and stays (case 15)', () => {
    bothUp()
    const ports = network.sent
      .filter(({ path }) => path.local === '192.0.2.2')
      .map(({ sourcePort }) => sourcePort)
    expect(new Set(ports).size).toBe(1)
    expect(ports[0]).toBeGreaterThanOrEqual(49_152)
    expect(ports[0]).toBeLessThanOrEqual(65_535)
  })

  test('a source port in use is passed over', () => {
    const tried: number[] = []
    network.refuse = (_path, port) => {
      tried.push(port)
      return tried.length < 4 ? 'EADDRINUSE' : undefined
    }
    expect(node.acquire(request(), ignore).status().problem).toBeUndefined()
    expect(tried).toEqual([tried[0], tried[0] + 1, tried[0] + 2, tried[0] + 3])
  })

  test('what was paused does not blame the peer: arrivals are read before a verdict', () => {
    const late: (() => void)[] = []
    const { port } = network
    network.port = (onDatagram) => ({
      ...port.call(network, onDatagram),
      afterArrivals: (run) => late.push(run),
    })
    const slow = fakeSessions(network, 300)
    const own = slow.acquire(request(), ignore)
    router.acquire(there, ignore)
    clock.advance(3000)
    network.lost = () => true
    clock.advance(1000)
    expect(own.status().state).toBe('Up')
    // What the kernel had kept comes in first.
    slow.receive(
      datagram(said({ state: 'Up', yourDiscriminator: 300, myDiscriminator: 200, desiredMinTx: 300_000 })),
    )
    for (const run of late.splice(0)) run()
    expect(own.status().state).toBe('Up')
    clock.advance(1000)
    for (const run of late.splice(0)) run()
    expect(own.status().state).toBe('Down')
  })

  test('after a pause of everything the peer gets one interval to be heard again', () => {
    const { own } = bothUp()
    const { now } = clock
    let pause = 0
    clock.now = () => now.call(clock) + pause
    network.lost = () => true
    clock.advance(600)
    // The timer of the detection time comes, but much later than it should.
    pause = 5000
    clock.advance(300)
    expect(own.status().state).toBe('Up')
    network.lost = () => false
    clock.advance(300)
    expect(own.status()).toMatchObject({ state: 'Up', counters: { downEvents: 0 } })
    network.lost = () => true
    clock.advance(600)
    pause += 5000
    clock.advance(300)
    expect(own.status().state).toBe('Up')
    clock.advance(301)
    expect(own.status().state).toBe('Down')
  })

  test('replays from its recording', () => {
    const lines: string[] = []
    const own = node.acquire(request(), ignore)
    expect(node.record(own.key, (line) => lines.push(line))).toBe(true)
    expect(node.record('nothing', ignore)).toBe(false)
    router.acquire(there, ignore)
    clock.advance(2000)
    network.lost = () => true
    clock.advance(2000)
    const steps = replay(lines)
    expect(steps.map(({ actions }) => actions)).toEqual(steps.map(({ recorded }) => recorded))
    expect(steps.at(-1)?.state.name).toBe('Down')
    expect(steps.some(({ state }) => state.name === 'Up')).toBe(true)
    const failure = expect.objectContaining({ code: 'FL_BFD_RECORDING' })
    for (const broken of [[], [lines[0]], [lines[1]], [lines[0], lines[1].slice(0, -4)]]) {
      expect(() => replay(broken)).toThrow(failure)
    }
  })
})

describe('which session a packet is of (RFC 5880 6.3)', () => {
  let own: BfdHandle

  beforeEach(() => (own = node.acquire(request(), ignore)))

  test.each([
    ['7: an unknown discriminator', said({ yourDiscriminator: 4711 }), {}, 'unknownSession'],
    ['8: discriminator 0 with Up', said({ state: 'Up' }), {}, 'stateWithoutSession'],
    ['8: discriminator 0 with Init', said({ state: 'Init' }), {}, 'stateWithoutSession'],
    ['of another address', said(), { remote: '192.0.2.9' }, 'noSession'],
    ['to another address', said(), { local: '192.0.2.9' }, 'noSession'],
    ['on the multihop port', said(), { multihop: true }, 'noSession'],
    [
      'on the multihop port by discriminator',
      said({ yourDiscriminator: 100 }),
      { multihop: true },
      'unknownSession',
    ],
    ['3: dropped before it is looked for', Buffer.alloc(24, 0x20), {}, 'length'],
  ])('%s', (_name, payload, change, reason) => {
    node.receive(datagram(payload, change))
    expect(node.drops).toEqual({ [reason]: 1 })
    expect(own.status()).toMatchObject({ state: 'Down', remoteDiscriminator: 0, counters: { packetsIn: 0 } })
  })

  test('9: authentication on a session without', () => {
    const payload = Buffer.concat([said({ yourDiscriminator: 100 }), Buffer.alloc(4)])
    payload[1] |= 0x04
    payload[3] = 28
    node.receive(datagram(payload))
    expect(node.drops).toEqual({ authentication: 1 })
    expect(own.status().counters).toMatchObject({ packetsIn: 0, drops: { authentication: 1 } })
  })

  test('by the discriminator whatever the source, by the addresses while that is 0', () => {
    node.receive(datagram(said()))
    expect(own.status().state).toBe('Init')
    node.receive(datagram(said({ state: 'Init', yourDiscriminator: 100 }), { remote: '203.0.113.7' }))
    expect(own.status()).toMatchObject({ state: 'Up', counters: { packetsIn: 2 } })
  })

  test('link-local peers on two interfaces are two', () => {
    const link = { local: 'fe80::2', remote: 'fe80::1', client: 'layer2/b' }
    const [zero, one] = ['eth0', 'eth1'].map((name) =>
      node.acquire(request({ ...link, interface: name }), ignore),
    )
    node.receive(datagram(said(), { local: 'fe80::2', remote: 'fe80::1', interface: 'eth1' }))
    expect([zero, one].map((handle) => handle.status().state)).toEqual(['Down', 'Init'])
  })

  test('a flood of Polls is answered up to a bound, and counts as heard', () => {
    node.receive(datagram(said()))
    network.sent.length = 0
    const poll = said({ state: 'Down', yourDiscriminator: 100, poll: true })
    for (let index = 0; index < 1000; index++) node.receive(datagram(poll))
    expect(network.sent.filter(({ packet }) => packet.final)).toHaveLength(100)
    expect(own.status().counters).toMatchObject({ packetsIn: 1001, drops: { pollRate: 900 } })
  })

  test.each([
    [{ local: 'nonsense' }, 'not an address'],
    [{ remote: '2001:db8::1' }, 'two address families'],
    [{ remote: '192.0.2.2' }, 'this node itself'],
    [{ local: 'fe80::2', remote: 'fe80::1' }, 'needs an interface'],
    [{ local: 'fe80::2', remote: 'fe80::1', multihop: true, interface: 'eth0' }, 'never more than a hop'],
  ])('%j is refused', (change, why) => {
    expect(() => node.acquire(request(change), ignore)).toThrow(
      expect.objectContaining({ code: 'FL_BFD_ADDRESS', message: expect.stringContaining(why) }),
    )
  })

  test('their number is bounded', () => {
    const remote = (index: number): string => `10.0.${index >> 8}.${index & 255}`
    for (let index = 1; index < maxSessions; index++) node.acquire(request({ remote: remote(index) }), ignore)
    expect(() => node.acquire(request({ remote: '10.9.9.9' }), ignore)).toThrow(
      expect.objectContaining({ code: 'FL_BFD_TOO_MANY' }),
    )
    expect(() => node.acquire(request({ client: 'layer2/b' }), ignore)).not.toThrow()
  })
})

describe('a shared session', () => {
  test('is one on the wire, ends with its last client, and runs as the most demanding wants it', () => {
    const { own } = bothUp()
    const seen: string[] = []
    const other = node.acquire(
      request({ client: 'layer2/b', settings: settings({ transmitInterval: 100 }), interface: 'eth0' }),
      ({ state }) => seen.push(state),
    )
    expect(other.status()).toMatchObject({ state: 'Up', clients: ['bgp/tor', 'layer2/b'], interface: 'eth0' })
    clock.advance(1000)
    expect(own.status().transmitInterval).toBe(300)
    other.update(settings({ transmitInterval: 100, receiveInterval: 100 }))
    clock.advance(2000)
    expect(own.status()).toMatchObject({ state: 'Up', receiveInterval: 300 })
    expect(node.statuses()).toHaveLength(1)
    other.release()
    other.release()
    other.update(settings({ transmitInterval: 50 }))
    expect(own.status()).toMatchObject({ state: 'Up', clients: ['bgp/tor'] })
    network.lost = () => true
    clock.advance(5000)
    expect(own.status().state).toBe('Down')
    expect(seen).toEqual([])
    own.release()
    clock.advance(5000)
    expect(node.statuses()).toEqual([])
  })

  test('a change of timers polls and disturbs nothing', () => {
    const { own, peer } = bothUp()
    const fast = settings({ transmitInterval: 100, receiveInterval: 100 })
    own.update(fast)
    peer.update(fast)
    clock.advance(2000)
    expect(own.status()).toMatchObject({ transmitInterval: 100, receiveInterval: 100, detectionTime: 300 })
    own.update(settings({ transmitInterval: 1000, receiveInterval: 1000 }))
    clock.advance(5000)
    expect(own.status()).toMatchObject({ transmitInterval: 1000, receiveInterval: 1000, detectionTime: 3000 })
    expect([own, peer].map((handle) => handle.status().counters.downEvents)).toEqual([0, 0])
  })

  test('says AdminDown three times when its last client goes; the peer hears no failure', () => {
    const { own, peer } = bothUp()
    network.sent.length = 0
    own.release()
    clock.advance(1000)
    const farewell = network.sent.filter(({ path }) => path.local === '192.0.2.2')
    expect(farewell.map(({ packet }) => packet.state)).toEqual(['AdminDown', 'AdminDown', 'AdminDown'])
    expect(peer.status()).toMatchObject({ state: 'Down', remoteState: 'AdminDown', remoteDiagnostic: 7 })
    expect(node.statuses()).toEqual([])
    expect(network.open).toBe(1)
  })

  test('wanted again during the farewell, it lives on', () => {
    const { own } = bothUp()
    own.release()
    clock.advance(100)
    const again = node.acquire(request(), ignore)
    clock.advance(5000)
    expect(again.status()).toMatchObject({ state: 'Up', discriminator: 100 })
  })

  test('stop tells every peer, within a second', async () => {
    const { peer } = bothUp()
    node.acquire(request({ remote: '192.0.2.77' }), ignore)
    const stopped = node.stop()
    clock.advance(1000)
    await stopped
    expect(node.statuses()).toEqual([])
    expect(peer.status().remoteState).toBe('AdminDown')
    await fakeSessions(network).stop()
  })
})

describe('a socket that the kernel refuses', () => {
  test.each([
    ['EADDRNOTAVAIL', 'not an address of this node'],
    ['ENODEV', 'no interface eth0'],
  ])('%s is said in words and tried again every second', (errno, words) => {
    network.refuse = ({ local }) => (local === '192.0.2.2' ? errno : undefined)
    const own = node.acquire(request({ interface: 'eth0' }), ignore)
    router.acquire(there, ignore)
    clock.advance(3000)
    expect(own.status()).toMatchObject({
      state: 'Down',
      problem: { code: 'FL_BFD_SOCKET', text: expect.stringContaining(words) },
    })
    network.refuse = () => undefined
    clock.advance(3000)
    expect(own.status().state).toBe('Up')
    expect(own.status().problem).toBeUndefined()
  })
})

describe('signs besides the state', () => {
  let signs: string[]

  /** Up, and what a client of one end notices from then on, with the time since. */
  function noticed(change: Parameters<typeof request>[0] = {}): BfdHandle {
    signs = []
    let start = Infinity
    const sign = (one: BfdSign): void =>
      void (clock.now() >= start && signs.push(`${clock.now() - start} ${one}`))
    const own = node.acquire(request({ ...change, client: 'layer2/router' }), ignore, sign)
    router.acquire({ ...there, ...(change.settings && { settings: change.settings }) }, ignore)
    clock.advance(5000)
    expect(own.status().state).toBe('Up')
    start = clock.now()
    return own
  }
  const some = (what: BfdSign): string[] => signs.filter((one) => one.endsWith(` ${what}`))

  test('each packet, both ways', () => {
    const own = noticed()
    clock.advance(3000)
    expect(own.transmitInterval()).toBe(300)
    expect(some('sent').length).toBeGreaterThanOrEqual(10)
    expect(some('heard').length).toBeGreaterThanOrEqual(10)
    expect([...some('overdue'), ...some('refused')]).toEqual([])
  })

  test('a packet is missed 10 ms after the agreed interval, once, long before the session is Down', () => {
    const own = noticed()
    clock.advance(1000)
    const last = Number.parseInt(some('heard').at(-1) ?? '', 10)
    network.lost = () => true
    clock.advance(600)
    expect(some('overdue')).toEqual([`${last + 310} overdue`])
    expect(own.status().state).toBe('Up')
    clock.advance(1000)
    expect(own.status().state).toBe('Down')
    network.lost = () => false
    clock.advance(5000)
    expect(some('overdue')).toHaveLength(1)
  })

  test('the agreed interval is what counts', () => {
    noticed({ settings: settings({ transmitInterval: 100, receiveInterval: 100 }) })
    clock.advance(1000)
    const last = Number.parseInt(some('heard').at(-1) ?? '', 10)
    network.lost = () => true
    clock.advance(150)
    expect(some('overdue')).toEqual([`${last + 110} overdue`])
  })

  test('refused is no state: what BGP hears of the session is the same as without', () => {
    const own = noticed()
    const seen: BfdSessionStatus[] = []
    node.acquire(request({ client: 'bgp/router' }), (status) => seen.push(status))
    network.ended.add('192.0.2.1')
    clock.advance(600)
    expect(some('refused').length).toBeGreaterThanOrEqual(2)
    expect(own.status()).toMatchObject({ state: 'Up', counters: { sendErrors: 0 } })
    expect(seen).toEqual([])
  })
})
