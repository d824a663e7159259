import type { BfdDatagram } from '../../bfd/port.ts'
import type { WireNeighbor } from '../../wire/protocol.ts'
import { Edge } from './edge.ts'
import type { Environment } from './environment.ts'
import type { Machine } from './machine.ts'
import type { News, Watcher } from './news.ts'
import { Runtime } from './runtime.ts'
import { View } from './view.ts'

/**
 * One life of a speaker: what its main thread knows, and the edge of its wire thread. Whatever comes in goes through
 * its `Runtime`, so that a frozen process gets it when it runs again.
 */
export class Process implements Watcher {
  readonly machine: Machine
  readonly edge: Edge
  readonly #environment: Environment
  readonly #runtime: Runtime
  readonly #view: View
  #leaving = false
  #staleSince: number | undefined

  constructor(machine: Machine, environment: Environment) {
    this.machine = machine
    this.#environment = environment
    const { random, time } = environment
    this.#runtime = new Runtime(time, random, () => machine.clockAhead)
    this.#view = new View(machine.name, machine.unserved, random.chance(0.5))
    this.edge = new Edge(this, this.#runtime, environment)
  }

  get node(): string {
    return this.machine.name
  }

  get active(): boolean {
    return !this.#runtime.ended && !this.#runtime.frozen
  }

  get leaving(): boolean {
    return this.#leaving
  }

  /** Since when it has known that it has heard nothing of the API for long. */
  get staleSince(): number | undefined {
    return this.#staleSince
  }

  get isStale(): boolean {
    return this.#staleSince !== undefined
  }

  get view(): View {
    return this.#view
  }

  /** How another node looks from here. */
  neighbor(node: string): WireNeighbor['state'] {
    return this.edge.states.get(node) ?? 'unknown'
  }

  /** What its SpeakerStatus says about those that it watches. */
  watched(): Map<string, 'alive' | 'dead'> {
    const watched = new Map<string, 'alive' | 'dead'>()
    for (const [node, state] of this.edge.states)
      if (state === 'alive' || state === 'dead') watched.set(node, state)
    return watched
  }

  /** Addresses that it answers for. */
  get held(): ReadonlySet<string> {
    return this.edge.held
  }

  /** By all that it knows it may answer for the address. */
  capable(address: string): boolean {
    if (!this.active || this.#leaving || !this.machine.plugged) return false
    return this.#view.serves(address) && this.#view.eligible(address)
  }

  start(): void {
    const { api, onStatus } = this.#environment
    this.edge.start(this.machine.link())
    api.subscribe(this)
    onStatus(this)
  }

  /** Planned: addresses are handed over and neighbours told, and then it ends. */
  stop(): void {
    this.#runtime.enter(() => {
      if (this.#leaving) return
      this.#leaving = true
      this.#environment.onStatus(this)
      this.edge.stop()
    })
  }

  /** At once, whatever it was doing. */
  end(): void {
    if (this.#runtime.ended) return
    this.#runtime.end()
    this.#environment.api.unsubscribe(this.node)
    this.#environment.onEnd(this)
  }

  freeze(): void {
    this.#runtime.freeze()
  }

  thaw(): void {
    this.#runtime.thaw()
  }

  /** A frame from the LAN; the array is this process's own. */
  receive(frame: Uint8Array): void {
    this.#runtime.arrive(() => this.edge.frame(frame))
  }

  /** A BFD packet. */
  datagram(datagram: BfdDatagram): void {
    this.#runtime.arrive(() => this.edge.datagram(datagram))
  }

  /** The kernel has heard that nobody takes the packets of this session. */
  refused(datagram: BfdDatagram): void {
    this.edge.refused(datagram)
  }

  /** The kernel says that the link has changed. */
  linkChanged(): void {
    this.#runtime.enter(() => this.edge.link(this.machine.link()))
  }

  news(news: News): void {
    this.#runtime.enter(() => this.#learn(news))
  }

  stale(stale: boolean): void {
    this.#runtime.enter(() => {
      this.#staleSince = stale ? (this.#staleSince ?? this.#environment.time.now) : undefined
      this.#tellSpeakers()
      this.edge.settle()
    })
  }

  /** Endpoints and forwarding for the address have come or gone. */
  serve(address: string, served: boolean): void {
    this.#runtime.enter(() => {
      this.#view.serve(address, served)
      this.#put([address])
    })
  }

  /** Main sends everything again. */
  resend(): void {
    this.#runtime.enter(() => this.#put(this.#view.addresses))
  }

  #put(addresses: readonly string[]): void {
    this.edge.put(this.#view.wanted(addresses))
  }

  #learn(news: News): void {
    if (!this.#view.listed && !this.#view.forwarding) this.#programForwarding()
    const { changes, speakers } = this.#view.learn(news)
    for (const { address, before, version } of changes) {
      this.#environment.onNews(this, address, before, version)
    }
    this.edge.remove(news.remove)
    if (speakers) this.#tellSpeakers()
    this.#put(news.put.map(({ address }) => address))
    this.#environment.onStatus(this)
  }

  /** From the same lists, and done a moment later. */
  #programForwarding(): void {
    this.#runtime.clock.setTimeout(
      () => {
        this.#view.forwarding = true
        for (const address of this.#view.addresses) this.#environment.onNews(this, address, -1, 0)
        this.resend()
      },
      this.#environment.random.between(50, 400),
    )
  }

  #tellSpeakers(): void {
    const { liveness } = this.#environment
    const self = { stale: this.isStale, internalIPs: [this.machine.address4], liveness }
    this.edge.speakers(self, this.#view.speakers)
  }
}
