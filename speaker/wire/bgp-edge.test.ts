import { beforeEach, describe, expect, test } from 'vitest'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import {
  bothFamilies,
  encodeOpenBytes,
  FakeClock,
  FakeConnection,
  message,
  peerOpen,
  testConfig,
  incomingConnection,
} from '#bgp-ts/testing.ts'
import { formatCommunity } from '#bgp-ts/wire/communities.ts'
import { parseAddress } from '#inet/address.ts'
import { formatPrefix } from '#inet/prefix.ts'
import { defaultSettings } from '../bfd/config.ts'
import type { BfdHandle, BfdSessions } from '../bfd/sessions.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import { FakeNetwork, fakeSessions, request } from '../bfd/testing.ts'
import { BgpEdge } from './bgp-edge.ts'
import type { AcceptingPeer } from './bgp-listener.ts'
import type { Md5Counters } from './md5-counters.ts'
import type { WireObserved, WirePeer, WireRoute } from './protocol.ts'
import type { Routers } from './router-discovery-edge.ts'

const keepalive = message('0013 04')

let clock: FakeClock
let edge: BgpEdge
let observed: WireObserved[]
let network: FakeNetwork
let bfd: BfdSessions
let onLink: boolean
let md5: Md5Counters
let connections: { config: PeerConfig; connection: FakeConnection }[]
let listening: readonly AcceptingPeer[]
let routers: FakeRouters

beforeEach(() => {
  clock = new FakeClock()
  observed = []
  connections = []
  network = new FakeNetwork(clock)
  bfd = fakeSessions(network, 100)
  onLink = true
  md5 = { missing: 3, unexpected: 0, wrong: 0 }
  listening = []
  edge = new BgpEdge({
    clock,
    random: () => 0.5,
    bfd,
    onLink: () => onLink,
    md5: () => md5,
    listener: { update: (peers) => (listening = peers), stop: () => (listening = []) },
    routers: (hooks) => (routers = new FakeRouters(hooks)),
    connect: (config) => {
      const connection = new FakeConnection()
      connections.push({ config, connection })
      return connection
    },
    post: (one) => observed.push(one),
    log: (level, text, fields = {}) => observed.push({ kind: 'log', level, message: text, fields }),
  })
  edge.start()
})

/** Routers as a test says. */
class FakeRouters implements Routers {
  readonly hooks: Parameters<ConstructorParameters<typeof BgpEdge>[0]['routers']>[0]
  readonly known = new Map<string, string>()
  wanted: ReadonlySet<string> = new Set()

  constructor(hooks: FakeRouters['hooks']) {
    this.hooks = hooks
  }
  want(interfaces: ReadonlySet<string>): void {
    this.wanted = interfaces
  }
  router(name: string): { address: string } | { problem: string } {
    const address = this.known.get(name)
    return address === undefined ? { problem: `nobody on ${name}` } : { address }
  }
  stop(): void {
    this.wanted = new Set()
  }
  hear(name: string, address: string | undefined): void {
    if (address === undefined) this.known.delete(name)
    else this.known.set(name, address)
    this.hooks.onChange()
    clock.advance(1)
  }
}

const peer = (name: string, change: Partial<WirePeer> = {}): WirePeer => ({ ...testConfig, name, ...change })
const route = (to: string, prefix: string): WireRoute => ({ peer: to, prefix, communities: [] })

const told = (): SessionStatus[] => observed.flatMap((one) => (one.kind === 'sessions' ? one.sessions : []))
const states = (name: string): string[] =>
  told()
    .filter((status) => status.peer === name)
    .map(({ state }) => state)

/** Brings the connection to Established. */
function establish({ connection }: { connection: FakeConnection }): FakeConnection {
  connection.opened('192.0.2.2', '192.0.2.1')
  connection.receive(encodeOpenBytes())
  connection.receive(keepalive)
  connection.take(bothFamilies)
  return connection
}

