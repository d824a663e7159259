import { isGroupMac, readMac } from '../ethernet.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** A station on the LAN. */
export interface Station {
  readonly name: string
  readonly mac: number
  /** its network card hands up frames to this group */
  listensTo(group: number): boolean
  /** The frame is valid during the call only. */
  receive(frame: Uint8Array): void
}

/** How well the LAN works; milliseconds and shares of 1. */
export interface Quality {
  readonly delay: number
  readonly jitter: number
  readonly loss: number
  readonly duplicates: number
}

export const goodQuality: Quality = { delay: 0.2, jitter: 0.3, loss: 0, duplicates: 0 }

/** One Ethernet LAN: a switch with a port for each station, and everything that can be wrong with it. */
export class Network {
  quality: Quality = goodQuality
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #stations: Station[] = []
  readonly #numbers = new Map<string, number>()
  readonly #unplugged = new Set<string>()
  readonly #far = new Set<string>()
  readonly #blocked = new Set<string>()
  /** which of several stations with one hardware address the switch has heard last */
  readonly #learned = new Map<number, Station>()
  /** when the last frame from one to the other arrives: frames do not overtake each other */
  readonly #arrivals: number[][] = []
  #split = false

  readonly #filtered: boolean

  /** @param filtered a firewall lets no datagrams through */
  constructor(time: VirtualTime, random: Random, filtered = false) {
    this.#time = time
    this.#random = random
    this.#filtered = filtered
  }

  attach(station: Station): void {
    this.#numbers.set(station.name, this.#stations.length)
    this.#stations.push(station)
    this.#arrivals.push([])
  }

  plug(name: string, plugged: boolean): void {
    if (plugged) this.#unplugged.delete(name)
    else this.#unplugged.add(name)
  }

  isPlugged(name: string): boolean {
    return !this.#unplugged.has(name)
  }

  /** Cuts the LAN in two: these stations, and all others. Undefined joins the halves. */
  split(far: readonly string[] | undefined): void {
    this.#split = far !== undefined
    this.#far.clear()
    for (const name of far ?? []) this.#far.add(name)
  }

  /** Nothing of `from` arrives at `to`, although the other way works. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`)
  }

  unblock(): void {
    this.#blocked.clear()
  }

  /** One direction is cut somewhere. */
  get oneWay(): boolean {
    return this.#blocked.size > 0
  }

  /** What `from` sends can arrive at `to` (bar loss). */
  hears(to: string, from: string): boolean {
    if (this.#unplugged.size > 0 && (this.#unplugged.has(from) || this.#unplugged.has(to))) return false
    if (this.#split && this.#far.has(from) !== this.#far.has(to)) return false
    return this.#blocked.size === 0 || !this.#blocked.has(`${from}>${to}`)
  }

  send(from: Station, frame: Uint8Array): void {
    const destination = readMac(frame, 0)
    this.#learned.set(from.mac, from)
    const group = isGroupMac(destination)
    const known = group ? undefined : this.#learned.get(destination)
    for (const station of this.#stations) {
      if (station === from) continue
      if (group ? !station.listensTo(destination) : station.mac !== destination) continue
      if (known !== undefined && known !== station) continue
      this.#carry(from.name, station.name, () => station.receive(frame.slice()))
    }
  }

  datagram(from: string, to: string, arrive: () => void): void {
    if (!this.#filtered) this.#carry(from, to, arrive)
  }

  /** Takes anything from one station to another, as the LAN is at present. */
  #carry(from: string, to: string, arrive: () => void): void {
    if (!this.hears(to, from)) return
    const { loss, duplicates } = this.quality
    const random = this.#random
    const copies = duplicates > 0 && random.chance(duplicates) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (loss > 0 && random.chance(loss)) continue
      this.#time.at(this.#arrival(from, to), () => {
        // A link that has gone meanwhile takes with it what was under way.
        if (this.hears(to, from)) arrive()
      })
    }
  }

  #arrival(from: string, to: string): number {
    const { delay, jitter } = this.quality
    const paths = this.#arrivals[this.#numbers.get(from) as number]
    const path = this.#numbers.get(to) as number
    const at = this.#time.now + delay + jitter * this.#random.next()
    const arrival = Math.max(at, paths[path] ?? 0)
    paths[path] = arrival
    return arrival
  }
}
