import { expect, test } from 'vitest'
import { message, sessionIn } from '#bgp-ts/testing.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { sessionReport, sessionsPart, withoutCounts, withoutTimes, type ReportedSession } from './bgp-part.ts'
import { LIST_LIMIT } from './layer2-part.ts'

const restart = { gracefulRestart: { restartTime: 120_000, forwardingPreserved: true } } as const

function reported(change: Parameters<typeof sessionIn>[1] = {}, more: Partial<ReportedSession> = {}) {
  const world = sessionIn('Established', change)
  const of = (): ReportedSession => {
    const status = world.session.status()
    return { status, turned: status.since, earlier: undefined, blocked: false, bfd: undefined, ...more }
  }
  return { ...world, report: () => sessionReport(of()), of }
}

const put = ({ session, clock }: ReturnType<typeof reported>, ...prefixes: string[]) => {
  for (const prefix of prefixes) session.put({ prefix: parsePrefix(prefix), communities: [] })
  clock.advance(1000)
}

test('a session that is up', () => {
  const world = reported()
  put(world, '198.51.100.1/32', '198.51.100.2/32')
  expect(world.report()).toEqual({
    peer: 'tor',
    address: '192.0.2.1:179',
    state: 'Established',
    since: '2023-11-14T22:13:20Z',
    peerASN: 64512,
    routerID: '10.0.0.1',
    holdTime: '90s',
    keepaliveTime: '30s',
    capabilities: ['ipv4-unicast', 'ipv6-unicast', 'four-octet-as', 'route-refresh'],
    announced: { ipv4: 2, ipv6: 0 },
  })
})

test('routes that cannot be sent, with the reason', () => {
  const world = reported()
  put(world, '2001:db8::1/128')
  expect(world.report()).toMatchObject({
    announced: { ipv4: 0, ipv6: 0 },
    unsent: [
      {
        reason: 'no-next-hop',
        message: 'the session runs over the other family and no next hop is configured',
        routes: 1,
      },
    ],
  })
})

test('a session that the peer ended: its own words and ours', () => {
  const world = reported()
  world.peer.receive(message('0015 03 06 04'))
  const report = world.report()
  expect(report).toMatchObject({
    state: 'Active',
    lastError: 'the peer closed the session: Cease, Administrative Reset (6/4)',
    notificationReceived: { at: '2023-11-14T22:13:20Z', text: 'Cease, Administrative Reset (6/4)' },
  })
  expect(report).not.toHaveProperty('announced')
  expect(report).not.toHaveProperty('holdTime')
  const second = reported()
  second.clock.advance(91_000)
  expect(second.report()).toMatchObject({
    lastError: expect.stringContaining('silent for the hold time'),
    notificationSent: { text: 'Hold Timer Expired (4/0)' },
  })
})

test('a router that hangs up after it was refused: the refusal is told, too', () => {
  const { of } = reported()
  const closed = { at: 2, code: 'FL_BGP_CONNECTION_CLOSED', text: 'the peer reset the connection' }
  const refusal = { at: 1, code: 'FL_BGP_OPEN_PEER_AS', text: 'the peer says that it is AS 1' }
  const error = (lastError: typeof closed, earlier?: typeof closed) =>
    sessionReport({ ...of(), status: { ...of().status, state: 'Active', lastError }, earlier }).lastError
  expect(error(closed)).toBe(closed.text)
  expect(error(closed, refusal)).toBe(`${closed.text}; before that: ${refusal.text}`)
  expect(error(refusal, refusal)).toBe(refusal.text)
})

test('one that must not connect, one under graceful restart, and BFD', () => {
  const { of } = reported(restart)
  const { status } = of()
  expect(sessionReport({ ...of(), status: { ...status, state: 'Idle' }, blocked: true }).state).toBe('Idle')
  expect(sessionReport({ ...of(), status: { ...status, restarting: true } }).restarting).toBe(true)
  expect(sessionReport(of())).not.toHaveProperty('restarting')
  const bfd = { state: 'Init' } as ReportedSession['bfd']
  expect(sessionReport({ ...of(), bfd }).bfd).toBe('Down')
})

test('how many are up, of all that there should be; the list has an end', () => {
  expect(sessionsPart([], 0)).toEqual({ sessions: [] })
  const { of } = reported()
  const down: ReportedSession = { ...of(), status: { ...of().status, state: 'Connect' } }
  expect(sessionsPart([of(), down], 3).sessionsUp).toBe('1/3')
  const many = sessionsPart(Array(300).fill(of()), 300)
  expect([many.sessions.length, many.sessionsUp]).toEqual([LIST_LIMIT, '300/300'])
})

test('what is not worth a write', () => {
  const world = reported()
  const none = world.report()
  put(world, '198.51.100.1/32')
  const before = world.report()
  expect(withoutCounts([before])).not.toEqual(withoutCounts([none]))
  put(world, '198.51.100.2/32')
  expect(withoutCounts([world.report()])).toEqual(withoutCounts([before]))
  expect(withoutTimes(world.report())).not.toEqual(withoutTimes(before))
  const said = (at: string) => ({ ...before, notificationReceived: { at, text: 'x' } })
  expect(withoutTimes(said('2026-01-01T00:00:00Z'))).toEqual(withoutTimes(said('2027-01-01T00:00:00Z')))
  expect(withoutCounts([said('2026-01-01T00:00:00Z')])).not.toEqual(withoutCounts([before]))
})