/** Prefixes announced and withdrawn since the last call. */
function updates(connection: FakeConnection): { announced: string[]; withdrawn: string[] } {
  clock.advance(50)
  const announced: string[] = []
  const withdrawn: string[] = []
  for (const one of connection.take(bothFamilies)) {
    if (one.type !== 'update') continue
    announced.push(...one.nlri.map(formatPrefix))
    withdrawn.push(...one.withdrawn.map(formatPrefix))
  }
  return { announced, withdrawn }
}

const ceases = (connection: FakeConnection): number[] =>
  connection.take(bothFamilies).flatMap((one) => (one.type === 'notification' ? [one.subcode] : []))

describe('peers', () => {
  test('a session each; its states are told', () => {
    edge.peers([peer('a'), peer('b')])
    expect(connections.map(({ config }) => config.name)).toEqual(['a', 'b'])
    establish(connections[0])
    expect(states('a').at(-1)).toBe('Established')
    expect(states('b').at(-1)).toBe('Connect')
  })

  test('the same list again changes nothing', () => {
    edge.peers([peer('a')])
    const connection = establish(connections[0])
    observed = []
    edge.peers([peer('a')])
    expect(observed).toEqual([])
    expect(connection.closed).toBe(false)
  })

  test('one that is gone is closed with Cease 6/3, the others stay', () => {
    edge.peers([peer('a'), peer('b')])
    const [a, b] = connections.map(establish)
    observed = []
    edge.peers([peer('b')])
    expect(ceases(a)).toEqual([3])
    expect(a.closed).toBe(true)
    expect(b.closed).toBe(false)
    expect(told()).toEqual([])
  })

  test('a changed one is reset and connects with the new configuration', () => {
    edge.peers([peer('a')])
    const before = establish(connections[0])
    edge.peers([peer('a', { holdTime: 30_000 })])
    expect(ceases(before)).toEqual([6])
    clock.advance(10_000)
    expect(connections.at(-1)?.config.holdTime).toBe(30_000)
  })
})

describe('a blocked peer', () => {
  const blocked = 'Secret tor-password does not exist'

  test('never connects and says why', () => {
    edge.peers([peer('a', { blocked })])
    clock.advance(600_000)
    expect(connections).toEqual([])
    expect(told()).toMatchObject([
      { state: 'Idle', lastError: { code: 'FL_WIRE_PEER_BLOCKED', text: blocked } },
    ])
  })

  test('connects, with the password, when it is no longer blocked', () => {
    edge.peers([peer('a', { blocked })])
    edge.peers([peer('a', { password: 'secret' })])
    expect(connections.map(({ config }) => config.password)).toEqual(['secret'])
    establish(connections[0])
    expect(told().at(-1)).toMatchObject({ state: 'Established' })
    expect(told().at(-1)?.lastError).toBeUndefined()
  })

  test('that was up is closed and stays down', () => {
    edge.peers([peer('a')])
    const connection = establish(connections[0])
    edge.peers([peer('a', { blocked })])
    expect(ceases(connection)).toEqual([2])
    clock.advance(600_000)
    expect(connections).toHaveLength(1)
    expect(told().at(-1)).toMatchObject({ state: 'Idle', lastError: { text: blocked } })
  })
})

test('a peer that does not answer: what the kernel dropped for its signature is told with it', () => {
  edge.peers([peer('a', { password: 'secret' })])
  md5 = { ...md5, missing: 7 }
  clock.advance(60_000)
  const texts = told().flatMap(({ lastError }) => lastError?.text ?? [])
  expect(texts[0]).toContain('4 without the TCP MD5 signature that a password here asks for')
  expect(texts.at(-1)).not.toContain('signature that')
})

test('so it is where the kernel gives up before the session does, as with a short hold time', () => {
  edge.peers([peer('a', { password: 'secret', holdTime: 3000 })])
  md5 = { ...md5, missing: 7 }
  connections[0].connection.ended({ code: 'ETIMEDOUT', message: 'connect ETIMEDOUT' })
  expect(told().at(-1)?.lastError).toMatchObject({
    code: 'FL_BGP_CONNECT_TIMEOUT',
    text: expect.stringContaining('4 without the TCP MD5 signature that a password here asks for') as string,
  })
})

