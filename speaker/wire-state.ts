import { registerBfdMetrics } from './bfd/metrics.ts'
import { registerBgpMetrics } from './bgp/metrics.ts'
import { BgpState, type BgpStateOptions } from './bgp-state.ts'
import { Layer2State, type Layer2StateOptions } from './layer2-state.ts'
import type { SpeakerMetrics } from './metrics.ts'
import { isLinkLocal, isOwn } from './status/layer2-part.ts'
import type { WireInterface, WireObserved } from './wire/protocol.ts'

export interface WireStateOptions extends Layer2StateOptions, BgpStateOptions {
  readonly metrics: SpeakerMetrics
  /** epoch milliseconds */
  readonly now: () => number
  readonly onInterfaces: () => void
  /** a machine outside the cluster claims an address that is held here */
  readonly onConflict: (conflict: Extract<WireObserved, { kind: 'conflict' }>) => void
}

/** What the wire thread has last said, kept on the main thread for status, metrics and the admin API. */
export class WireState {
  readonly #options: WireStateOptions
  readonly layer2: Layer2State
  readonly bgp: BgpState
  #interfaces: readonly WireInterface[] = []

  constructor(options: WireStateOptions) {
    this.#options = options
    this.layer2 = new Layer2State(options)
    this.bgp = new BgpState(options)
    const { registry } = options.metrics
    registerBgpMetrics(registry, { sessions: () => this.bgp.counted(), now: options.now })
    registerBfdMetrics(registry, { sessions: () => this.bgp.countedBfd(), drops: () => this.bgp.bfdDrops })
  }

  observe(observed: WireObserved): void {
    const { log } = this.#options
    switch (observed.kind) {
      case 'interfaces':
        return this.#interfacesSeen(observed.interfaces)
      case 'holders':
        return this.layer2.holdersSeen(observed.holders)
      case 'sessions':
        return this.bgp.sessionsSeen(observed.sessions)
      case 'bfd':
        return this.bgp.bfdSeen(observed)
      case 'counters':
        return this.layer2.countersSeen(observed)
      case 'neighbors':
        return this.layer2.neighborsSeen(observed)
      case 'layer2Events':
        return this.layer2.eventsSeen(observed.events)
      case 'conflict':
        log.warn({ ...observed }, 'another machine claims an address held here')
        return this.#options.onConflict(observed)
      case 'log':
        return log[observed.level](observed.fields, observed.message)
      case 'stopped':
        return undefined
    }
  }

  /** Every pod brings a link of its own; only the node's own ones matter to anybody else. */
  #interfacesSeen(interfaces: readonly WireInterface[]): void {
    const before = this.#relevant()
    this.#interfaces = interfaces
    this.#options.metrics.layer2.retainInterfaces(new Set(interfaces.map(({ name }) => name)))
    if (this.#relevant() !== before) this.#options.onInterfaces()
  }

  #relevant(): string {
    return JSON.stringify([this.#interfaces.filter(isOwn), this.localAddresses()])
  }

  /** Addresses of this node's interfaces, without loopback and link-local ones. */
  localAddresses(): string[] {
    return this.#interfaces
      .filter(({ reason }) => reason !== 'loopback')
      .flatMap(({ prefixes }) =>
        prefixes.filter((prefix) => !isLinkLocal(prefix)).map((prefix) => prefix.split('/')[0]),
      )
  }

  get interfaces(): readonly WireInterface[] {
    return this.#interfaces
  }
}
