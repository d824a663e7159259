import type { Layer2Event, WireAddress, WireHolder, WireSpeaker } from '../wire/protocol.ts'
import { parseArp } from './arp.ts'
import { Deadlines } from './deadlines.ts'
import { isGroupMac, macNumber, readMac } from './ethernet.ts'
import { Layer2 } from './layer2.ts'
import { link, macOf, prefixesOf, self, speaker } from './testing.ts'

/** A frame on the LAN. */
export interface Sighting {
  readonly at: number
  readonly from: string
  readonly frame: Uint8Array
}

interface Node {
  readonly layer2: Layer2
  readonly holders: Map<string, WireHolder>
  readonly events: Layer2Event[]
  wake: number | undefined
  frozen: boolean
  /** what waits in its sockets */
  inbox: Uint8Array[]
}

/** A few nodes on one LAN in virtual time, for tests of what they make of each other. */
export class Lan {
  now = 0
  readonly frames: Sighting[] = []
  readonly #nodes = new Map<string, Node>()
  readonly #others = new Map<string, (frame: Uint8Array) => Uint8Array | undefined>()
  readonly #queue = new Deadlines<() => void>()
  readonly #delay: () => number
  readonly #cut = new Set<string>()

  /** @param delay milliseconds that a frame takes */
  constructor(delay: () => number = () => 0.3) {
    this.#delay = delay
  }

  /** A node that knows these others, as a running cluster does. */
  add(name: string, others: readonly string[], change: Partial<WireSpeaker> = {}): Layer2 {
    const layer2 = new Layer2({ node: name, random: () => 0.5 })
    this.#nodes.set(name, {
      layer2,
      holders: new Map(),
      events: [],
      wake: undefined,
      frozen: false,
      inbox: [],
    })
    layer2.links([link({ mac: macOf(name), prefixes: prefixesOf(name) })], this.now)
    layer2.speakers(
      self(),
      others.map((other) => speaker(other, change)),
      this.now,
    )
    for (const other of others) layer2.neighbor(other, 'alive', this.now)
    this.#settle(name)
    return layer2
  }

  /** A machine that is no node: `answer` is what it says to a frame. */
  host(name: string, answer: (frame: Uint8Array) => Uint8Array | undefined): void {
    this.#others.set(name, answer)
  }

  /** Something is done to a node from outside. */
  act(name: string, work: (layer2: Layer2, now: number) => void): void {
    work(this.#node(name).layer2, this.now)
    this.#settle(name)
  }

  put(names: readonly string[], ...addresses: readonly WireAddress[]): void {
    for (const name of names) this.act(name, (layer2) => layer2.put(addresses))
  }

  /** All memory is lost, and nothing is said any more. */
  kill(name: string): void {
    this.#nodes.delete(name)
  }

  /** Others see it so by BFD. */
  seen(name: string, state: 'alive' | 'dead' | 'left'): void {
    for (const other of this.#nodes.keys()) {
      if (other !== name) this.act(other, (layer2, now) => layer2.neighbor(name, state, now))
    }
  }

  freeze(name: string): void {
    this.#node(name).frozen = true
  }

  thaw(name: string): void {
    const node = this.#node(name)
    node.frozen = false
    for (const frame of node.inbox.splice(0)) this.#arrive(name, frame)
    this.#settle(name)
  }

  /** No frame passes between these two any more, or passes again. */
  cut(a: string, b: string, cut = true): void {
    for (const way of [`${a}>${b}`, `${b}>${a}`]) {
      if (cut) this.#cut.add(way)
      else this.#cut.delete(way)
    }
  }

  /** One direction only. */
  cutOneWay(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
  }

  send(from: string, frame: Uint8Array): void {
    this.frames.push({ at: this.now, from, frame })
    const destination = readMac(frame, 0)
    for (const name of [...this.#nodes.keys(), ...this.#others.keys()]) {
      if (name === from || this.#cut.has(`${from}>${name}`)) continue
      if (!isGroupMac(destination) && this.#nodes.has(name) && destination !== macNumber(macOf(name)))
        continue
      this.#queue.set(() => this.#arrive(name, frame), this.now + this.#delay())
    }
  }

  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const work = this.#queue.due(end)
      const at = work === undefined ? Infinity : (this.#queue.get(work) as number)
      const [name, wake] = this.#nextWake()
      if (Math.min(at, wake) > end) break
      this.now = Math.max(this.now, Math.min(at, wake))
      if (work !== undefined && at <= wake) {
        this.#queue.delete(work)
        work()
      } else if (name !== undefined) this.#settle(name)
    }
    this.now = end
  }

  /** Who answers for the address. */
  holding(address: string): string[] {
    return [...this.#nodes].filter(([, { holders }]) => holders.get(address)?.held).map(([name]) => name)
  }

  holder(name: string, address: string): WireHolder | undefined {
    return this.#node(name).holders.get(address)
  }

  /** Its story of the address, as words; `took` with its cause. */
  story(name: string, address: string): string[] {
    return this.#node(name)
      .events.filter((event) => event.address === address || event.address === '')
      .map(({ what, cause }) => (what === 'took' ? `took: ${cause}` : what))
  }

  /** ARP frames of a node in which it says that an IPv4 address (as a number) is its own. */
  claims(from: string, address: number): Sighting[] {
    return this.frames.filter((one) => {
      const packet = one.from === from ? parseArp(one.frame) : { drop: 'truncated' }
      return !('drop' in packet) && packet.senderAddress === address
    })
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`there is no ${name}`)
    return node
  }

  #arrive(name: string, frame: Uint8Array): void {
    const other = this.#others.get(name)
    if (other !== undefined) {
      const answer = other(frame)
      if (answer !== undefined) this.send(name, answer)
      return
    }
    const node = this.#nodes.get(name)
    if (node === undefined) return
    if (node.frozen) {
      node.inbox.push(frame)
      return
    }
    const result = node.layer2.receive(frame, 2, this.now)
    if (result === 'look') this.#settle(name)
    else if (result !== undefined) this.send(name, result)
  }

  #settle(name: string): void {
    const node = this.#node(name)
    if (node.frozen) return
    for (let changed = true; changed;) {
      const { holders, events } = node.layer2.settle(this.now)
      for (const holder of holders) node.holders.set(holder.address, holder)
      node.events.push(...events)
      const due = node.layer2.due(this.now)
      for (const { frame } of due.frames) this.send(name, frame)
      node.wake = due.deadline
      changed = due.changed
    }
  }

  #nextWake(): [string | undefined, number] {
    let first: [string | undefined, number] = [undefined, Infinity]
    for (const [name, { wake, frozen }] of this.#nodes) {
      if (!frozen && wake !== undefined && wake < first[1]) first = [name, wake]
    }
    return first
  }
}