describe('routes', () => {
  test('put and removed', () => {
    edge.peers([peer('a'), peer('b')])
    const [a, b] = connections.map(establish)
    edge.routes([route('a', '198.51.100.1/32'), route('a', '198.51.100.2/32')], [])
    expect(updates(a).announced.sort()).toEqual(['198.51.100.1/32', '198.51.100.2/32'])
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    expect(updates(a)).toEqual({ announced: [], withdrawn: ['198.51.100.1/32'] })
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    expect(updates(a)).toEqual({ announced: [], withdrawn: [] })
    expect(updates(b)).toEqual({ announced: [], withdrawn: [] })
  })

  test('that came before the peer are announced when it is up', () => {
    edge.routes([route('a', '198.51.100.1/32')], [])
    edge.peers([peer('a')])
    expect(updates(establish(connections[0])).announced).toEqual(['198.51.100.1/32'])
  })

  test('outlive a peer that goes and returns', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', '198.51.100.1/32')], [])
    edge.peers([])
    edge.peers([peer('a')])
    expect(updates(establish(connections[1])).announced).toEqual(['198.51.100.1/32'])
  })

  test('of a peer that is gone can be removed, and put', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', '198.51.100.1/32'), route('a', '198.51.100.2/32')], [])
    edge.peers([])
    edge.routes([route('a', '198.51.100.3/32')], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    edge.peers([peer('a')])
    const announced = updates(establish(connections[1])).announced.sort()
    expect(announced).toEqual(['198.51.100.2/32', '198.51.100.3/32'])
  })

  test('of several peers are each their own, though they are the same', () => {
    edge.peers([peer('a'), peer('b')])
    const [a, b] = connections.map(establish)
    edge.routes([route('a', '198.51.100.1/32'), route('b', '198.51.100.1/32')], [])
    expect([updates(a).announced, updates(b).announced]).toEqual([['198.51.100.1/32'], ['198.51.100.1/32']])
    edge.routes([{ ...route('a', '198.51.100.1/32'), med: 5 }], [])
    expect([updates(a).announced, updates(b).announced]).toEqual([['198.51.100.1/32'], []])
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    expect([updates(a).withdrawn, updates(b).withdrawn]).toEqual([['198.51.100.1/32'], []])
    edge.peers([peer('b')])
    edge.routes([{ ...route('b', '198.51.100.1/32'), med: 5 }], [])
    expect(updates(b).announced).toEqual(['198.51.100.1/32'])
  })

  test('what is no prefix is said and left out', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', 'nonsense')], [])
    expect(observed.at(-1)).toMatchObject({ kind: 'log', level: 'error' })
  })
})

test('counters are told once a second at most, and only when they moved', () => {
  edge.peers([peer('a')])
  const connection = establish(connections[0])
  clock.advance(1000)
  observed = []
  for (let index = 0; index < 10; index++) connection.receive(keepalive)
  expect(observed).toEqual([])
  clock.advance(1000)
  expect(told()).toMatchObject([{ counters: { keepalivesReceived: 11 } }])
  observed = []
  clock.advance(3000)
  expect(observed).toEqual([])
})

test('a planned stop ends every session with Cease 6/2 and starts none after it', async () => {
  edge.peers([peer('a'), peer('b')])
  const ends = connections.map(establish)
  await edge.stop()
  expect(ends.map(ceases)).toEqual([[2], [2]])
  edge.peers([peer('c')])
  clock.advance(600_000)
  expect(connections).toHaveLength(2)
})

