import { describe, expect, test } from 'vitest'
import { peerReport, type PeerRow } from './bgp-peers.ts'

const NOW = Date.UTC(2026, 10, 21, 12)
const session: NonNullable<PeerRow['session']> = {
  endpoint: '192.168.1.1:179',
  state: 'Established',
  since: NOW - 3_720_000,
  localAS: 64500,
  peerAS: 64512,
  holdTime: 90_000,
  keepaliveTime: 30_000,
  families: ['ipv4-unicast'],
  announced: { 'ipv4-unicast': 3, 'ipv6-unicast': 0 },
  pending: 0,
  counters: { updatesReceived: 12, connectAttempts: 1 },
}
const negotiated: NonNullable<typeof session.negotiated> = {
  fourOctetAS: true,
  routeRefresh: true,
  extendedNextHop: false,
  gracefulRestart: { peerRestarted: false, peerRestartTime: 0, peerFamilies: [], notification: true },
  peerHostname: 'leaf7',
  offer: 'all',
}
const row = (more: Partial<typeof session>, rest: Partial<PeerRow> = {}): PeerRow => ({
  name: 'tor-1',
  ...rest,
  session: { ...session, ...more },
})
const report = (...rows: PeerRow[]) => peerReport(rows, NOW)
const failed = (code: string, text: string, rest: Partial<PeerRow> = {}) =>
  report(row({ state: 'Active', lastError: { at: NOW - 5000, code, text } }, rest))

test('a session that is up', () => {
  expect(report(row({}))).toBe(
    [
      'PEER    ADDRESS           AS      STATE         FOR    HOLD   IPV4   IPV6   WAITING',
      'tor-1   192.168.1.1:179   64512   Established   1h2m   90s    3      0      0',
    ].join('\n'),
  )
})

describe('why it does not work, and what to do', () => {
  test('an AS that the router does not want', () => {
    const text = failed(
      'FL_BGP_NOTIFICATION_RECEIVED',
      'the peer closed the session: OPEN Message Error, Bad Peer AS (2/2); we said AS 64500',
    )
    expect(text).toContain('Bad Peer AS (2/2); we said AS 64500 (5s ago)')
    expect(text).toContain('the router expects another AS number of this node than 64500')
  })

  test('an AS that the router does not want, after which it only hangs up', () => {
    const text = report(
      row(
        {
          state: 'Idle',
          since: NOW - 2000,
          lastError: { at: NOW - 2000, code: 'FL_BGP_CONNECTION_CLOSED', text: 'the peer reset it' },
        },
        {
          turned: NOW - 90_000,
          earlier: { at: NOW - 60_000, code: 'FL_BGP_NOTIFICATION_RECEIVED', text: 'Bad Peer AS (2/2)' },
        },
      ),
    )
    expect(text).toMatch(/Idle +1m30s/)
    expect(text).toContain('the peer reset it (2s ago)\n  before that: Bad Peer AS (2/2) (1m ago)\n')
    expect(text).toContain('the router expects another AS number of this node than 64500')
  })

  test('an AS that we do not want', () => {
    const text = failed(
      'FL_BGP_OPEN_PEER_AS',
      'the peer says that it is AS 64512, configured is AS 64999; we closed the session: Bad Peer AS (2/2)',
    )
    expect(text).toContain('write 64512, if that is the router that was meant')
  })

  test('a wrong password, here or there', () => {
    expect(failed('FL_BGP_CONNECT_TIMEOUT', 'no answer')).toContain('no password is configured here')
    const text = failed('FL_BGP_CONNECT_TIMEOUT', 'no answer', { md5: true })
    expect(text).toContain('the router must have the same one')
  })

  test('a router that takes the connection and sends no OPEN', () => {
    const late = failed('FL_BGP_NO_OPEN', 'connected, but the peer has sent no OPEN for 10 s: …')
    expect(late).toContain('no OPEN for 10 s')
    expect(late).toContain('set spec.ttlSecurity of the BGPPeer and TTL security of the router on both sides')
    const never = failed('FL_BGP_HOLD_TIMER', 'the peer was silent for the hold time, waiting for an OPEN: …')
    expect(never).toContain('set spec.ttlSecurity of the BGPPeer')
    expect(failed('FL_BGP_HOLD_TIMER', 'in an established session')).toContain('the path fails')
  })

  test('a router that has no policy', () => {
    const text = report(
      row({
        counters: { updatesReceived: 1, connectAttempts: 1 },
        negotiated,
      }),
    )
    expect(text).toContain('leaf7 has been sent 3 routes and has sent none')
    expect(text).toContain('RFC 8212')
  })

  test('several routers without a policy are told together, and not of those that are down', () => {
    const counters = { updatesReceived: 1, connectAttempts: 1 }
    const rows = ['tor-1', 'tor-2', 'tor-3'].map((name) => row({ counters }, { name }))
    const down = row({ counters, state: 'Active' }, { name: 'tor-4' })
    const text = report(...rows, down)
    expect(text.match(/8212/g)).toHaveLength(1)
    expect(text).toContain('tor-1, tor-2, tor-3: have been sent routes and have sent none')
  })

  test('not inside an AS, where no policy is needed', () => {
    expect(
      report(row({ localAS: 64512, counters: { updatesReceived: 0, connectAttempts: 1 } })),
    ).not.toContain('8212')
  })

  test('kept down here', () => {
    const text = report(
      row(
        {
          state: 'Idle',
          lastError: { at: NOW, code: 'FL_WIRE_PEER_BLOCKED', text: 'Secret md5 is missing' },
        },
        { reason: 'Secret md5 is missing' },
      ),
    )
    expect(text).toContain('Blocked')
    expect(text).toContain('Secret md5 is missing (0s ago)')
  })

  test('routes that the session cannot carry', () => {
    expect(report(row({ unsent: { 'no-next-hop': 2 } }))).toContain('2 routes not sent: no next hop')
  })
})

