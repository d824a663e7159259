import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { SessionStatus } from '#bgp-ts/status.ts'
import { message, sessionIn } from '#bgp-ts/testing.ts'
import { parsePrefix } from '#inet/prefix.ts'
import { registerBgpMetrics, type CountedSession } from './metrics.ts'
import { resetCause } from './reset-causes.ts'

/** The series of these sessions, without the lines of help. */
async function seriesOf(now: number, ...sessions: CountedSession[]): Promise<string[]> {
  const registry = new Registry()
  registerBgpMetrics(registry, { sessions: () => sessions, now: () => now })
  return (await registry.metrics()).split('\n').filter((line) => /^[a-z]/.test(line))
}

function established() {
  const world = sessionIn('Established')
  world.session.put({ prefix: parsePrefix('198.51.100.1/32'), communities: [] })
  world.clock.advance(20_000)
  world.peer.receive(message('001304'))
  world.peer.receive(message('0017 02 0000 0000'))
  return world
}

const counted = (status: SessionStatus, more: Partial<CountedSession> = {}): CountedSession => ({
  status,
  vrf: '',
  resets: new Map(),
  ...more,
})

test('upstream’s names and labels', async () => {
  const { session, clock } = established()
  const labels = '{peer="192.0.2.1:179",vrf="default"}'
  const lines = await seriesOf(clock.now(), counted(session.status()))
  const values = Object.fromEntries(
    lines.map((line) => {
      expect(line).toContain(labels)
      return [line.slice(0, line.indexOf('{')), Number(line.split(' ').at(-1))]
    }),
  )
  expect(values).toMatchObject({
    metallb_bgp_session_up: 1,
    metallb_bgp_announced_prefixes_total: 1,
    metallb_bgp_pending_prefixes_total: 0,
    metallb_bgp_opens_sent: 1,
    metallb_bgp_opens_received: 1,
    metallb_bgp_keepalives_received: 2,
    metallb_bgp_updates_total_received: 1,
    metallb_bgp_notifications_sent: 0,
    metallb_bgp_route_refresh_sent: 0,
    metallb_bgp_total_received: 4,
    fairlead_bgp_session_established_seconds: 20,
    fairlead_bgp_unsent_prefixes: 0,
    fairlead_bgp_notifications_received: 0,
    fairlead_bgp_route_refresh_received: 0,
    fairlead_bgp_malformed_updates: 0,
    fairlead_bgp_connect_attempts: 1,
  })
  const { updatesSent, keepalivesSent, opensSent } = session.status().counters
  expect(values.metallb_bgp_updates_total).toBe(updatesSent)
  expect(values.metallb_bgp_total_sent).toBe(updatesSent + keepalivesSent + opensSent)
})

test('a session that is down announces nothing; resets have their cause', async () => {
  const { session, peer, clock } = established()
  peer.receive(message('0015 03 06 04'))
  const status = session.status()
  expect(resetCause(status)).toBe('notificationReceived')
  const lines = await seriesOf(clock.now(), counted(status, { resets: new Map([[resetCause(status), 3]]) }))
  expect(lines).toContain('metallb_bgp_session_up{peer="192.0.2.1:179",vrf="default"} 0')
  expect(lines).toContain('metallb_bgp_announced_prefixes_total{peer="192.0.2.1:179",vrf="default"} 0')
  expect(lines).toContain('fairlead_bgp_session_established_seconds{peer="192.0.2.1:179",vrf="default"} 0')
  expect(lines).toContain(
    'fairlead_bgp_session_resets{peer="192.0.2.1:179",vrf="default",cause="notificationReceived"} 3',
  )
})

test('an unnumbered peer is its interface, a VRF has its name', async () => {
  const { session, clock } = established()
  const status = session.status()
  const lines = await seriesOf(
    clock.now(),
    counted(status, { interface: 'eth1' }),
    counted(status, { vrf: 'red' }),
  )
  expect(lines.filter((line) => line.startsWith('metallb_bgp_session_up'))).toEqual([
    'metallb_bgp_session_up{peer="eth1",vrf="default"} 1',
    'metallb_bgp_session_up{peer="192.0.2.1:179",vrf="red"} 1',
  ])
})

test('two sessions with the same labels count together, and are up when both are', async () => {
  const { session, peer, clock } = established()
  const up = session.status()
  peer.receive(message('0015 03 06 04'))
  const lines = await seriesOf(clock.now(), counted(up), counted(session.status()))
  expect(lines).toContain('metallb_bgp_session_up{peer="192.0.2.1:179",vrf="default"} 0')
  expect(lines).toContain('metallb_bgp_opens_sent{peer="192.0.2.1:179",vrf="default"} 2')
  expect(lines.filter((line) => line.startsWith('metallb_bgp_announced_prefixes_total'))).toEqual([
    'metallb_bgp_announced_prefixes_total{peer="192.0.2.1:179",vrf="default"} 1',
  ])
})

test('why a session went down', async () => {
  const after = (act: (world: ReturnType<typeof established>) => unknown): string => {
    const world = established()
    act(world)
    return resetCause(world.session.status())
  }
  expect(after(({ clock }) => clock.advance(91_000))).toBe('holdTimer')
  expect(after(({ peer }) => peer.ended())).toBe('connectionClosed')
  expect(after(({ peer }) => peer.receive(message('0013 09')))).toBe('protocolError')
  expect(after(({ session }) => session.bfdDown('no packets'))).toBe('bfdDown')
  expect(after(({ session }) => void session.stop({ subcode: 2, text: '' }))).toBe('stopped')
  expect(after(({ session }) => void session.stop({ subcode: 6, text: '' }))).toBe('configuration')
  const { session } = established()
  const lastError = { at: 0, code: 'FL_WIRE_PEER_BLOCKED', text: 'the Secret is missing' }
  expect(resetCause({ ...session.status(), lastError })).toBe('blocked')
})
