import { Counter, Gauge, type Registry } from 'prom-client'
import type { SessionCounters, SessionStatus } from '#bgp-ts/status.ts'
import type { ResetCause } from './reset-causes.ts'

/** A session with what is counted of it beside its status. */
export interface CountedSession {
  readonly status: SessionStatus
  /** of an unnumbered peer: where it is */
  readonly interface?: string
  /** '' for none */
  readonly vrf: string
  /** times that it went down, by cause */
  readonly resets: ReadonlyMap<ResetCause, number>
}

/** What the metrics are made of, read when they are asked for. */
export interface BgpTotals {
  sessions(): Iterable<CountedSession>
  /** epoch milliseconds */
  now(): number
}

/** Upstream's labels; a session outside of all VRFs is in `default`, which is FRR's word. */
const labelNames = ['peer', 'vrf']
const labelsOf = ({ status, interface: device, vrf }: CountedSession) => ({
  peer: device ?? status.endpoint,
  vrf: vrf || 'default',
})

type Messages = readonly (keyof SessionCounters)[]

const sent: Messages = ['opensSent', 'updatesSent', 'keepalivesSent', 'notificationsSent']
const received: Messages = [
  'opensReceived',
  'updatesReceived',
  'keepalivesReceived',
  'notificationsReceived',
  'routeRefreshReceived',
]

const counters: readonly [name: string, help: string, of: Messages][] = [
  ['metallb_bgp_updates_total', 'Number of BGP UPDATE messages sent', ['updatesSent']],
  ['metallb_bgp_updates_total_received', 'Number of BGP UPDATE messages received', ['updatesReceived']],
  ['metallb_bgp_opens_sent', 'Number of BGP open messages sent', ['opensSent']],
  ['metallb_bgp_opens_received', 'Number of BGP open messages received', ['opensReceived']],
  ['metallb_bgp_keepalives_sent', 'Number of BGP keepalive messages sent', ['keepalivesSent']],
  ['metallb_bgp_keepalives_received', 'Number of BGP keepalive messages received', ['keepalivesReceived']],
  ['metallb_bgp_notifications_sent', 'Number of BGP notification messages sent', ['notificationsSent']],
  // None ever: no route of the peer is kept.
  ['metallb_bgp_route_refresh_sent', 'Number of BGP route refresh messages sent', []],
  ['metallb_bgp_total_sent', 'Number of total BGP messages sent', sent],
  ['metallb_bgp_total_received', 'Number of total BGP messages received', received],
  [
    'fairlead_bgp_notifications_received',
    'Number of BGP notification messages received',
    ['notificationsReceived'],
  ],
  [
    'fairlead_bgp_route_refresh_received',
    'Number of BGP route refresh messages received',
    ['routeRefreshReceived'],
  ],
  [
    'fairlead_bgp_malformed_updates',
    'UPDATE messages received with an error that is ignored (RFC 7606)',
    ['malformedUpdates'],
  ],
  ['fairlead_bgp_connect_attempts', 'Attempts to connect to the peer', ['connectAttempts']],
]

type Combine = (a: number, b: number) => number

const isUp = ({ status }: CountedSession): boolean => status.state === 'Established'
const add: Combine = (a, b) => a + b
const total = (counts: readonly number[]): number => counts.reduce(add, 0)

const gauges: readonly {
  readonly name: string
  readonly help: string
  readonly of: (session: CountedSession, now: number) => number
  readonly combine: Combine
}[] = [
  {
    name: 'metallb_bgp_session_up',
    help: 'BGP session state (1 is up, 0 is down)',
    of: (session) => (isUp(session) ? 1 : 0),
    combine: Math.min,
  },
  {
    name: 'metallb_bgp_announced_prefixes_total',
    help: 'Number of prefixes currently being advertised on the BGP session',
    of: (session) => (isUp(session) ? total(Object.values(session.status.announced)) : 0),
    combine: add,
  },
  {
    name: 'metallb_bgp_pending_prefixes_total',
    help: 'Number of prefixes that should be advertised on the BGP session and are not yet',
    of: ({ status }) => status.pending,
    combine: add,
  },
  {
    name: 'fairlead_bgp_unsent_prefixes',
    help: 'Number of prefixes that cannot be advertised on the BGP session',
    of: ({ status }) => total(Object.values(status.unsent ?? {})),
    combine: add,
  },
  {
    name: 'fairlead_bgp_session_established_seconds',
    help: 'How long the BGP session has been up, 0 while it is down',
    of: (session, now) => (isUp(session) ? Math.max(0, (now - session.status.since) / 1000) : 0),
    combine: Math.min,
  },
]

/**
 * BGP under MetalLB's metric names, and a few of ours. All of it is read when it is asked for, so that a session that
 * is not configured any more leaves no series behind. Two sessions with the same labels (from two source addresses)
 * are one: counts add up, and it is up when both are.
 */
export function registerBgpMetrics(registry: Registry, totals: BgpTotals): void {
  for (const { name, help, of, combine } of gauges) {
    const collect = (gauge: Gauge): void => {
      gauge.reset()
      const values = new Map<string, number>()
      for (const session of totals.sessions()) {
        const labels = labelsOf(session)
        const key = JSON.stringify(labels)
        const before = values.get(key)
        const value = of(session, totals.now())
        values.set(key, before === undefined ? value : combine(before, value))
        gauge.set(labels, values.get(key) ?? value)
      }
    }
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        collect(this)
      },
    })
    registry.registerMetric(gauge)
  }
  for (const [name, help, messages] of counters) {
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const session of totals.sessions())
          this.inc(labelsOf(session), total(messages.map((one) => session.status.counters[one])))
      },
    })
    registry.registerMetric(counter)
  }
  const resets = new Counter({
    name: 'fairlead_bgp_session_resets',
    help: 'Times that the BGP session went down, by cause',
    labelNames: [...labelNames, 'cause'],
    registers: [],
    collect() {
      this.reset()
      for (const session of totals.sessions()) {
        for (const [cause, count] of session.resets) this.inc({ ...labelsOf(session), cause }, count)
      }
    },
  })
  registry.registerMetric(resets)
}