describe('BFD', () => {
  const withBfd = (change: Partial<WirePeer> = {}): WirePeer => peer('a', { bfd: defaultSettings, ...change })
  const bfdStatus = (): BfdSessionStatus => bfd.statuses()[0]
  /** The router's end. */
  const router = (): BfdSessions => fakeSessions(network, 200)
  const atRouter = request({ local: '192.0.2.1', remote: '192.0.2.2' })
  const last = (): SessionStatus | undefined => told().at(-1)

  /** BGP Established and BFD Up. */
  function bothUp(change: Partial<WirePeer> = {}) {
    edge.peers([withBfd(change)])
    const connection = establish(connections[0])
    const sessions = router()
    const handle = sessions.acquire(atRouter, () => {})
    clock.advance(3000)
    expect(bfdStatus().state).toBe('Up')
    connection.take(bothFamilies)
    return { connection, handle }
  }

  test('begins with the connection, between its addresses, on a single hop', () => {
    edge.peers([withBfd()])
    expect(bfd.statuses()).toEqual([])
    establish(connections[0])
    expect(bfd.statuses()).toMatchObject([
      { local: '192.0.2.2', remote: '192.0.2.1', multihop: false, clients: ['bgp/a'] },
    ])
  })

  test.each([
    ['eBGP with multihop', { multihop: true }, true, true],
    ['iBGP on the link', { peerAS: 64500 }, true, false],
    ['iBGP beyond it', { peerAS: 64500 }, false, true],
    ['eBGP beyond it, without multihop', {}, false, false],
    ['dynamic AS, internal, beyond it', { peerAS: undefined, asType: 'internal' }, false, true],
  ] as const)('%s', (_name, change, isOnLink, multihop) => {
    onLink = isOnLink
    edge.peers([withBfd(change)])
    connections[0].connection.opened('192.0.2.2', '192.0.2.1')
    expect(bfdStatus().multihop).toBe(multihop)
  })

  test('that never comes Up does not matter to BGP', () => {
    edge.peers([withBfd()])
    const connection = establish(connections[0])
    clock.advance(30_000)
    expect(bfdStatus().state).toBe('Down')
    expect(ceases(connection)).toEqual([])
    expect(last()?.state).toBe('Established')
  })

  test('13: Down after Up closes BGP at once with 6/10, and Up again connects at once', () => {
    const { connection } = bothUp()
    network.lost = () => true
    clock.advance(1000)
    expect(ceases(connection)).toEqual([10])
    expect(last()).toMatchObject({
      state: 'Idle',
      lastError: {
        code: 'FL_BGP_CEASE_BFD',
        text:
          'BFD went down, diagnostic: 1 (control detection time expired); ' +
          'we closed the session: Cease, BFD Down (6/10)',
      },
    })
    clock.advance(7000)
    expect(connections).toHaveLength(1)
    network.lost = () => false
    clock.advance(2500)
    expect(bfdStatus().state).toBe('Up')
    expect(connections).toHaveLength(2)
    establish(connections[1])
    expect(last()?.state).toBe('Established')
  })

  test('a route withdrawn while BGP waits for BFD is not announced by the next session', () => {
    const { connection } = bothUp()
    edge.routes([route('a', '198.51.100.1/32')], [])
    expect(updates(connection).announced).toEqual(['198.51.100.1/32'])
    network.lost = () => true
    clock.advance(1000)
    edge.routes([], [{ peer: 'a', prefix: '198.51.100.1/32' }])
    network.lost = () => false
    clock.advance(3000)
    expect(updates(establish(connections[1])).announced).toEqual([])
  })

  test('a peer that signals Down is a failure, too, in its words', () => {
    const { connection } = bothUp()
    network.lost = ({ path }) => path.local === '192.0.2.2'
    clock.advance(1000)
    expect(ceases(connection)).toEqual([10])
    expect(last()?.lastError?.text).toContain(
      '3 (neighbor signaled session down), its diagnostic: 1 (control detection time expired)',
    )
  })

  test('a path that BFD never calls good again holds BGP for ten seconds only', () => {
    bothUp()
    network.lost = () => true
    clock.advance(1000)
    clock.advance(10_000)
    expect(connections).toHaveLength(2)
    const second = establish(connections[1])
    clock.advance(60_000)
    expect(ceases(second)).toEqual([])
  })

  test('14: AdminDown of the peer is no failure, nor is the silence after it', () => {
    const { connection, handle } = bothUp()
    handle.release()
    clock.advance(10_000)
    expect(bfdStatus()).toMatchObject({ state: 'Down' })
    expect(ceases(connection)).toEqual([])
    expect(last()?.state).toBe('Established')
  })

  test('AdminDown of the peer ends the wait', () => {
    const { handle } = bothUp()
    network.lost = ({ path }) => path.local === '192.0.2.1'
    clock.advance(1000)
    expect(last()?.state).toBe('Idle')
    network.lost = () => false
    handle.release()
    clock.advance(100)
    expect(connections).toHaveLength(2)
  })

  test.each([
    ['says AdminDown', (handle: BfdHandle) => handle.release()],
    ['falls silent', () => (network.lost = ({ path }) => path.local === '192.0.2.1')],
  ])('taken off the peer: it answers until the router %s, and BGP stays', (_how, end) => {
    const { connection, handle } = bothUp()
    edge.peers([peer('a')])
    clock.advance(60_000)
    expect(handle.status()).toMatchObject({ state: 'Up', remoteState: 'Up' })
    end(handle)
    clock.advance(5000)
    expect(bfd.statuses()).toEqual([])
    expect(ceases(connection)).toEqual([])
    expect(last()?.state).toBe('Established')
  })

  test('taken off the peer and put back: it is the session that was there', () => {
    const { connection, handle } = bothUp()
    const { discriminator } = bfdStatus()
    edge.peers([peer('a')])
    clock.advance(1000)
    edge.peers([withBfd()])
    clock.advance(1000)
    expect(bfdStatus()).toMatchObject({ discriminator, state: 'Up', counters: { downEvents: 0 } })
    expect(ceases(connection)).toEqual([])
    // It counts again.
    network.lost = ({ path }) => path.local === '192.0.2.1'
    clock.advance(2000)
    expect(ceases(connection)).toEqual([10])
    handle.release()
  })

  test('taken off the peer: it ends with BGP, and a session that was not Up at once', () => {
    const { connection, handle } = bothUp()
    edge.peers([peer('a')])
    connection.ended()
    clock.advance(1000)
    expect(handle.status().remoteState).toBe('AdminDown')
    expect(bfd.statuses()).toEqual([])
    network.lost = () => true
    edge.peers([withBfd()])
    clock.advance(6000)
    establish(connections[1])
    expect(bfdStatus().state).toBe('Down')
    edge.peers([peer('a')])
    clock.advance(1000)
    expect(bfd.statuses()).toEqual([])
  })

  test('other timers change without a reset of either', () => {
    const { connection } = bothUp()
    edge.peers([withBfd({ bfd: { ...defaultSettings, transmitInterval: 1000, receiveInterval: 1000 } })])
    clock.advance(3000)
    expect(bfdStatus()).toMatchObject({ state: 'Up', detectionTime: 3000, counters: { downEvents: 0 } })
    expect(ceases(connection)).toEqual([])
  })

  test('a peer that is gone, and one that is blocked, have none', () => {
    bothUp()
    edge.peers([withBfd({ blocked: 'no Secret' })])
    clock.advance(1000)
    expect(bfd.statuses()).toEqual([])
    edge.peers([withBfd()])
    establish(connections[1])
    expect(bfd.statuses()).toHaveLength(1)
    edge.peers([])
    clock.advance(1000)
    expect(bfd.statuses()).toEqual([])
  })

  test('a session that cannot be is said, and BGP runs without', () => {
    edge.peers([withBfd()])
    connections[0].connection.opened('192.0.2.1', '192.0.2.1')
    expect(observed).toContainEqual(
      expect.objectContaining({ kind: 'log', message: 'the BGP session runs without BFD' }),
    )
  })

  test('a stop closes BGP first', async () => {
    const { connection, handle } = bothUp()
    const stopped = Promise.all([edge.stop(), bfd.stop()])
    expect(ceases(connection)).toEqual([2])
    clock.advance(1000)
    await stopped
    expect(handle.status().remoteState).toBe('AdminDown')
  })
})