test('wide: what was agreed on, both ends, and the last words of both', () => {
  const up = row(
    {
      negotiated,
      localAddress: '192.168.1.11',
      peerRouterId: '192.168.1.1',
      notificationReceived: {
        at: NOW - 3_725_000,
        text: 'Cease, Administrative Reset (6/4)',
      },
    },
    {
      routerId: '192.168.1.11',
      md5: true,
      bfdSession: { state: 'Up', detectionTime: 900, diagnostic: 'none' },
    },
  )
  expect(peerReport([up], NOW, true).split('\n\n')[1]?.split('\n  ')).toEqual([
    'tor-1:',
    'agreed: ipv4-unicast, four-octet-as, route-refresh, graceful-restart, graceful-restart-notification, ' +
      'keepalive 30s, the router keeps routes over a restart of the speaker, after a NOTIFICATION too',
    'we: 192.168.1.11, AS 64500, router ID 192.168.1.11, with a password',
    'the router: 192.168.1.1:179, AS 64512, router ID 192.168.1.1, host name leaf7',
    'last NOTIFICATION sent: none',
    'last NOTIFICATION received: Cease, Administrative Reset (6/4) (1h2m ago)',
    'BFD: Up, notices a dead path after 900ms',
  ])
})

const inBrief: PeerRow = {
  node: 'node1',
  peer: 'tor-1',
  address: '192.168.1.1:179',
  state: 'Established',
  since: new Date(NOW - 90_000).toISOString(),
}

test('wide, of a controller', () => {
  const text = peerReport(
    [
      {
        ...inBrief,
        capabilities: ['ipv4-unicast'],
        holdTime: '90s',
        keepaliveTime: '30s',
        announced: { ipv4: 3, ipv6: 0 },
        notificationSent: { at: new Date(NOW - 5000).toISOString(), text: 'Hold Timer Expired (4/0)' },
        bfd: 'Down',
      },
    ],
    NOW,
    true,
  )
  expect(text.split('\n\n')[1]?.split('\n  ')).toEqual([
    'node1 tor-1:',
    'agreed: ipv4-unicast, hold 90s, keepalive 30s',
    'routes sent: 3 of IPv4, 0 of IPv6',
    'last NOTIFICATION sent: Hold Timer Expired (4/0) (5s ago)',
    'last NOTIFICATION received: none',
    'BFD: Down',
  ])
})

test('of a controller, which knows it in brief', () => {
  const text = report({ ...inBrief, state: 'Active', lastError: 'connection refused' })
  expect(text.split('\n')[1]).toBe('node1   tor-1   192.168.1.1:179   Active   1m30s   connection refused')
})
