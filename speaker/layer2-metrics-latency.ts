import type { Metric, Registry } from 'prom-client'
import { latencyBounds, type AnswerLatencies } from './wire/protocol.ts'

const name = 'fairlead_layer2_answer_latency_seconds'
const help =
  'Time from when the kernel received an ARP request or Neighbor Solicitation for an owned IP until the answer was ' +
  'handed to the kernel. Not counted: probes of other speakers upon which an IP may move, and answers during which ' +
  'the wall clock was set'
const familyNames = { 4: 'IPv4', 6: 'IPv6' } as const
const microseconds = 1e6
const nothing: readonly number[] = [...latencyBounds, Infinity].map(() => 0)

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A histogram that another thread counts: prom-client's own takes single observations only, and no totals. */
export class AnswerLatencyMetric {
  readonly name = name
  readonly #latencies = new Map<AnswerLatencies['family'], AnswerLatencies>()

  constructor(registry: Registry) {
    this.reset()
    // Of a metric a registry wants a name and what it collects.
    registry.registerMetric(this as unknown as Metric)
  }

  seen(latencies: readonly AnswerLatencies[]): void {
    for (const one of latencies) this.#latencies.set(one.family, one)
  }

  get(): Promise<{ name: string; help: string; type: string; aggregator: string; values: Sample[] }> {
    const values = [...this.#latencies.values()].flatMap(samplesOf)
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values })
  }

  reset(): void {
    this.seen([
      { family: 4, buckets: nothing, sum: 0 },
      { family: 6, buckets: nothing, sum: 0 },
    ])
  }
}

function samplesOf({ family, buckets, sum }: AnswerLatencies): Sample[] {
  const labels = { ip_family: familyNames[family] }
  let count = 0
  const samples = buckets.map((answers, index) => {
    count += answers
    const le = index < latencyBounds.length ? String(latencyBounds[index] / microseconds) : '+Inf'
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
  })
  return [
    ...samples,
    { metricName: `${name}_sum`, labels, value: sum / microseconds },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
