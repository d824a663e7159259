import { Counter, Gauge, type Registry } from 'prom-client'
import { AnswerLatencyMetric } from './layer2-metrics-latency.ts'
import { registerReadMetric } from './read-metric.ts'
import type { AddressCounters, Layer2Event, WireNeighbor, WireObserved } from './wire/protocol.ts'

type CountersMessage = Extract<WireObserved, { kind: 'counters' }>

const NEIGHBOR_STATES = ['alive', 'dead', 'left', 'unknown'] as const satisfies WireNeighbor['state'][]

const byAddress: readonly {
  readonly name: string
  readonly help: string
  readonly of: (counters: AddressCounters) => number
}[] = [
  {
    name: 'metallb_layer2_requests_received',
    help: 'ARP and NDP requests for owned IPs',
    of: ({ requestsReceived }) => requestsReceived,
  },
  {
    name: 'metallb_layer2_responses_sent',
    help: 'ARP and NDP answers for owned IPs',
    of: ({ responsesSent }) => responsesSent,
  },
  {
    name: 'metallb_layer2_gratuitous_sent',
    help: 'Gratuitous ARP and NDP frames sent',
    of: ({ gratuitousSent }) => gratuitousSent,
  },
  {
    name: 'fairlead_layer2_conflicts',
    help: 'Frames in which another MAC claimed an owned IP',
    of: ({ conflicts }) => conflicts,
  },
]

/** Metrics of layer 2, under MetalLB's names where it has them. */
export class Layer2Metrics {
  readonly #events: Counter
  readonly #takeovers: Counter
  readonly #neighbors: Gauge
  readonly #stale: Gauge
  readonly #latency: AnswerLatencyMetric
  readonly #unanswered: Counter
  readonly #lost: Counter
  /** read when metrics are asked for */
  #addresses: () => Iterable<AddressCounters> = () => []
  /** interfaces with series, and the reasons that each has */
  readonly #interfaces = new Map<string, Set<string>>()

  constructor(registry: Registry) {
    const registers = [registry]
    for (const { name, help, of } of byAddress) {
      const samples = () =>
        [...this.#addresses()].map((one) => ({ labels: { ip: one.address }, value: of(one) }))
      registerReadMetric(registry, { name, help, type: 'counter', samples })
    }
    this.#events = new Counter({
      name: 'fairlead_layer2_events',
      help: 'What happened to addresses on this node, by kind',
      labelNames: ['what'],
      registers,
    })
    this.#takeovers = new Counter({
      name: 'fairlead_layer2_takeovers',
      help: 'Addresses that this node began to answer for, by cause',
      labelNames: ['cause'],
      registers,
    })
    this.#neighbors = new Gauge({
      name: 'fairlead_layer2_neighbors',
      help: 'Other speakers as this one sees them, by state',
      labelNames: ['state'],
      registers,
    })
    this.#stale = new Gauge({
      name: 'fairlead_speaker_stale_bool',
      help: '1 when this speaker has heard nothing of the API server for too long',
      registers,
    })
    this.#latency = new AnswerLatencyMetric(registry)
    this.#unanswered = new Counter({
      name: 'fairlead_layer2_frames_unanswered',
      help: 'ARP and NDP frames heard and not answered, by interface and reason',
      labelNames: ['interface', 'reason'],
      registers,
    })
    this.#lost = new Counter({
      name: 'fairlead_layer2_frames_lost',
      help:
        'ARP and NDP frames that were lost on this node: received, as more came than could be read; ' +
        'sent, as the kernel refused them',
      labelNames: ['interface', 'direction'],
      registers,
    })
    this.neighbors([])
  }

  /** Where the counters of addresses are read. */
  readAddresses(source: () => Iterable<AddressCounters>): void {
    this.#addresses = source
  }

  /** What is counted by interface or family. */
  frames({ drops = [], lost = [], latencies = [] }: Omit<CountersMessage, 'kind' | 'addresses'>): void {
    for (const { interface: name, reason, count } of drops) {
      this.#reasonsOf(name).add(reason)
      setTotal(this.#unanswered, { interface: name, reason }, count)
    }
    for (const { interface: name, received, sent } of lost) {
      this.#reasonsOf(name)
      setTotal(this.#lost, { interface: name, direction: 'received' }, received)
      setTotal(this.#lost, { interface: name, direction: 'sent' }, sent)
    }
    this.#latency.seen(latencies)
  }

  /** Interfaces that are gone leave no series behind. */
  retainInterfaces(names: ReadonlySet<string>): void {
    for (const [name, reasons] of this.#interfaces) {
      if (names.has(name)) continue
      this.#interfaces.delete(name)
      for (const reason of reasons) this.#unanswered.remove({ interface: name, reason })
      for (const direction of ['received', 'sent']) this.#lost.remove({ interface: name, direction })
    }
  }

  #reasonsOf(name: string): Set<string> {
    let reasons = this.#interfaces.get(name)
    if (reasons === undefined) this.#interfaces.set(name, (reasons = new Set()))
    return reasons
  }

  events(events: readonly Layer2Event[]): void {
    for (const { what, cause } of events) {
      this.#events.inc({ what })
      if (what === 'took') this.#takeovers.inc({ cause: cause ?? 'unknown' })
    }
  }

  neighbors(neighbors: Iterable<WireNeighbor>): void {
    const counts = Object.fromEntries(NEIGHBOR_STATES.map((state) => [state, 0]))
    for (const { state } of neighbors) counts[state]++
    for (const state of NEIGHBOR_STATES) this.#neighbors.set({ state }, counts[state])
  }

  stale(stale: boolean): void {
    this.#stale.set(stale ? 1 : 0)
  }
}

/** prom-client counters only grow by `inc`; totals from another thread are brought over by removing and adding. */
function setTotal(counter: Counter, labels: Record<string, string>, total: number): void {
  counter.remove(labels)
  counter.inc(labels, total)
}
