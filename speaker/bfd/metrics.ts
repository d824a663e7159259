import { Counter, Gauge, type Registry } from 'prom-client'
import type { BfdCounters, BfdSessionStatus } from './status.ts'

/** What the metrics are made of, read when they are asked for. */
export interface BfdTotals {
  sessions(): Iterable<BfdSessionStatus>
  /** packets without effect, by reason */
  drops(): Readonly<Record<string, number>>
}

/** Upstream's labels: the peer's address, and the VRF in FRR's words. */
const labelNames = ['peer', 'vrf']
const labelsOf = ({ remote }: BfdSessionStatus) => ({ peer: remote, vrf: 'default' })

const counters: readonly [name: string, help: string, of: (counters: BfdCounters) => number][] = [
  ['control_packet_input', 'Number of received BFD control packets', ({ packetsIn }) => packetsIn],
  ['control_packet_output', 'Number of sent BFD control packets', ({ packetsOut }) => packetsOut],
  ['session_up_events', 'Number of BFD session up events', ({ upEvents }) => upEvents],
  ['session_down_events', 'Number of BFD session down events', ({ downEvents }) => downEvents],
]

/** BFD under MetalLB's metric names. A session that has ended leaves no series behind; two to one address are one. */
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
        const now = session.state === 'Up' ? 1 : 0
        up.set(session.remote, Math.max(now, up.get(session.remote) ?? 0))
        this.set(labelsOf(session), up.get(session.remote) ?? now)
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
        for (const session of totals.sessions()) this.inc(labelsOf(session), of(session.counters))
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
