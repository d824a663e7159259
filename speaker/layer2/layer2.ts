import type {
  AddressCounters,
  DropCounter,
  Layer2Event,
  WireAddress,
  WireHolder,
  WireInterface,
  WireNeighbor,
  WireSelf,
  WireSpeaker,
} from '../wire/protocol.ts'
import { Answering } from './answering.ts'
import { Awake, heartbeat } from './awake.ts'
import { Conflicts, type ForeignClaim } from './conflict.ts'
import { Counters } from './counters.ts'
import { earliest } from './deadlines.ts'
import { etherType, macNumber, readHeader } from './ethernet.ts'
import type { GroupChange } from './groups.ts'
import { Hearing } from './hearing.ts'
import { HeldAddresses, type HeldAddress } from './held.ts'
import { Holders } from './holders.ts'
import type { Link } from './interfaces.ts'
import { Listening, type Interface, type ListeningChange } from './listening.ts'
import { Outbox, type OutgoingFrame } from './outbox.ts'
import { Peers } from './peers.ts'
import { respond } from './respond.ts'
import { respondNdp } from './respond-ndp.ts'
import { Rivals } from './rivals.ts'
import { Senders } from './senders.ts'
import { Suspicion, type Suspect } from './suspicion.ts'

export type { OutgoingFrame } from './outbox.ts'

/** What came out different since the last time. */
export interface Layer2Changes {
  readonly holders: readonly WireHolder[]
  /** all of them, when one changed */
  readonly interfaces: readonly WireInterface[] | undefined
  /** in the order in which they are to be made */
  readonly groups: readonly GroupChange[]
  /** oldest first */
  readonly events: readonly Layer2Event[]
}

export interface Layer2Due {
  readonly frames: readonly OutgoingFrame[]
  readonly conflicts: readonly ForeignClaim[]
  /** when to ask again at the latest; undefined is never */
  readonly deadline: number | undefined
  /** there is something for `settle` to tell, after which `due` is to be called again */
  readonly changed: boolean
}

/** Milliseconds: frames that wait for the budget go out some at a time. */
const together = 10

/**
 * Layer 2 as one value machine: what is wanted, who else is there, links and frames in; frames to send and changes
 * to tell out. It owns no socket and no timer. After any call that changes what is wanted or known, call `settle`,
 * then `due`; `due` also at the deadline that it names. `now` is in milliseconds and never goes back.
 */
export class Layer2 {
  readonly #peers: Peers
  readonly #holders: Holders
  readonly #rivals: Rivals
  readonly #suspicion: Suspicion
  readonly #hearing: Hearing
  readonly #senders: Senders
  readonly #outbox: Outbox
  readonly #answering: Answering
  readonly #listening = new Listening()
  readonly #held = new HeldAddresses()
  readonly #conflicts = new Conflicts()
  readonly #counters = new Counters()
  readonly #awake = new Awake()

