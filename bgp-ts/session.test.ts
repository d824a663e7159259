import { setImmediate } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { formatPrefix, parsePrefix } from '#inet/prefix.ts'
import { replay } from './recording.ts'
import type { Route } from './route.ts'
import {
  bothFamilies,
  encodeOpenBytes,
  message,
  sessionIn,
  startSession,
  testConfig,
  type FakeConnection,
} from './testing.ts'
import { endOfRib, type UpdateMessage } from './wire/update.ts'

const route = (prefix: string, more: Partial<Route> = {}): Route => ({
  prefix: parsePrefix(prefix),
  communities: [],
  ...more,
})

const updates = (peer: FakeConnection): UpdateMessage[] =>
  peer.take({ ...bothFamilies, internal: true }).filter((sent) => sent.type === 'update')

const announced = (peer: FakeConnection): string[] =>
  updates(peer).flatMap(({ nlri, reach }) => [...nlri, ...(reach?.prefixes ?? [])].map(formatPrefix))

describe('coming up', () => {
  test('OPEN, KEEPALIVE, routes, End-of-RIB', () => {
    const { session, clock, connection } = startSession()
    const peer = connection()
    session.put(route('198.51.100.1/32'))
    expect(session.status()).toMatchObject({
      state: 'Connect',
      endpoint: '192.0.2.1:179',
      holdTime: 0,
      families: [],
    })
    peer.opened('192.0.2.2', '192.0.2.1')
    expect(peer.takeHex()).toEqual([
      message('0033 01 04 fbf4 005a 0a000002 16 02 14 010400010001 010400020001 0200 4104 0000fbf4').toString(
        'hex',
      ),
    ])
    peer.receive(encodeOpenBytes())
    expect(peer.takeHex()).toEqual([message('001304').toString('hex')])
    peer.receive(message('001304'))
    clock.advance(0)
    const sent = updates(peer)
    expect(sent[0].nlri).toEqual([parsePrefix('198.51.100.1/32')])
    expect(sent[0].attributes.nextHop).toEqual(parseAddress('192.0.2.2'))
    expect(sent.slice(1)).toEqual([endOfRib('ipv4-unicast'), endOfRib('ipv6-unicast')])
    expect(session.status()).toEqual({
      peer: 'tor',
      endpoint: '192.0.2.1:179',
      localAddress: '192.0.2.2',
      localAS: 64500,
      peerAS: 64512,
      peerRouterId: '10.0.0.1',
      state: 'Established',
      since: clock.now(),
      holdTime: 90_000,
      keepaliveTime: 30_000,
      families: ['ipv4-unicast', 'ipv6-unicast'],
      negotiated: { fourOctetAS: true, routeRefresh: true, extendedNextHop: false, offer: 'all' },
      eorSent: ['ipv4-unicast', 'ipv6-unicast'],
      announced: { 'ipv4-unicast': 1, 'ipv6-unicast': 0 },
      pending: 0,
      counters: {
        opensSent: 1,
        opensReceived: 1,
        keepalivesSent: 1,
        keepalivesReceived: 1,
        updatesSent: 3,
        updatesReceived: 0,
        notificationsSent: 0,
        notificationsReceived: 0,
        routeRefreshReceived: 0,
        malformedUpdates: 0,
        endOfRibReceived: 0,
        connectAttempts: 1,
        connectionsAccepted: 0,
        connectionsRejected: 0,
        established: 1,
      },
    })
  })

  test('OPEN and KEEPALIVE of the peer in one chunk, or octet by octet', () => {
    const bytes = Buffer.concat([encodeOpenBytes(), message('001304')])
    for (const size of [bytes.length, 1]) {
      const { session, peer } = sessionIn('OpenSent')
      for (let at = 0; at < bytes.length; at += size) peer.receive(bytes.subarray(at, at + size))
      expect(session.status().state).toBe('Established')
    }
  })

  test('a constructor starts nothing, and status is plain JSON', () => {
    const { session } = startSession()
    expect(JSON.parse(JSON.stringify(session.status()))).toEqual(session.status())
  })
})

