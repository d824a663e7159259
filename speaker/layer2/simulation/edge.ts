import type { TimerHandle } from '#bgp-ts/clock.ts'
import { addressToBytes, parseAddress } from '#inet/address.ts'
import type { BfdDatagram } from '../../bfd/port.ts'
import { BfdSessions } from '../../bfd/sessions.ts'
import { Neighbors } from '../../wire/neighbors.ts'
import type { WireAddress, WireNeighbor, WireSelf, WireSpeaker } from '../../wire/protocol.ts'
import type { Link } from '../interfaces.ts'
import { groupMac } from '../ndp.ts'
import type { Core } from './core.ts'
import type { Environment } from './environment.ts'
import { interfaceIndex } from './machine.ts'
import { Ports } from './ports.ts'
import type { Process } from './process.ts'
import type { Runtime } from './runtime.ts'

/** It asks what is due at least so often. */
const heartbeat = 200
/** A stopping process says goodbye to its neighbours three times, so long. */
const farewell = 650
/** Calls of `due` that may follow each other at once. */
const mostRounds = 50

/**
 * What the wire thread's edge does: the real core, the real BFD sessions, and between them, the sockets and the clock
 * whatever is to be passed on. It runs when the process does; that is for the caller.
 */
export class Edge {
  readonly core: Core
  /** hardware addresses of the solicited-node groups that its sockets are members of */
  readonly groups = new Set<number>()
  readonly #process: Process
  readonly #environment: Environment
  readonly #runtime: Runtime
  readonly #sessions: BfdSessions
  readonly #neighbors: Neighbors
  readonly #states = new Map<string, WireNeighbor['state']>()
  readonly #held = new Set<string>()
  readonly #ports: Ports
  #leaving = false
  #ending: TimerHandle | undefined
  #wake: { readonly at: number; readonly timer: TimerHandle } | undefined

  constructor(process: Process, runtime: Runtime, environment: Environment) {
    this.#process = process
    this.#environment = environment
    this.#runtime = runtime
    const { machine, node } = process
    const { random, createCore } = environment
    this.#ports = new Ports(machine, runtime)
    const { clock } = runtime
    this.core = createCore({ node, random: random.next })
    this.#sessions = new BfdSessions({
      clock,
      random: random.next,
      discriminator: () => random.integer(1, 2 ** 32 - 1),
      port: this.#ports,
    })
    this.#neighbors = new Neighbors({
      node,
      clock,
      sessions: this.#sessions,
      onState: (other, state) => {
        this.#states.set(other, state)
        environment.onNeighbor(process, other, state)
        this.core.neighbor(other, state, this.#now())
        this.settle()
      },
      onDoubt: (other, suspect) => {
        environment.onDoubt(process, other, suspect?.doubt)
        this.core.suspect(other, suspect, this.#now())
        this.settle()
      },
      onSpoke: (other, interval) => {
        if (this.core.spoke(other, interval, this.#now())) this.settle()
      },
      onTold: () => {},
    })
  }

  /** Somebody may send it BFD packets. */
  get listens(): boolean {
    return this.#ports.listens
  }

  /** Addresses that it answers for. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** How the other nodes look from here, of those that were looked at. */
  get states(): ReadonlyMap<string, WireNeighbor['state']> {
    return this.#states
  }

  start(link: Link): void {
    this.core.links([link], this.#now())
    this.#neighbors.start()
    this.settle()
  }

  /** Planned: addresses are handed over and neighbours told, and then the process ends. */
  stop(): void {
    this.#leaving = true
    this.core.stop(this.#now())
    this.settle()
    this.#neighbors.leave()
  }

  link(link: Link): void {
    this.core.links([link], this.#now())
    this.settle()
  }

  /** A frame from the LAN; the array is this process's own. */
  frame(frame: Uint8Array): void {
    const answer = this.core.receive(frame, interfaceIndex, this.#now())
    // The kernel's buffer has the next frame in it by now.
    frame.fill(0xff)
    if (answer instanceof Uint8Array) this.#send(answer)
    else if (answer !== undefined) this.settle()
  }

  datagram(datagram: BfdDatagram): void {
    this.#sessions.receive(datagram)
  }

  /** The kernel has heard that nobody takes the packets of this session. */
  refused(datagram: BfdDatagram): void {
    this.#ports.refused(datagram)
  }

  put(addresses: readonly WireAddress[]): void {
    this.core.put(addresses)
    this.settle()
  }

  /** `settle` follows with the next call. */
  remove(addresses: readonly string[]): void {
    for (const address of addresses) this.#setHeld(address, false)
    this.core.remove(addresses)
  }

  /** As with `remove`. */
  speakers(self: WireSelf, others: readonly WireSpeaker[]): void {
    this.core.speakers(self, others, this.#now())
    this.#neighbors.speakers(self, others)
  }

  /** Groups and holders first, then what is due, until nothing changes any more. */
  settle(): void {
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
      if (events.length > 0) this.#environment.onEvents(this.#process, events)
      const { frames, deadline, changed } = this.core.due(this.#now())
      for (const { frame } of frames) this.#send(frame)
      if (changed) continue
      this.#environment.onSettled(this.#process)
      return this.#sleep(deadline)
    }
    throw new Error(`${this.#process.node}: due() says \`changed\` ${mostRounds} times in a row`)
  }

  #sleep(deadline: number | undefined): void {
    if (this.#leaving && this.core.stopped && this.#ending === undefined) {
      this.#ending = this.#runtime.clock.setTimeout(() => this.#process.end(), farewell)
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
        this.#environment.onWake(this.#process)
        this.settle()
      },
      Math.ceil(Math.max(0, at - now)),
    )
    this.#wake = { at, timer }
  }

  #setHeld(address: string, held: boolean): void {
    if (this.#held.has(address) === held) return
    if (held) this.#held.add(address)
    else this.#held.delete(address)
    this.#environment.onHeld(this.#process, address, held)
  }

  #send(frame: Uint8Array): void {
    this.#environment.onSent(this.#process, frame)
    this.#process.machine.send(frame)
  }

  #now(): number {
    return this.#runtime.clock.now()
  }
}
