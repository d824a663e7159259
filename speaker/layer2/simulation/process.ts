import type { TimerHandle } from '#bgp-ts/clock.ts'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import { defaultSettings } from '../../bfd/config.ts'
import type { BfdDatagram } from '../../bfd/port.ts'
import { BfdSessions } from '../../bfd/sessions.ts'
import { Neighbors } from '../../wire/neighbors.ts'
import type { WireNeighbor } from '../../wire/protocol.ts'
import type { Core } from './core.ts'
import { groupMac } from '../ndp.ts'
import type { News, Watcher } from './news.ts'
import type { Environment } from './environment.ts'
import { interfaceIndex, type Machine } from './machine.ts'
import { Ports } from './ports.ts'
import { Runtime } from './runtime.ts'
import { View } from './view.ts'

/** The edge asks what is due at least so often. */
const heartbeat = 200
/** A stopping process says goodbye to its neighbours three times, so long. */
const farewell = 650
/** Calls of `due` that may follow each other at once. */
const mostRounds = 50

/**
 * One life of a speaker: the real core, the real BFD sessions, and around them what the wire thread's edge does.
 * Whatever comes in goes through its `Runtime`, so that a frozen process gets it when it runs again.
 */
export class Process implements Watcher {
  readonly machine: Machine
  readonly core: Core
  /** hardware addresses of the solicited-node groups that its sockets are members of */
  readonly groups = new Set<number>()
  readonly #environment: Environment
  readonly #runtime: Runtime
  readonly #sessions: BfdSessions
  readonly #neighbors: Neighbors
  readonly #states = new Map<string, WireNeighbor['state']>()
  readonly #view: View
  readonly #held = new Set<string>()
  readonly #ports: Ports
  #leaving = false
  #staleSince: number | undefined
  #ending: TimerHandle | undefined
  #wake: { readonly at: number; readonly timer: TimerHandle } | undefined