describe('failing to connect', () => {
  test('the reason is in words, and the next attempt comes after the back-off', () => {
    const { session, clock, connections } = startSession()
    connections[0].ended({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' })
    expect(session.status()).toMatchObject({
      state: 'Active',
      lastError: {
        at: clock.now(),
        code: 'FL_BGP_CONNECT_FAILED',
        text: expect.stringContaining('(ECONNREFUSED)'),
      },
    })
    clock.advance(3749)
    expect(connections).toHaveLength(1)
    clock.advance(1251)
    expect(connections).toHaveLength(2)
  })

  test('no answer at all: the attempt ends and the next begins', () => {
    const { session, clock, connections } = startSession()
    clock.advance(10_000)
    expect(connections[0].closed).toBe(true)
    expect(connections).toHaveLength(2)
    expect(session.status()).toMatchObject({
      state: 'Connect',
      lastError: { code: 'FL_BGP_CONNECT_TIMEOUT' },
    })
  })

  test('a peer that never sends its OPEN gets four minutes, and is spoken of after ten seconds', () => {
    const { session, clock, peer } = sessionIn('OpenSent')
    const told: unknown[] = []
    session.onChange(() => told.push(session.status().lastError?.code))
    clock.advance(9999)
    expect(told).toEqual([])
    clock.advance(1)
    expect(told).toEqual(['FL_BGP_NO_OPEN'])
    clock.advance(229_999)
    expect(session.status().state).toBe('OpenSent')
    expect(told).toHaveLength(1)
    clock.advance(1)
    expect(peer.takeHex()).toEqual([message('00150304 00').toString('hex')])
  })

  test('after ECONNRESET in a session it connects again', () => {
    const { session, clock, peer, connections } = sessionIn('Established')
    session.put(route('198.51.100.1/32'))
    clock.advance(20)
    peer.ended({ code: 'ECONNRESET', message: 'read ECONNRESET' })
    session.put(route('198.51.100.2/32'))
    expect(session.status()).toMatchObject({ announced: { 'ipv4-unicast': 0 }, pending: 0 })
    expect(session.status().lastError).toMatchObject({
      code: 'FL_BGP_CONNECTION_CLOSED',
      text: 'the peer reset the connection (ECONNRESET), while the session was up',
    })
    clock.advance(5000)
    expect(connections).toHaveLength(2)
  })

  test('a session whose octets nobody acknowledges says that, and nothing of a wrong address', () => {
    const { session, connection } = sessionIn('Established')
    connection().ended({ code: 'ETIMEDOUT', message: 'read ETIMEDOUT' })
    expect(session.status().lastError?.text).toBe(
      'the peer acknowledged nothing any more (ETIMEDOUT), while the session was up',
    )
  })

  test('a wrong AS is told with both numbers', () => {
    const { session, peer } = sessionIn('OpenSent', { peerAS: 64999 })
    peer.receive(encodeOpenBytes())
    expect(session.status()).toMatchObject({
      state: 'Idle',
      peerAS: 64512,
      lastError: {
        code: 'FL_BGP_OPEN_PEER_AS',
        text: expect.stringMatching(/AS 64512.*AS 64999.*Bad Peer AS \(2\/2\)/),
      },
    })
  })
})

describe('routes', () => {
  test('changes within 20 ms leave together', () => {
    const { session, clock, peer } = sessionIn('Established')
    session.put(route('198.51.100.1/32'))
    clock.advance(19)
    session.put(route('198.51.100.2/32'))
    expect(peer.takeHex()).toEqual([])
    clock.advance(1)
    expect(updates(peer).map(({ nlri }) => nlri.length)).toEqual([2])
    session.withdraw(parsePrefix('198.51.100.1/32'))
    clock.advance(20)
    expect(updates(peer).map(({ withdrawn }) => withdrawn.map(formatPrefix))).toEqual([['198.51.100.1/32']])
    expect(session.status()).toMatchObject({ announced: { 'ipv4-unicast': 1 }, pending: 0 })
  })

  test('an IPv6 route over IPv4 waits for a next hop, and gets it without a reset', () => {
    const { session, clock, peer } = sessionIn('Established')
    session.put(route('2001:db8::1/128'))
    clock.advance(20)
    expect(peer.takeHex()).toEqual([])
    expect(session.status().unsent).toEqual({ 'no-next-hop': 1 })
    session.updateConfig({ ...testConfig, nextHops: { 6: parseAddress('fd00::2') } })
    clock.advance(20)
    expect(announced(peer)).toEqual(['2001:db8::1/128'])
    expect(session.status().unsent).toBeUndefined()
    expect(session.status().counters.established).toBe(1)
  })

  test('LOCAL_PREF goes to iBGP peers only', () => {
    for (const [localAS, localPref] of [
      [64512, 200],
      [64500, undefined],
    ] as const) {
      const { session, clock, peer } = sessionIn('Established', { localAS })
      session.put(route('198.51.100.1/32', { localPref: 200 }))
      clock.advance(20)
      expect(updates(peer)[0].attributes.localPref).toBe(localPref)
    }
  })

  test('row 64: a ROUTE-REFRESH sends all of the family, many at once send it once', () => {
    const { session, clock, peer } = sessionIn('Established')
    session.put(route('198.51.100.1/32'))
    session.put(route('198.51.100.2/32', { med: 1 }))
    clock.advance(20)
    peer.takeHex()
    for (let count = 0; count < 5; count++) peer.receive(message('00170500010001'))
    clock.advance(100)
    const sent = updates(peer)
    expect(sent.flatMap(({ nlri }) => nlri.map(formatPrefix))).toEqual(['198.51.100.1/32', '198.51.100.2/32'])
    expect(sent.flatMap(({ withdrawn }) => withdrawn)).toEqual([])
    expect(session.status().counters.routeRefreshReceived).toBe(5)
  })
})

function blocked() {
  const started = sessionIn('Established')
  started.peer.accepts = false
  // More than is written at a stretch.
  const communities = Array.from({ length: 300 }, (_, low) => ({
    kind: 'standard' as const,
    value: [1, low] as const,
  }))
  for (let index = 0; index < 100; index++) {
    started.session.put(route(`10.0.0.${index}/32`, { med: index, communities }))
  }
  started.clock.advance(20)
  return started
}

describe('back-pressure', () => {
  test('one batch is written, the rest when the connection takes it', () => {
    const { session, clock, peer } = blocked()
    const octets = peer.written.reduce((sum, { length }) => sum + length, 0)
    expect(octets).toBeGreaterThan(60_000)
    expect(octets).toBeLessThanOrEqual(65_536)
    const first = updates(peer).length
    expect(first).toBeLessThan(100)
    clock.advance(1000)
    expect(updates(peer)).toHaveLength(0)
    expect(session.status().pending).toBe(100 - first)
    peer.drained()
    clock.advance(0)
    expect(updates(peer)).toHaveLength(100 - first)
    expect(session.status().pending).toBe(0)
  })

  test('KEEPALIVEs go on', () => {
    const { clock, peer } = blocked()
    peer.takeHex()
    clock.advance(30_000)
    expect(peer.takeHex()).toEqual([message('001304').toString('hex')])
  })

  test('a route that changes while it waits is sent once', () => {
    const { session, clock, peer } = blocked()
    const waiting = 100 - announced(peer).length
    session.put(route('10.0.0.99/32', { med: 1000 }))
    session.withdraw(parsePrefix('10.0.0.98/32'))
    peer.drained()
    clock.advance(0)
    expect(announced(peer)).toHaveLength(waiting - 1)
  })

  test('a connection that took nothing and went holds nothing up on the next one', () => {
    const { session, clock, connection } = startSession()
    session.put(route('198.51.100.1/32'))
    connection().accepts = false
    connection().opened('192.0.2.2', '192.0.2.1')
    connection().ended()
    clock.advance(10_000)
    connection().opened('192.0.2.2', '192.0.2.1')
    connection().receive(encodeOpenBytes())
    connection().receive(message('001304'))
    clock.advance(20)
    expect(announced(connection())).toEqual(['198.51.100.1/32'])
  })

  test('a peer that takes nothing for eight minutes is closed with 8/0', () => {
    const { session, clock, peer } = blocked()
    for (let second = 0; second < 480; second += 30) {
      peer.receive(message('001304'))
      clock.advance(30_000)
    }
    expect(session.status().lastError?.code).toBe('FL_BGP_SEND_HOLD_TIMER')
    expect(peer.closed).toBe(true)
  })
})

describe('stopping', () => {
  test('Cease with the text, then closed; nothing starts again', async () => {
    const { session, clock, peer, connections } = sessionIn('Established')
    session.put(route('198.51.100.1/32'))
    await session.stop({ subcode: 2, text: 'bye' })
    expect(peer.takeHex()).toEqual([message('001903060203627965').toString('hex')])
    expect(peer.closed).toBe(true)
    clock.advance(600_000)
    expect(connections).toHaveLength(1)
    expect(session.status()).toMatchObject({ state: 'Idle', lastError: { code: 'FL_BGP_STOPPED' } })
    session.start()
    expect(connections).toHaveLength(2)
  })

  test('while connecting and while waiting', async () => {
    const connecting = startSession()
    await connecting.session.stop({ subcode: 2, text: '' })
    expect(connecting.connections[0].closed).toBe(true)
    const waiting = startSession()
    waiting.connections[0].ended({ code: 'ETIMEDOUT', message: '' })
    await waiting.session.stop({ subcode: 2, text: '' })
    waiting.clock.advance(600_000)
    expect(waiting.connections).toHaveLength(1)
  })

  test('from inside a listener: it resolves when the connection is closed', async () => {
    const { session, peer } = sessionIn('OpenConfirm')
    const closing = Promise.withResolvers<void>()
    vi.spyOn(peer, 'close').mockReturnValue(closing.promise)
    let done = false
    session.onChange(() => void session.stop({ subcode: 4, text: '' }).then(() => (done = true)))
    peer.receive(message('001304'))
    expect(session.status().state).toBe('Idle')
    await setImmediate()
    expect(done).toBe(false)
    closing.resolve()
    await setImmediate()
    expect(done).toBe(true)
  })
})

describe('a changed configuration', () => {
  test('what the session cannot take resets it: Cease 6/6 and a new connection', () => {
    const { session, peer, connections } = sessionIn('Established')
    session.updateConfig({ ...testConfig, holdTime: 30_000 })
    expect(peer.takeHex()).toEqual([message('0015030606').toString('hex')])
    expect(peer.closed).toBe(true)
    expect(connections).toHaveLength(2)
  })

  test('the same configuration, or one with equal values, does nothing', () => {
    const { session, connections } = sessionIn('Established')
    session.updateConfig({
      ...testConfig,
      address: parseAddress('192.0.2.1'),
      families: [...testConfig.families],
    })
    expect(connections).toHaveLength(1)
    expect(session.status().state).toBe('Established')
  })

  test('a password resets and is in no recording', () => {
    const { session, connections } = sessionIn('Established')
    const lines: string[] = []
    session.record((line) => lines.push(line))
    session.updateConfig({ ...testConfig, password: 'secret word' })
    expect(connections).toHaveLength(2)
    expect(lines.join('\n')).not.toContain('secret word')
    expect(replay(lines)).toHaveLength(1)
  })
})

test('onChange tells of states, errors and written routes', () => {
  const { session, clock, peer } = sessionIn('OpenConfirm')
  let calls = 0
  const end = session.onChange(() => calls++)
  peer.receive(message('001304'))
  expect(calls).toBe(1)
  clock.advance(0)
  session.put(route('198.51.100.1/32'))
  clock.advance(20)
  expect(calls).toBe(3)
  peer.receive(message('001304'))
  expect(calls).toBe(3)
  end()
  peer.ended()
  expect(calls).toBe(3)
})

test('a recording that begins in the middle replays', () => {
  const { session, clock, peer } = sessionIn('OpenConfirm')
  const lines: string[] = []
  session.record((line) => lines.push(line))
  peer.receive(message('001304'))
  clock.advance(60_000)
  session.record(undefined)
  peer.receive(message('001304'))
  const steps = replay(lines)
  expect(steps.map(({ input }) => input.kind)).toEqual(['keepalive', 'timer', 'timer'])
  for (const { recorded, actions } of steps) expect(actions).toEqual(recorded)
})

test('octets behind a message that ended the session are not read', () => {
  const { session, peer } = sessionIn('Established')
  peer.receive(Buffer.concat([message('0015030602'), message('001304'), message('001300')]))
  expect(peer.takeHex()).toEqual([])
  expect(session.status().counters).toMatchObject({ notificationsReceived: 1, keepalivesReceived: 1 })
})

test('GRACEFUL_SHUTDOWN is sent with every route, and taken back', () => {
  const { session, clock, peer } = sessionIn('Established')
  session.put(route('198.51.100.1/32'))
  clock.advance(20)
  peer.takeHex()
  const communities = (on: boolean) => {
    session.gracefulShutdown(on)
    clock.advance(20)
    return updates(peer).map(({ attributes }) => attributes.communities)
  }
  expect(communities(true)).toEqual([[{ kind: 'standard', value: [65535, 0] }]])
  expect(communities(false)).toEqual([[]])
})

test('the last NOTIFICATION each way stays to be seen', () => {
  const { session, peer, clock, connections } = sessionIn('Established')
  const at = clock.now()
  peer.receive(message('001903060203627965'))
  clock.advance(5000)
  connections[1].opened('192.0.2.2', '192.0.2.1')
  connections[1].receive(encodeOpenBytes({ holdTime: 1 }))
  expect(session.status()).toMatchObject({
    notificationReceived: {
      at,
      code: 6,
      subcode: 2,
      text: 'Cease, Administrative Shutdown (6/2): "bye"',
    },
    notificationSent: { at: at + 5000, code: 2, subcode: 6 },
  })
})

test('a peer that closes at once, over and over, is tried less and less often', () => {
  const { session, clock, connections } = startSession()
  for (let second = 0; second < 600; second++) {
    const newest = connections.at(-1)!
    if (!newest.closed && session.status().state === 'Connect') {
      newest.opened('192.0.2.2', '192.0.2.1')
      newest.ended()
    }
    clock.advance(1000)
  }
  expect(connections.length).toBeGreaterThan(10)
  expect(connections.length).toBeLessThan(20)
})