describe('an unnumbered peer', () => {
  const unnumbered = peer('a', {
    unnumbered: true,
    device: 'eth0',
    address: parseAddress('::'),
    extendedNextHop: true,
  })
  const last = () => told().findLast((status) => status.peer === 'a')

  test('waits for its router, and says so', () => {
    edge.peers([unnumbered])
    expect(routers.wanted).toEqual(new Set(['eth0']))
    expect(connections).toEqual([])
    expect(last()).toMatchObject({
      state: 'Idle',
      endpoint: 'eth0:179',
      lastError: { code: 'FL_WIRE_NO_ROUTER', text: 'nobody on eth0' },
    })
    routers.hear('eth0', 'fe80::1')
    expect(connections.map(({ config }) => config.address)).toEqual([parseAddress('fe80::1')])
    expect(last()).toMatchObject({ endpoint: '[fe80::1%eth0]:179' })
  })

  test('follows a router that is another one now, and keeps its session while it is the same', () => {
    edge.peers([unnumbered])
    routers.hear('eth0', 'fe80::1')
    const connection = establish(connections[0])
    expect(routers.hooks.inUse('eth0')).toBe(true)
    expect(routers.hooks.inUse('eth1')).toBe(false)
    routers.hear('eth0', 'fe80::1')
    expect(connection.closed).toBe(false)
    routers.hear('eth0', 'fe80::2')
    expect(connection.closed).toBe(true)
    expect(connections.at(-1)?.config.address).toEqual(parseAddress('fe80::2'))
  })

  test('is down when its interface is, and gone when it is not wanted', () => {
    edge.peers([unnumbered])
    routers.hear('eth0', 'fe80::1')
    const connection = establish(connections[0])
    routers.hear('eth0', undefined)
    expect(connection.closed).toBe(true)
    expect(last()).toMatchObject({ state: 'Idle', lastError: { code: 'FL_WIRE_NO_ROUTER' } })
    edge.peers([])
    expect(routers.wanted).toEqual(new Set())
  })

  test('that is blocked is not looked for', () => {
    edge.peers([{ ...unnumbered, blocked: 'no Secret' }])
    expect(routers.wanted).toEqual(new Set())
    expect(last()?.lastError).toMatchObject({ code: 'FL_WIRE_PEER_BLOCKED', text: 'no Secret' })
  })
})