  constructor(machine: Machine, environment: Environment) {
    this.machine = machine
    this.#environment = environment
    const { random, time } = environment
    this.#runtime = new Runtime(time, random, () => machine.clockAhead)
    this.#ports = new Ports(machine, this.#runtime)
    const { clock } = this.#runtime
    this.#view = new View(machine.name, machine.unserved, random.chance(0.5))
    this.core = environment.createCore({ node: machine.name, random: random.next })
    this.#sessions = new BfdSessions({
      clock,
      random: random.next,
      discriminator: () => random.integer(1, 2 ** 32 - 1),
      port: this.#ports,
    })
    this.#neighbors = new Neighbors({
      node: machine.name,
      clock,
      sessions: this.#sessions,
      onState: (node, state) => {
        this.#states.set(node, state)
        environment.onNeighbor(this, node, state)
        this.core.neighbor(node, state, this.#now())
        this.#settle()
      },
      onDoubt: (node, suspect) => {
        environment.onDoubt(this, node, suspect?.doubt)
        this.core.suspect(node, suspect, this.#now())
        this.#settle()
      },
      onSpoke: (node, interval) => {
        if (this.core.spoke(node, interval, this.#now())) this.#settle()
      },
      onTold: () => {},
    })
  }

  get node(): string {
    return this.machine.name
  }

  get active(): boolean {
    return !this.#runtime.ended && !this.#runtime.frozen
  }

  /** Somebody may send it BFD packets. */
  get listens(): boolean {
    return this.#ports.listens
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
    return this.#states.get(node) ?? 'unknown'
  }

  /** What its SpeakerStatus says about those that it watches. */
  watched(): Map<string, 'alive' | 'dead'> {
    const watched = new Map<string, 'alive' | 'dead'>()
    for (const [node, state] of this.#states)
      if (state === 'alive' || state === 'dead') watched.set(node, state)
    return watched
  }

  /** Addresses that it answers for. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** By all that it knows it may answer for the address. */
  capable(address: string): boolean {
    if (!this.active || this.#leaving || !this.machine.plugged) return false
    return this.#view.serves(address) && this.#view.eligible(address)
  }

  start(): void {
    const { api, onStatus } = this.#environment
    this.core.links([this.machine.link()], this.#now())
    this.#neighbors.start()
    this.#settle()
    api.subscribe(this)
    onStatus(this)
  }

  /** Planned: addresses are handed over and neighbours told, and then it ends. */
  stop(): void {
    this.#runtime.enter(() => {
      if (this.#leaving) return
      this.#leaving = true
      this.#environment.onStatus(this)
      this.core.stop(this.#now())
      this.#settle()
      this.#neighbors.leave()
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
    this.#runtime.arrive(() => {
      const answer = this.core.receive(frame, interfaceIndex, this.#now())
      // The kernel's buffer has the next frame in it by now.
      frame.fill(0xff)
      if (answer instanceof Uint8Array) this.#send(answer)
      else if (answer !== undefined) this.#settle()
    })
  }

  /** A BFD packet. */
  datagram(datagram: BfdDatagram): void {
    this.#runtime.arrive(() => this.#sessions.receive(datagram))
  }

  /** The kernel has heard that nobody takes the packets of this session. */
  refused(datagram: BfdDatagram): void {
    this.#ports.refused(datagram)
  }

  /** The kernel says that the link has changed. */
  linkChanged(): void {
    this.#runtime.enter(() => {
      this.core.links([this.machine.link()], this.#now())
      this.#settle()
    })
  }

  news(news: News): void {
    this.#runtime.enter(() => this.#learn(news))
  }

  stale(stale: boolean): void {
    this.#runtime.enter(() => {
      this.#staleSince = stale ? (this.#staleSince ?? this.#environment.time.now) : undefined
      this.#tellSpeakers()
      this.#settle()
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
    this.core.put(this.#view.wanted(addresses))
    this.#settle()
  }

  #learn(news: News): void {
    if (!this.#view.listed && !this.#view.forwarding) this.#programForwarding()
    const { changes, speakers } = this.#view.learn(news)
    for (const { address, before, version } of changes) {
      this.#environment.onNews(this, address, before, version)
    }
    for (const address of news.remove) this.#setHeld(address, false)
    this.core.remove(news.remove)
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
    const { speakers } = this.#view
    const self = { stale: this.isStale, internalIPs: [this.machine.address4], liveness: defaultSettings }
    this.core.speakers(self, speakers, this.#now())
    this.#neighbors.speakers(self, speakers)
  }

  /** As the edge does it: groups and holders first, then what is due, until nothing changes any more. */
  #settle(): void {
    for (let round = 0; round < mostRounds; round++) {
      if (this.#runtime.ended) return
      const { holders, groups, events, interfaces } = this.core.settle(this.#now())
      for (const { group, join } of groups) {
        const mac = groupMac(addressToBytes(parseAddress(group)))
        if (join) this.groups.add(mac)
        else this.groups.delete(mac)
      }
      for (const { address, held } of holders) this.#setHeld(address, held)
      if (interfaces !== undefined) this.#neighbors.interfaces(interfaces)
      if (events.length > 0) this.#environment.onEvents(this, events)
      const { frames, deadline, changed } = this.core.due(this.#now())
      for (const { frame } of frames) this.#send(frame)
      if (changed) continue
      this.#environment.onSettled(this)
      return this.#sleep(deadline)
    }
    throw new Error(`${this.node}: due() says \`changed\` ${mostRounds} times in a row`)
  }

  #sleep(deadline: number | undefined): void {
    if (this.#leaving && this.core.stopped && this.#ending === undefined) {
      this.#ending = this.#runtime.clock.setTimeout(() => this.end(), farewell)
    }
    const now = this.#now()
    const at = Math.min(deadline ?? Infinity, this.#held.size > 0 ? now + heartbeat : Infinity)
    if (this.#wake?.at === at) return
    this.#wake?.timer.cancel()
    this.#wake = undefined
    if (at === Infinity) return
    const timer = this.#runtime.clock.setTimeout(
      () => {
        this.#wake = undefined
        this.#environment.onWake(this)
        this.#settle()
      },
      Math.ceil(Math.max(0, at - now)),
    )
    this.#wake = { at, timer }
  }

  #setHeld(address: string, held: boolean): void {
    if (this.#held.has(address) === held) return
    if (held) this.#held.add(address)
    else this.#held.delete(address)
    this.#environment.onHeld(this, address, held)
  }

  #send(frame: Uint8Array): void {
    this.#environment.onSent(this, frame)
    this.machine.send(frame)
  }

  #now(): number {
    return this.#runtime.clock.now()
  }
}
