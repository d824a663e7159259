import type { Logger } from '#kube/logger.ts'
import { sharedList, sharedText } from '#kube/objects/shared.ts'
import type { Layer2Metrics } from './layer2-metrics.ts'
import type { AddressCounters, Layer2Event, WireHolder, WireNeighbor, WireObserved } from './wire/protocol.ts'

export interface Layer2StateOptions {
  readonly log: Logger
  readonly metrics: { readonly layer2: Layer2Metrics }
  readonly onHolders: (addresses: readonly string[]) => void
  readonly onNeighbors: () => void
}

/** An address that the wire thread was told of, and what it has said of it. */
interface Wanted {
  readonly address: string
  holder: WireHolder | undefined
  counters: AddressCounters | undefined
}

/** Events kept for whoever asks what happened to an address. */
const EVENTS_KEPT = 2000

/**
 * What the wire thread has last said about layer 2: who holds what, how neighbours look, what happened. Messages bring
 * their texts along; those that many have in common are kept once.
 */
export class Layer2State {
  readonly #options: Layer2StateOptions
  readonly #wanted = new Map<string, Wanted>()
  readonly #neighbors = new Map<string, WireNeighbor>()
  /** seen alive and then dead: BFD said so, and not the status of somebody else */
  readonly #failed = new Set<string>()
  /** a ring: `#oldest` is where the next one goes once it is full */
  readonly #events: Layer2Event[] = []
  #oldest = 0

  constructor(options: Layer2StateOptions) {
    this.#options = options
    options.metrics.layer2.readAddresses(() => this.#counted())
  }

  holdersSeen(holders: readonly WireHolder[]): void {
    const told: string[] = []
    for (const holder of holders) {
      // What was on its way when an address was given up would stay for ever: only what is wanted counts.
      const wanted = this.#wanted.get(holder.address)
      if (wanted === undefined) continue
      const { address } = wanted
      const { held, since, foreignMac } = holder
      // Made in one piece: what is put in afterwards takes a list of its own.
      wanted.holder = {
        address,
        holder: sharedText(holder.holder),
        held,
        since,
        interfaces: sharedList(holder.interfaces),
        reason: sharedText(holder.reason),
        ...(foreignMac === undefined ? {} : { foreignMac }),
      }
      told.push(address)
    }
    this.#options.onHolders(told)
  }

  countersSeen({ addresses, ...frames }: Omit<Extract<WireObserved, { kind: 'counters' }>, 'kind'>): void {
    for (const counters of addresses) {
      const wanted = this.#wanted.get(counters.address)
      if (wanted === undefined) continue
      const { requestsReceived, responsesSent, gratuitousSent, conflicts, lastRequest } = counters
      const { address } = wanted
      wanted.counters = { address, requestsReceived, responsesSent, gratuitousSent, conflicts, lastRequest }
    }
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
    for (const one of events) {
      const event = this.#shared(one)
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
    for (const address of put) {
      if (this.#wanted.has(address)) continue
      this.#wanted.set(address, { address, holder: undefined, counters: undefined })
    }
    for (const address of remove) this.#wanted.delete(address)
  }

  holder(address: string): WireHolder | undefined {
    return this.#wanted.get(address)?.holder
  }

  counters(address: string): AddressCounters | undefined {
    return this.#wanted.get(address)?.counters
  }

  /** All that is known of who holds what, in no particular order. */
  *holders(): IterableIterator<WireHolder> {
    for (const { holder } of this.#wanted.values()) if (holder !== undefined) yield holder
  }

  *#counted(): IterableIterator<AddressCounters> {
    for (const { counters } of this.#wanted.values()) if (counters !== undefined) yield counters
  }

  #shared(event: Layer2Event): Layer2Event {
    const address = this.#wanted.get(event.address)?.address ?? event.address
    const { what, cause, interface: name } = event
    return {
      ...event,
      address,
      what: sharedText(what),
      ...(cause === undefined ? {} : { cause: sharedText(cause) }),
      ...(name === undefined ? {} : { interface: sharedText(name) }),
    }
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