describe('listening', () => {
  test('for those that may connect and are not blocked', () => {
    edge.peers([peer('a'), peer('b', { listen: true }), peer('c', { listen: true, blocked: 'no Secret' })])
    expect(listening.map(({ config, wanted }) => [config.name, wanted])).toEqual([
      ['a', false],
      ['b', true],
      ['c', false],
    ])
  })

  test('a connection of the peer becomes its session', () => {
    edge.peers([peer('a', { listen: true })])
    const incoming = new FakeConnection()
    incoming.localAddress = parseAddress('192.0.2.2')
    incoming.remoteAddress = parseAddress('192.0.2.1')
    listening[0].accept(incoming)
    incoming.receive(encodeOpenBytes())
    incoming.receive(keepalive)
    expect(states('a').at(-1)).toBe('Established')
  })

  test('one that may not connect gets Cease 6/5', () => {
    edge.peers([peer('a', { listen: false }), peer('b', { listen: true, blocked: 'no Secret' })])
    for (const one of listening) {
      const incoming = new FakeConnection()
      one.accept(incoming)
      expect(ceases(incoming)).toEqual([5])
      expect(incoming.closed).toBe(true)
    }
  })

  test('a peer that connects and leaves, over and over, is not told each time', () => {
    edge.peers([peer('a', { listen: true })])
    const before = told().length
    for (let count = 0; count < 1000; count++) {
      const connection = incomingConnection()
      listening[0].accept(connection)
      connection.ended({ code: 'ECONNRESET', message: String(count) })
      clock.advance(1)
    }
    expect(told().length - before).toBeLessThan(100)
    clock.advance(1000)
    expect(told().at(-1)?.counters.connectionsAccepted).toBe(1000)
    edge.peers([peer('a', { listen: true, blocked: 'enough' })])
    expect(told().at(-1)?.lastError?.text).toBe('enough')
  })

  test('ends with the stop', async () => {
    edge.peers([peer('a', { listen: true })])
    await edge.stop()
    expect(listening).toEqual([])
  })
})