  /** @param options `node` is the name of this node, `random` uniform in [0, 1) */
  constructor(options: { readonly node: string; readonly random: () => number }) {
    const { node, random } = options
    this.#peers = new Peers(node)
    this.#outbox = new Outbox({
      random,
      held: this.#held,
      listening: this.#listening,
      counters: this.#counters,
    })
    const { announcer } = this.#outbox
    this.#answering = new Answering({ held: this.#held, announcer, conflicts: this.#conflicts })
    this.#holders = new Holders({
      node,
      random,
      peers: this.#peers,
      awake: this.#awake,
      effects: this.#answering,
    })
    this.#rivals = new Rivals(this.#holders, random)
    this.#suspicion = new Suspicion(this.#holders, this.#listening)
    this.#hearing = new Hearing(this.#holders, this.#rivals, this.#suspicion)
    this.#senders = new Senders(this.#holders, this.#hearing, this.#conflicts)
  }

  put(addresses: readonly WireAddress[]): void {
    this.#holders.put(addresses)
  }

  /** Silence about these at once. */
  remove(addresses: readonly string[]): void {
    for (const address of addresses) {
      this.#holders.remove(address)
      const held = this.#held.find(address)
      if (held === undefined) continue
      this.#answering.remove(held)
      this.#counters.forget(held)
    }
  }

  /** ARP and NDP are to be spoken on the link, so it needs sockets. */
  wants(link: Link): boolean {
    return this.#listening.wants(link)
  }

  links(links: readonly Link[], now: number): void {
    this.#relisten(this.#listening.links(links), now)
  }

  /** @returns the patterns that are not regular expressions; they exclude nothing */
  exclude(patterns: readonly string[], now: number): readonly string[] {
    const { change, invalid } = this.#listening.exclude(patterns)
    this.#relisten(change, now)
    return invalid
  }

  /** All other speakers of the cluster, and what is known about this one. */
  speakers(self: WireSelf, others: readonly WireSpeaker[], now: number): void {
    this.#wake(now)
    this.#hearing.speakers(self, others, now)
  }

  /** What BFD says about another speaker. */
  neighbor(node: string, state: WireNeighbor['state'], now: number): void {
    this.#wake(now)
    this.#hearing.neighbor(node, state, now)
  }

  /** A speaker that BFD calls alive may have failed; undefined: there is no reason any more to think so. */
  suspect(node: string, suspect: Suspect | undefined, now: number): void {
    this.#wake(now)
    this.#hearing.doubt(node, suspect, now)
  }

  /**
   * To be called before BFD tells another speaker that this one is alive.
   * @param interval milliseconds to the next time, at most
   * @returns whether to call `settle`
   */
  spoke(node: string, interval: number, now: number): boolean {
    const paused = this.#wake(now)
    this.#peers.spoken(node, now + interval)
    return paused
  }

  /** Planned stop: hands every address over. */
  stop(now: number): void {
    this.#holders.stop(now)
  }

  /** After `stop`: nothing is held any more, as it was handed over or nobody came for it. */
  get stopped(): boolean {
    return this.#holders.stopped
  }

  settle(now: number): Layer2Changes {
    this.#wake(now)
    const { holders, events } = this.#holders.settle(now)
    const groups = this.#answering.takeGroupChanges()
    return { holders, interfaces: this.#listening.take(), groups, events }
  }

  /**
   * The frame to send back on the same interface, if any; 'look' asks for calls of `settle` and `due` now. The frame
   * is looked at during the call only.
   */
  receive(frame: Uint8Array, interfaceIndex: number, now: number): Uint8Array | 'look' | undefined {
    const paused = this.#wake(now)
    const on = this.#listening.get(interfaceIndex)
    if (on === undefined) return paused ? 'look' : undefined
    this.#suspicion.frame(frame, interfaceIndex)
    const isNdp = readHeader(frame)?.type === etherType.ipv6
    const response = (isNdp ? respondNdp : respond)(frame, this.#held, on)
    if ('claim' in response) {
      this.#senders.claim(response.claim, interfaceIndex, now)
      return 'look'
    }
    const mayAnswer = response.probe === undefined || this.#senders.probe(response.probe, interfaceIndex, now)
    const look = paused || this.#changed
    if ('drop' in response) this.#counters.drop(on.name, response.drop)
    else if (!mayAnswer) this.#counters.drop(on.name, 'handingOver')
    else if (this.#mayAnswer(response.address, on, now)) {
      if (!look) return response.answer
      this.#outbox.answer(response.address, response.answer, interfaceIndex)
    }
    return look ? 'look' : undefined
  }

  /** What time alone brings: frames to send now, conflicts to tell, and when to ask again. */
  due(now: number): Layer2Due {
    this.#wake(now)
    this.#holders.due(now)
    this.#rivals.due(now)
    this.#suspicion.due(now)
    const conflicts = this.#conflictsDue(now)
    // Groups are joined first: the report opens the switches for the questions that an announcement brings.
    const frames = !this.#answering.groupsChanged ? this.#outbox.due(this.#holders, this.#suspicion, now) : []
    const { answered, size } = this.#holders.table
    const beat = answered.size > 0 ? heartbeat.holding : size > 0 ? heartbeat.idle : undefined
    this.#awake.expect(beat !== undefined)
    const deadline = earliest(
      beat && now + beat,
      conflicts.deadline,
      this.#holders.next(),
      this.#rivals.next(),
      this.#suspicion.next(),
      this.#outbox.next(),
    )
    // What is due and did not go out waits for the budget, and then some go out together.
    const waits = deadline !== undefined && deadline <= now
    return {
      frames,
      conflicts: conflicts.confirmed,
      deadline: waits ? now + Math.max(together, this.#outbox.roomIn(now)) : deadline,
      changed: this.#changed,
    }
  }

  /** Totals of the counters that moved since the last call. */
  takeCounters(): { addresses: AddressCounters[]; drops: DropCounter[] } | undefined {
    return this.#counters.take()
  }

  /** Solicited-node groups that are wanted on an interface, for a socket that is opened later. */
  groupsOn(interfaceIndex: number): string[] {
    return this.#answering.groupsOn(interfaceIndex)
  }

  /** The name of an interface that frames come from. */
  interfaceName(index: number): string {
    return this.#listening.get(index)?.name ?? ''
  }

  get #changed(): boolean {
    return this.#holders.pending || this.#answering.groupsChanged || this.#listening.untold
  }

  /** @returns whether this node stood still until now */
  #wake(now: number): boolean {
    const pause = this.#awake.step(now, this.#peers.seen)
    if (pause === 0) return false
    this.#suspicion.paused()
    this.#holders.paused(now)
    this.#holders.event(now, undefined, 'thawed', { cause: `${Math.round(pause)} ms` })
    return true
  }

  /** Counts the question, and the answer unless there were too many. */
  #mayAnswer(held: HeldAddress, on: Interface, now: number): boolean {
    held.requestsReceived++
    held.lastRequest = now
    this.#counters.moved(held)
    if (!held.answers.take(1, now)) {
      this.#counters.drop(on.name, 'rateLimited')
      return false
    }
    held.responsesSent++
    return true
  }

  /** Claims of machines outside the cluster that have stood. */
  #conflictsDue(now: number): { confirmed: ForeignClaim[]; deadline: number | undefined } {
    const { confirmed, deadline } = this.#conflicts.step(now)
    const foreign = confirmed.filter(({ mac }) => this.#peers.nodeOf(macNumber(mac)) === undefined)
    for (const { address, interfaceIndex, mac, count } of foreign) {
      this.#outbox.announcer.hasten(address, interfaceIndex, now)
      this.#holders.event(now, this.#holders.table.get(address), 'conflict', { mac })
      const held = this.#held.find(address)
      if (held === undefined) continue
      held.conflicts += count
      this.#counters.moved(held)
    }
    return { confirmed: foreign, deadline }
  }

  #relisten(change: ListeningChange | undefined, now: number): void {
    if (change === undefined) return
    const { interfaces, ownMacs, renewed } = change
    this.#holders.setInterfaces(interfaces)
    this.#counters.retain(new Set(interfaces.map((one) => one.name)))
    this.#hearing.macs(this.#peers.own(ownMacs), now)
    for (const index of renewed) this.#answering.announceAnew(index, now)
  }
}
