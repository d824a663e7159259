import { describe, expect, test } from 'vitest'
import { parsePrefix } from '#inet/prefix.ts'
import type { Route } from './route.ts'
import {
  bothFamilies,
  encodeOpenBytes,
  incomingConnection,
  message,
  sessionIn,
  startSession,
  type FakeConnection,
} from './testing.ts'

const route = (prefix: string): Route => ({ prefix: parsePrefix(prefix), communities: [] })
const keepalive = message('001304')
const types = (peer: FakeConnection): string[] => peer.take(bothFamilies).map(({ type }) => type)

describe('a connection that the peer opens', () => {
  test('becomes the session while ours cannot be had, with routes and addresses', () => {
    const { session, clock, connections } = startSession({ listen: true })
    session.put(route('198.51.100.1/32'))
    connections[0].ended({ code: 'ECONNREFUSED', message: 'refused' })
    const peer = incomingConnection()
    session.accept(peer)
    expect(types(peer)).toEqual(['open'])
    expect(session.status().state).toBe('Active')
    peer.receive(Buffer.concat([encodeOpenBytes(), keepalive]))
    clock.advance(0)
    expect(types(peer)).toEqual(['keepalive', 'update', 'update', 'update'])
    expect(session.status()).toMatchObject({
      state: 'Established',
      localAddress: '192.0.2.2',
      counters: { connectAttempts: 1, connectionsAccepted: 1 },
    })
    clock.advance(60_000)
    expect(connections).toHaveLength(1)
    expect(types(peer)).toContain('keepalive')
    peer.ended()
    expect(session.status()).toMatchObject({ state: 'Idle', announced: { 'ipv4-unicast': 0 } })
    clock.advance(5000)
    expect(connections).toHaveLength(2)
  })

  test('collides with ours: that of the larger identifier stays, with its timers', () => {
    const { session, clock, peer: ours } = sessionIn('OpenSent', { listen: true })
    const theirs = incomingConnection()
    session.accept(theirs)
    const open = encodeOpenBytes({ routerId: '10.0.0.9' })
    ours.receive(open)
    theirs.receive(open)
    expect(session.status().state).toBe('OpenConfirm')
    expect(ours.takeHex()).toEqual([message('0015030607').toString('hex')])
    expect(ours.closed).toBe(true)
    theirs.receive(keepalive)
    expect(session.status().state).toBe('Established')
    theirs.takeHex()
    clock.advance(30_000)
    expect(types(theirs)).toContain('keepalive')
    clock.advance(60_000)
    expect(theirs.closed).toBe(true)
    expect(session.status().lastError?.code).toBe('FL_BGP_HOLD_TIMER')
  })

  test('in a session gets 6/7, and its octets touch nothing', () => {
    const { session, clock, peer } = sessionIn('Established', { listen: true })
    session.put(route('198.51.100.1/32'))
    clock.advance(20)
    peer.takeHex()
    const second = incomingConnection()
    session.accept(second)
    second.receive(Buffer.concat([encodeOpenBytes(), keepalive, message('0015030602')]))
    expect(second.takeHex().at(-1)).toBe(message('0015030607').toString('hex'))
    expect(second.closed).toBe(true)
    expect(session.status()).toMatchObject({ state: 'Established', announced: { 'ipv4-unicast': 1 } })
    expect(session.status().lastError).toBeUndefined()
    expect(peer.takeHex()).toEqual([])
  })

  test('is refused with 6/5 unless configured, and while stopped', async () => {
    const closed = sessionIn('Established').session
    const stopped = sessionIn('Established', { listen: true }).session
    await stopped.stop({ subcode: 2, text: '' })
    for (const session of [closed, stopped]) {
      const peer = incomingConnection()
      session.accept(peer)
      expect(peer.takeHex()).toEqual([message('0015030605').toString('hex')])
      expect(peer.closed).toBe(true)
      expect(session.status().counters).toMatchObject({ connectionsAccepted: 0, connectionsRejected: 1 })
    }
  })

  test('stop() closes both', async () => {
    const { session, peer } = sessionIn('OpenSent', { listen: true })
    const second = incomingConnection()
    session.accept(second)
    second.takeHex()
    await session.stop({ subcode: 3, text: '' })
    for (const connection of [peer, second]) {
      expect(connection.takeHex()).toEqual([message('0015030603').toString('hex')])
      expect(connection.closed).toBe(true)
    }
  })

  test('what it said is in the log, and which connection it was', () => {
    const { session, peer } = sessionIn('OpenSent', { listen: true })
    const second = incomingConnection()
    session.accept(second)
    peer.receive(encodeOpenBytes({ routerId: '10.0.0.9' }))
    second.receive(encodeOpenBytes({ routerId: '10.0.0.9' }))
    const lines = session.messages().map(({ direction, text }) => `${direction} ${text.slice(0, 32)}`)
    expect(lines).toEqual([
      'out OPEN version 4, AS 64500, hold t',
      'out on a second connection: OPEN ver',
      'in OPEN version 4, AS 64512, hold t',
      'out NOTIFICATION Cease, Connection C',
      'in OPEN version 4, AS 64512, hold t',
      'out KEEPALIVE',
    ])
  })
})
