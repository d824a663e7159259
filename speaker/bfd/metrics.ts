import { Counter, Gauge, type Registry } from 'prom-client'
import type { BfdCounters, BfdSessionStatus } from './status.ts'

export interface CountedBfdSession {
  readonly status: BfdSessionStatus
  /** of the BGP peer that it watches, '' for none */
  readonly vrf: string
}

/** What the metrics are made of, read when they are asked for. */
export interface BfdTotals {
  /** those that watch BGP peers */
  sessions(): Iterable<CountedBfdSession>
  /** packets without effect, by reason */
  drops(): Readonly<Record<string, number>>
}

/** Upstream's labels: the peer's address, and the VRF in FRR's words. */
const labelNames = ['peer', 'vrf']
const labelsOf = ({ status, vrf }: CountedBfdSession) => ({ peer: status.remote, vrf: vrf || 'default' })

const counters: readonly [name: string, help: string, of: (counters: BfdCounters) => number][] = [
  ['control_packet_input', 'Number of received BFD control packets', ({ packetsIn }) => packetsIn],
  ['control_packet_output', 'Number of sent BFD control packets', ({ packetsOut }) => packetsOut],
  // Echo is refused: neither side ever sends any.
  ['echo_packet_input', 'Number of received BFD echo packets', () => 0],
  ['echo_packet_output', 'Number of sent BFD echo packets', () => 0],
  ['session_up_events', 'Number of BFD session up events', ({ upEvents }) => upEvents],
  ['session_down_events', 'Number of BFD session down events', ({ downEvents }) => downEvents],
]

/**
 * BFD of BGP peers under MetalLB's metric names. A session that has ended leaves no series behind; two to one address
 * are one. The sessions between speakers are not among them: `fairlead_layer2_neighbors` counts those.
 */
export function registerBfdMetrics(registry: Registry, totals: BfdTotals): void {
  const registers: [] = []
  const upGauge = new Gauge({
    name: 'metallb_bfd_session_up',
    help: 'BFD session state (1 is up, 0 is down)',
    labelNames,
    registers,
    collect() {
      this.reset()
      const up = new Map<string, number>()
      for (const session of totals.sessions()) {
        const labels = labelsOf(session)
        const key = JSON.stringify(labels)
        const now = Math.max(session.status.state === 'Up' ? 1 : 0, up.get(key) ?? 0)
        up.set(key, now)
        this.set(labels, now)
      }
    },
  })
  registry.registerMetric(upGauge)
  for (const [name, help, of] of counters) {
    const counter = new Counter({
      name: `metallb_bfd_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const session of totals.sessions()) this.inc(labelsOf(session), of(session.status.counters))
      },
    })
    registry.registerMetric(counter)
  }
  const dropped = new Counter({
    name: 'fairlead_bfd_packets_dropped',
    help: 'Received BFD packets without effect, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(totals.drops())) this.inc({ reason }, count)
    },
  })
  registry.registerMetric(dropped)
}
