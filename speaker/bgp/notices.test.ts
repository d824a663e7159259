import { expect, test } from 'vitest'
import type { PeerConfig } from '#bgp-ts/config.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { bothFamilies, encodeOpenBytes, message, startSession, testConfig } from '#bgp-ts/testing.ts'
import { encodeMessage } from '#bgp-ts/wire/message.ts'
import { ceaseMessage } from '#bgp-ts/wire/notification.ts'
import { parseAddress } from '#inet/address.ts'
import { EventRecorder } from '#kube/events.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { SessionNotices, tellSession, type SessionNotice } from './notices.ts'

const keepalive = message('001304')

/** A real session on a fake clock; what is told of it gathers in `told`. */
function world() {
  const { session, clock, connection, connections } = startSession()
  const notices = new SessionNotices('node1')
  const told: SessionNotice[] = []
  let before: SessionStatus | undefined
  session.onChange(() => {
    const now = session.status()
    const notice = notices.look(before, now)
    if (notice !== undefined) told.push(notice)
    before = now
  })
  return {
    session,
    clock,
    notices,
    connection,
    told: () => told.splice(0).map(({ type, reason, message: text }) => [type, reason, text]),
    connect: () => {
      connection().opened('192.0.2.2', '192.0.2.1')
      connection().receive(encodeOpenBytes())
      connection().receive(keepalive)
      clock.advance(0)
    },
    /** the wait before the next attempt goes by */
    wait: () => {
      for (const { length } = connections; connections.length === length;) clock.advance(1000)
    },
  }
}

const where = 'node1: the session with 192.0.2.1:179'

test('up, down and why', () => {
  const { connect, told, connection } = world()
  connect()
  expect(told()).toEqual([['Normal', 'SessionUp', `${where} is up (AS 64512, hold time 90s)`]])
  connection().receive(message('0015 03 06 04'))
  const text = 'is down: the peer closed the session: Cease, Administrative Reset (6/4)'
  expect(told()).toEqual([['Warning', 'SessionDown', `${where} ${text}`]])
})

test('while it is down a new reason is told once', () => {
  const { connect, told, connection, wait } = world()
  const refuse = () => {
    connection().ended({ code: 'ECONNREFUSED', message: '' })
    wait()
  }
  refuse()
  expect(told()).toEqual([
    [
      'Warning',
      'SessionDown',
      expect.stringMatching(/ does not come up: the peer refused the connection: .*\(ECONNREFUSED\)/),
    ],
  ])
  refuse()
  refuse()
  expect(told()).toEqual([])
  // Another AS in its OPEN.
  connection().opened('192.0.2.2', '192.0.2.1')
  connection().receive(encodeOpenBytes({ myAS: 65000, capabilities: [] }))
  expect(told()).toMatchObject([['Warning', 'SessionDown', expect.stringContaining('Bad Peer AS (2/2)')]])
  wait()
  refuse()
  expect(told()).toEqual([])
  connect()
  expect(told()).toMatchObject([['Normal', 'SessionUp', expect.anything()]])
  connection().receive(message('0015 03 06 04'))
  wait()
  refuse()
  expect(told().map(([, reason]) => reason)).toEqual(['SessionDown', 'SessionDown'])
})

test('a router that takes the connection and says nothing is told of once, however often that happens', () => {
  const { told, connection, clock, wait } = world()
  for (let attempt = 0; attempt < 3; attempt++) {
    connection().opened('192.0.2.2', '192.0.2.1')
    clock.advance(10_000)
    const late =
      attempt === 0 ? [['Warning', 'SessionDown', expect.stringMatching(/no OPEN for 10 s: TTL/)]] : []
    expect(told()).toEqual(late)
    clock.advance(230_000)
    wait()
    const never = [['Warning', 'SessionDown', expect.stringContaining('waiting for an OPEN: TTL')]]
    expect(told()).toEqual(attempt === 0 ? never : [])
  }
})

test('reasons that never end are not told for ever', () => {
  const { told, connection, wait } = world()
  for (let number = 0; number < 100; number++) {
    connection().opened('192.0.2.2', '192.0.2.1')
    connection().receive(encodeMessage(ceaseMessage(2, `maintenance ${number}`), bothFamilies))
    wait()
  }
  expect(told()).toHaveLength(8)
})

test.each<[string, Partial<PeerConfig>, string]>([
  ['timers', { holdTime: 30_000 }, 'holdTime'],
  ['a password, which is not told', { password: 'secret-1' }, 'password'],
  [
    'several',
    { peerAS: 64513, address: parseAddress('192.0.2.9'), localAS: 1 },
    'AS of our own, peerASN, peerAddress',
  ],
])('a changed configuration ends it on purpose: %s', (_, change, words) => {
  const { session, connect, told, notices } = world()
  connect()
  told()
  const changed = { ...testConfig, ...change }
  notices.configured(testConfig, changed)
  session.updateConfig(changed)
  const [[type, reason, text], ...others] = told()
  expect([type, reason, others]).toEqual(['Normal', 'SessionReset', []])
  expect(text).toContain(`begins anew, as its configuration changed: ${words}`)
  expect(text).not.toContain('secret')
})

test('a change that a session takes as it is', () => {
  const { session, connect, told, notices } = world()
  connect()
  told()
  const changed = { ...testConfig, keepaliveTime: 5000, connectRetryTime: 1000 }
  notices.configured(testConfig, changed)
  session.updateConfig(changed)
  expect(told()).toEqual([])
})

test('a planned stop is no failure; what was never tried is told elsewhere', async () => {
  const { session, connect, told } = world()
  connect()
  told()
  await session.stop({ subcode: 2, text: 'bye' })
  expect(told()).toEqual([['Normal', 'SessionDown', `${where} is down: the speaker stops`]])
  const down = session.status()
  const blocked = {
    ...down,
    lastError: { at: down.since + 1, code: 'FL_WIRE_PEER_BLOCKED', text: 'no Secret' },
  }
  expect(new SessionNotices('node1').look(down, blocked)).toBeUndefined()
})

test('a session that flaps is two Events, and few requests', async () => {
  const clock = new TestClock()
  const api = new FakeKubeApi({ clock })
  const events = new EventRecorder({ api, clock, component: 'fairlead-speaker', instance: 'node1' })
  const { connect, told: takeTold, connection, wait } = world()
  const peer = { namespace: 'metallb-system', name: 'tor', uid: 'u1' }
  for (let flap = 0; flap < 500; flap++) {
    connect()
    connection().receive(message('0015 03 06 04'))
    wait()
    for (const [type, reason, text] of takeTold())
      tellSession(events, peer, { type, reason, message: text } as SessionNotice)
    await clock.advance(1000)
  }
  await events.flush()
  const { items } = await api.list(resources.events, { namespace: 'metallb-system' })
  expect(items).toHaveLength(2)
  expect(items[0]).toMatchObject({
    involvedObject: { apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', ...peer },
    source: { host: 'node1' },
  })
  expect(api.requests.filter((one) => !one.startsWith('list')).length).toBeLessThan(40)
})
