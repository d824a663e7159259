import type { Logger } from '#kube/logger.ts'
import type { Layer2Metrics } from './layer2-metrics.ts'
import type { AddressCounters, Layer2Event, WireHolder, WireNeighbor, WireObserved } from './wire/protocol.ts'

export interface Layer2StateOptions {
  readonly log: Logger
  readonly metrics: { readonly layer2: Layer2Metrics }
  readonly onHolders: (addresses: readonly string[]) => void
  readonly onNeighbors: () => void
}

/** Events kept for whoever asks what happened to an address. */
const EVENTS_KEPT = 2000

/** What the wire thread has last said about layer 2: who holds what, how neighbours look, what happened. */
export class Layer2State {
  readonly #options: Layer2StateOptions
  readonly #holders = new Map<string, WireHolder>()
  readonly #counters = new Map<string, AddressCounters>()
  readonly #neighbors = new Map<string, WireNeighbor>()
  /** seen alive and then dead: BFD said so, and not the status of somebody else */
  readonly #failed = new Set<string>()
  readonly #wanted = new Set<string>()
  /** a ring: `#oldest` is where the next one goes once it is full */
  readonly #events: Layer2Event[] = []
  #oldest = 0

  constructor(options: Layer2StateOptions) {
    this.#options = options
  }

  holdersSeen(holders: readonly WireHolder[]): void {
    // What was on its way when an address was given up would stay for ever: only what is wanted counts.
    const wanted = holders.filter(({ address }) => this.#wanted.has(address))
    for (const holder of wanted) this.#holders.set(holder.address, holder)
    this.#options.onHolders(wanted.map(({ address }) => address))
  }

  countersSeen({ addresses, ...frames }: Omit<Extract<WireObserved, { kind: 'counters' }>, 'kind'>): void {
    const wanted = addresses.filter(({ address }) => this.#wanted.has(address))
    for (const counters of wanted) this.#counters.set(counters.address, counters)
    this.#options.metrics.layer2.addresses(wanted)
    this.#options.metrics.layer2.frames(frames)
  }

  neighborsSeen({ neighbors, gone }: Extract<WireObserved, { kind: 'neighbors' }>): void {
    for (const neighbor of neighbors) {
      const before = this.#neighbors.get(neighbor.node)
      this.#neighbors.set(neighbor.node, neighbor)
      if (neighbor.state !== 'dead') this.#failed.delete(neighbor.node)
      else if (before?.state === 'alive') this.#failed.add(neighbor.node)
      if (before?.state === neighbor.state) continue
      const { node, state, problem } = neighbor
      const level = state === 'dead' ? 'warn' : 'info'
      this.#options.log[level]({ node, state, ...(problem === '' ? {} : { problem }) }, 'neighbour')
    }
    for (const node of gone) {
      this.#neighbors.delete(node)
      this.#failed.delete(node)
    }
    this.#options.metrics.layer2.neighbors(this.#neighbors.values())
    this.#options.onNeighbors()
  }

  eventsSeen(events: readonly Layer2Event[]): void {
    for (const event of events) {
      if (this.#events.length < EVENTS_KEPT) this.#events.push(event)
      else {
        this.#events[this.#oldest] = event
        this.#oldest = (this.#oldest + 1) % EVENTS_KEPT
      }
    }
    this.#options.metrics.layer2.events(events)
  }

  /** Addresses that the wire thread was told of, and those it was told to give up. */
  want(put: readonly string[], remove: readonly string[]): void {
    for (const address of put) this.#wanted.add(address)
    for (const address of remove) {
      this.#wanted.delete(address)
      this.#holders.delete(address)
      this.#counters.delete(address)
      this.#options.metrics.layer2.forgetAddress(address)
    }
  }

  holder(address: string): WireHolder | undefined {
    return this.#holders.get(address)
  }

  counters(address: string): AddressCounters | undefined {
    return this.#counters.get(address)
  }

  /** All that is known of who holds what, in no particular order. */
  holders(): Iterable<WireHolder> {
    return this.#holders.values()
  }

  /** The other speakers as they look from here, by name. */
  get neighbors(): readonly WireNeighbor[] {
    return [...this.#neighbors.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** This node has itself seen the neighbour die. */
  hasFailed(node: string): boolean {
    return this.#failed.has(node)
  }

  /**
   * What happened, oldest first; to one address (and to the node as a whole, which has ''), or to all. At most the
   * last 2,000 are known.
   */
  events(address?: string): Layer2Event[] {
    const all = [...this.#events.slice(this.#oldest), ...this.#events.slice(0, this.#oldest)]
    return address === undefined
      ? all
      : all.filter((event) => event.address === address || event.address === '')
  }
}
