import { beforeEach, expect, test } from 'vitest'
import { message, sessionIn, testConfig } from '#bgp-ts/testing.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { silentLogger } from '#kube/logger.ts'
import { BgpState } from './bgp-state.ts'
import type { WirePeer } from './wire/protocol.ts'

let shown: number
let notices: string[]
let state: BgpState

beforeEach(() => {
  shown = 0
  notices = []
  state = new BgpState({
    log: silentLogger,
    node: 'node1',
    onSessions: () => shown++,
    onNotice: (peer, { reason }) => notices.push(`${peer} ${reason}`),
  })
})

const tor: WirePeer = { ...testConfig }

function established(peer: WirePeer = tor) {
  const world = sessionIn('Established', peer)
  state.peers([peer])
  state.sessionsSeen([world.session.status()])
  return { ...world, tell: () => state.sessionsSeen([world.session.status()]) }
}

test('up and down are told, and counted by cause', () => {
  const { peer, tell } = established()
  expect(notices).toEqual(['tor SessionUp'])
  expect(state.report().sessionsUp).toBe('1/1')
  peer.receive(message('0015 03 06 04'))
  tell()
  expect(notices).toEqual(['tor SessionUp', 'tor SessionDown'])
  expect(state.report()).toMatchObject({ sessions: [{ state: 'Active' }], sessionsUp: '0/1' })
  expect([...state.counted()][0].resets).toEqual(new Map([['notificationReceived', 1]]))
})

test('counters of messages are nothing to show, counts of routes are', () => {
  const { session, clock, peer, tell } = established()
  const before = shown
  peer.receive(message('001304'))
  clock.advance(30_000)
  tell()
  expect(shown).toBe(before)
  session.put({ prefix: parsePrefix('198.51.100.1/32'), communities: [] })
  clock.advance(1000)
  tell()
  expect(shown).toBe(before + 1)
})

test('the time at which a session turned stays while it tries', () => {
  const { peer, clock, session, tell } = established()
  peer.receive(message('0015 03 06 04'))
  tell()
  const since = state.report().sessions[0]?.since
  clock.advance(60_000)
  tell()
  expect(session.status().counters.connectAttempts).toBeGreaterThan(1)
  expect(state.report().sessions[0]?.since).toBe(since)
})

test('why a session went down is known until it is up again, or there is something new to know', () => {
  const { session, peer, connection, connections, clock, tell } = established()
  const nextAttempt = () => {
    for (const { length } = connections; connections.length === length;) clock.advance(1000)
  }
  peer.receive(message('0015 03 06 04'))
  tell()
  nextAttempt()
  connection().ended({ code: 'ECONNREFUSED', message: '' })
  tell()
  const { turned = 0, earlier } = state.story('tor') ?? {}
  expect(turned).toBeLessThan(clock.now())
  expect(earlier?.text).toContain('Administrative Reset (6/4)')
  expect(state.report().sessions[0]?.lastError).toMatch(/refused.*; before that: .*Reset \(6\/4\)/)
  nextAttempt()
  connection().opened('192.0.2.2', '192.0.2.1')
  connection().receive(message('0015 03 02 02'))
  tell()
  expect(state.story('tor')?.earlier?.text).toContain('Bad Peer AS')
  expect(state.report().sessions[0]?.lastError).not.toContain('before that')
  session.updateConfig({ ...tor, holdTime: 30_000 })
  tell()
  connection().opened('192.0.2.2', '192.0.2.1')
  session.updateConfig({ ...tor, holdTime: 60_000 })
  tell()
  expect(state.story('tor')).not.toHaveProperty('earlier')
})

test('a peer that is not configured any more is forgotten with all that belongs to it', () => {
  const { tell } = established()
  state.peers([])
  expect([...state.counted()]).toEqual([])
  expect(state.report()).toEqual({ sessions: [] })
  tell()
  expect([state.session('tor'), [...state.counted()]]).toEqual([undefined, []])
})

test('a peer that the wire thread has not told of counts as one that should be up', () => {
  state.peers([tor])
  expect(state.report()).toEqual({ sessions: [], sessionsUp: '0/1' })
})

test('a changed setting that ends the session is a reset, and no other', () => {
  const { session, tell } = established()
  const changed = { ...tor, password: 'new' }
  state.peers([changed])
  session.updateConfig(changed)
  tell()
  expect(notices).toEqual(['tor SessionUp', 'tor SessionReset'])
  expect([...state.counted()][0].resets).toEqual(new Map([['configuration', 1]]))
})

test('a peer that must not connect is Idle, with the reason', () => {
  const blocked = { ...tor, blocked: 'the Secret md5 does not exist' }
  const { session } = sessionIn('OpenSent')
  state.peers([blocked])
  const lastError = { at: 1, code: 'FL_WIRE_PEER_BLOCKED', text: blocked.blocked }
  state.sessionsSeen([{ ...session.status(), state: 'Idle', lastError }])
  expect(state.report().sessions).toMatchObject([{ state: 'Idle', lastError: blocked.blocked }])
  expect(notices).toEqual([])
})

test('where a session is, for metrics', () => {
  const unnumbered: WirePeer = { ...tor, name: 'tor', unnumbered: true, device: 'eth1' }
  established(unnumbered)
  expect([...state.counted()]).toMatchObject([{ interface: 'eth1', vrf: '' }])
  state.peers([])
  established({ ...tor, device: 'red' })
  expect([...state.counted()]).toMatchObject([{ vrf: 'red' }])
})

test('a session under graceful restart is no reason to wait at a planned stop', () => {
  const { session, tell, clock } = established()
  session.put({ prefix: parsePrefix('198.51.100.1/32'), communities: [] })
  clock.advance(1000)
  tell()
  expect(state.routing).toBe(true)
  const status = session.status()
  const gracefulRestart = {
    peerRestarted: false,
    peerRestartTime: 0,
    peerFamilies: [],
    notification: false,
  }
  state.sessionsSeen([{ ...status, negotiated: { ...status.negotiated!, gracefulRestart } }])
  expect(state.routing).toBe(false)
})