describe('End-of-RIB and graceful shutdown', () => {
  const sent = (connection: FakeConnection): string[] => {
    clock.advance(50)
    return connection
      .take(bothFamilies)
      .flatMap((one) =>
        one.type === 'update'
          ? [`${one.nlri.map(formatPrefix).join()} ${one.attributes.communities.map(formatCommunity).join()}`]
          : [],
      )
  }

  test('End-of-RIB waits for the word that the routes are complete, in later sessions no more', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', '10.0.0.1/32')], [])
    const connection = establish(connections[0])
    expect(sent(connection)).toEqual(['10.0.0.1/32 '])
    edge.routesComplete()
    expect(sent(connection)).toHaveLength(2)
    edge.peers([peer('a'), peer('b')])
    expect(sent(establish(connections[1]))).toHaveLength(2)
  })

  test('all routes carry GRACEFUL_SHUTDOWN, also to peers that come later, until it is taken back', () => {
    edge.peers([peer('a')])
    edge.routes([route('a', '10.0.0.1/32'), route('b', '10.0.0.1/32')], [])
    const connection = establish(connections[0])
    expect(sent(connection)).toEqual(['10.0.0.1/32 '])
    edge.gracefulShutdown(true)
    expect(sent(connection)).toEqual(['10.0.0.1/32 65535:0'])
    edge.peers([peer('a'), peer('b')])
    expect(sent(establish(connections[1]))).toEqual(['10.0.0.1/32 65535:0'])
    edge.gracefulShutdown(false)
    expect(sent(connection)).toEqual(['10.0.0.1/32 '])
  })

  test('every attribute of a route goes along', () => {
    edge.peers([peer('a')])
    edge.routes([{ ...route('a', '10.0.0.1/32'), med: 5, asPathPrepend: 1, linkBandwidth: 125e6 }], [])
    const connection = establish(connections[0])
    clock.advance(50)
    expect(connection.take(bothFamilies)).toMatchObject([
      {
        attributes: {
          med: 5,
          asPath: [{ kind: 'sequence', as: [64500, 64500] }],
          communities: [{ kind: 'extended' }],
        },
      },
    ])
  })
})

describe('a planned stop under graceful restart', () => {
  const restarting = peer('a', { gracefulRestart: { restartTime: 120_000, forwardingPreserved: true } })
  const peerRestarts = {
    kind: 'gracefulRestart',
    restarting: false,
    notification: false,
    restartTime: 120,
    families: [],
  } as const

  const established = (): FakeConnection => {
    edge.peers([restarting])
    const { connection } = connections[0]
    connection.opened('192.0.2.2', '192.0.2.1')
    connection.receive(encodeOpenBytes({ capabilities: [...peerOpen().capabilities, peerRestarts] }))
    connection.receive(keepalive)
    connection.take(bothFamilies)
    return connection
  }

  test('with routes: closed without a word, so that the router keeps them', async () => {
    edge.routes([route('a', '10.0.0.1/32')], [])
    const connection = established()
    clock.advance(50)
    connection.take(bothFamilies)
    await edge.stop()
    expect(connection.closed).toBe(true)
    expect(connection.take(bothFamilies)).toEqual([])
  })

  test('without any route: Cease, as always', async () => {
    const connection = established()
    await edge.stop()
    expect(ceases(connection)).toEqual([2])
  })

  test('a peer that does not do it hears a Cease', async () => {
    edge.routes([route('a', '10.0.0.1/32')], [])
    edge.peers([restarting])
    const connection = establish(connections[0])
    clock.advance(50)
    connection.take(bothFamilies)
    await edge.stop()
    expect(ceases(connection)).toEqual([2])
  })
})

test('a person asks for the routes and the last messages of a peer', () => {
  edge.peers([peer('a')])
  edge.routes([route('a', '10.0.0.1/32')], [])
  establish(connections[0])
  clock.advance(50)
  expect(edge.answer({ about: 'routes', peer: 'a' })).toMatchObject({
    about: 'routes',
    total: 1,
    routes: [{}],
  })
  expect(edge.answer({ about: 'messages', peer: 'a' })).toMatchObject({ about: 'messages' })
  expect(edge.answer({ about: 'messages', peer: 'b' })).toEqual({ about: 'nobody' })
})
