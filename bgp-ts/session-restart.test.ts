import { describe, expect, test } from 'vitest'
import { formatPrefix, parsePrefix } from '#inet/prefix.ts'
import type { Route } from './route.ts'
import {
  bothFamilies,
  encodeOpenBytes,
  message,
  peerOpen,
  sessionIn,
  startSession,
  type FakeConnection,
} from './testing.ts'
import type { GracefulRestartCapability } from './wire/capabilities.ts'
import { endOfRib, type UpdateMessage } from './wire/update.ts'

const route = (prefix: string): Route => ({ prefix: parsePrefix(prefix), communities: [] })
const keepalive = message('001304')

const updates = (peer: FakeConnection): UpdateMessage[] =>
  peer.take(bothFamilies).filter((sent) => sent.type === 'update')

const announced = (peer: FakeConnection): string[] =>
  updates(peer).flatMap(({ nlri }) => nlri.map(formatPrefix))

const restart: GracefulRestartCapability = {
  kind: 'gracefulRestart',
  restarting: false,
  notification: true,
  restartTime: 120,
  families: [],
}
const withRestart = { capabilities: [...peerOpen().capabilities, restart] }
const gracefulRestart = { restartTime: 90_000, forwardingPreserved: true }

describe('graceful restart', () => {
  test('routes go at once, End-of-RIB when they are all there', () => {
    const { session, clock, connection } = startSession({ gracefulRestart })
    session.endOfRib(false)
    session.put(route('198.51.100.1/32'))
    const peer = connection()
    peer.opened('192.0.2.2', '192.0.2.1')
    expect(session.status().restarting).toBe(true)
    peer.receive(Buffer.concat([encodeOpenBytes(withRestart), keepalive]))
    clock.advance(100)
    expect(announced(peer)).toEqual(['198.51.100.1/32'])
    expect(session.status()).toMatchObject({ eorSent: [], restarting: false, pending: 0 })
    session.put(route('198.51.100.2/32'))
    session.endOfRib(true)
    clock.advance(0)
    clock.advance(20)
    const sent = updates(peer)
    expect(sent[0].nlri).toEqual([parsePrefix('198.51.100.2/32')])
    expect(sent.slice(1)).toEqual([endOfRib('ipv4-unicast'), endOfRib('ipv6-unicast')])
    expect(session.status().eorSent).toEqual(['ipv4-unicast', 'ipv6-unicast'])
    clock.advance(100_000)
    expect(updates(peer)).toEqual([])
  })

  test('but no later than the restart time', () => {
    const { session, clock, peer } = sessionIn('OpenConfirm', { gracefulRestart }, withRestart)
    session.endOfRib(false)
    peer.receive(keepalive)
    for (let count = 0; count < 3; count++) {
      clock.advance(29_000)
      peer.receive(keepalive)
    }
    expect(session.status().eorSent).toEqual([])
    clock.advance(3000)
    expect(session.status().eorSent).toEqual(['ipv4-unicast', 'ipv6-unicast'])
  })

  test('leaving is a Hard Reset, a restart by hand is none', async () => {
    for (const [hard, expected] of [
      [undefined, '001b 03 06 09 06 02 03 627965'],
      [false, '0019 03 06 02 03 627965'],
    ] as const) {
      const { session, peer } = sessionIn('Established', { gracefulRestart }, withRestart)
      await session.stop({ subcode: 2, text: 'bye', ...(hard !== undefined && { hard }) })
      expect(peer.takeHex()).toEqual([message(expected).toString('hex')])
    }
  })

  test('what was agreed on is in the status', () => {
    const change = { gracefulRestart, role: 'customer', extendedNextHop: true, hostname: 'node-1' } as const
    const { session } = sessionIn('Established', change, {
      capabilities: [
        ...withRestart.capabilities,
        { kind: 'role', value: 0 },
        { kind: 'hostname', host: 'tor-1', domain: '' },
      ],
    })
    expect(session.status().negotiated).toEqual({
      fourOctetAS: true,
      routeRefresh: true,
      extendedNextHop: false,
      gracefulRestart: {
        peerRestarted: false,
        peerRestartTime: 120_000,
        peerFamilies: [],
        notification: true,
      },
      role: 'customer',
      peerRole: 'provider',
      peerHostname: 'tor-1',
      offer: 'all',
    })
  })
})

test('End-of-RIB of the peer is counted, other UPDATEs are not', () => {
  const { session, peer } = sessionIn('Established')
  peer.receive(message('00170200000000'))
  peer.receive(message('001d0200000006800f03000201'))
  peer.receive(message('002f02000000144001010040020602010000fc00400304c000020118c00002'))
  expect(session.status().counters).toMatchObject({ updatesReceived: 3, endOfRibReceived: 2 })
})
