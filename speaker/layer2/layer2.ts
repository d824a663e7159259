import { addressToBytes, parseAddress } from '#inet/address.ts'
import type {
  AddressCounters,
  DropCounter,
  WireAddress,
  WireHolder,
  WireInterface,
} from '../wire/protocol.ts'
import { Announcer, type Announcement } from './announce.ts'
import { buildGratuitousReply, buildGratuitousRequest } from './arp.ts'
import { Conflicts, type Claim } from './conflict.ts'
import { Counters } from './counters.ts'
import { etherType, macNumber, readHeader } from './ethernet.ts'
import { Groups, type GroupChange } from './groups.ts'
import { HeldAddresses } from './held.ts'
import { Holders } from './holders.ts'
import {
  assess,
  compileExclusions,
  defaultExclusions,
  linkLocalOf,
  unusable,
  type Link,
} from './interfaces.ts'
import { buildUnsolicited } from './ndp.ts'
import { respond } from './respond.ts'
import { respondNdp, type NdpInterface } from './respond-ndp.ts'

export interface OutgoingFrame {
  readonly interfaceIndex: number
  readonly frame: Uint8Array
}

/** What came out different since the last time. */
export interface Layer2Changes {
  readonly holders: readonly WireHolder[]
  /** all of them, when one changed */
  readonly interfaces: readonly WireInterface[] | undefined
  /** in the order in which they are to be made */
  readonly groups: readonly GroupChange[]
}

interface Interface extends NdpInterface {
  readonly name: string
}

/**
 * Layer 2 as one value machine: what is wanted, links and frames in; frames to send and changes to tell out. It
 * owns no socket and no timer. After any change of what is wanted call `settle`, then `due`; `due` also at the
 * deadline that it names.
 */
export class Layer2 {
  readonly #holders: Holders
  readonly #announcer: Announcer
  readonly #held = new HeldAddresses()
  readonly #conflicts = new Conflicts()
  readonly #groups = new Groups()
  readonly #counters = new Counters()
  #links: readonly Link[] = []
  #excluded = compileExclusions(defaultExclusions).patterns
  #interfaces: readonly WireInterface[] = []
  #interfacesMoved = false
  #byIndex = new Map<number, Interface>()
  /** made outside `settle`, told by the next one */
  #groupChanges: GroupChange[] = []

  /** @param options `random` is uniform in [0, 1) */
  constructor(options: { readonly node: string; readonly random: () => number }) {
    this.#holders = new Holders(options.node)
    this.#announcer = new Announcer(options.random)
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
      this.#answerOn(address, [], 0)
      this.#counters.forget(held)
      this.#held.delete(address)
    }
  }

  /** ARP and NDP are to be spoken on the link, so it needs sockets. */
  wants(link: Link): boolean {
    return unusable(link, this.#excluded) === undefined
  }

  links(links: readonly Link[], now: number): void {
    this.#links = links
    this.#assess(now)
  }

  /** @returns the patterns that are not regular expressions; they exclude nothing */
  exclude(patterns: readonly string[], now: number): readonly string[] {
    const { patterns: compiled, invalid } = compileExclusions(patterns)
    this.#excluded = compiled
    this.#assess(now)
    return invalid
  }

  /** Planned stop: hands every address over. */
  stop(): void {
    this.#holders.stop()
  }

  settle(now: number): Layer2Changes {
    const changes = this.#holders.settle(now)
    for (const { holder, answerOn } of changes) {
      if (holder.reason !== 'invalidAddress') this.#answerOn(holder.address, answerOn, now)
    }
    const interfaces = this.#interfacesMoved ? this.#interfaces : undefined
    const groups = this.#groupChanges
    this.#interfacesMoved = false
    this.#groupChanges = []
    return { holders: changes.map((change) => change.holder), interfaces, groups }
  }

  /** The frame to send back on the same interface, if any; 'conflict' asks for a call of `due`. */
  receive(frame: Uint8Array, interfaceIndex: number, now: number): Uint8Array | 'conflict' | undefined {
    const on = this.#byIndex.get(interfaceIndex)
    if (on === undefined) return undefined
    const isNdp = readHeader(frame)?.type === etherType.ipv6
    const response = (isNdp ? respondNdp : respond)(frame, this.#held, on)
    if ('drop' in response) {
      this.#counters.drop(on.name, response.drop)
      return undefined
    }
    if ('conflict' in response) {
      this.#conflicts.heard(response.conflict.address, response.conflict.mac, interfaceIndex, now)
      return 'conflict'
    }
    const held = this.#held.find(response.address)
    if (held === undefined) return undefined
    held.requestsReceived++
    held.lastRequest = now
    this.#counters.moved(held)
    if (!held.answers.take(1, now)) {
      this.#counters.drop(on.name, 'rateLimited')
      return undefined
    }
    held.responsesSent++
    return response.answer
  }

  /** What time alone brings: announcements to send now and conflicts to tell, and when to ask again. */
  due(now: number): {
    readonly frames: readonly OutgoingFrame[]
    readonly conflicts: readonly Claim[]
    readonly deadline: number | undefined
  } {
    const conflicts = this.#conflicts.step(now)
    for (const claim of conflicts.confirmed) {
      this.#announcer.hasten(claim.address, claim.interfaceIndex, now)
      const held = this.#held.find(claim.address)
      if (held === undefined) continue
      held.conflicts += claim.count
      this.#counters.moved(held)
    }
    const announcements = this.#announcer.step(now)
    return {
      frames: announcements.due.flatMap((one) => this.#announce(one)),
      conflicts: conflicts.confirmed,
      deadline: earliest(conflicts.deadline, announcements.deadline),
    }
  }

  /** Totals of the counters that moved since the last call. */
  takeCounters(): { addresses: AddressCounters[]; drops: DropCounter[] } | undefined {
    return this.#counters.take()
  }

  /** Solicited-node groups that are wanted on an interface, for a socket that is opened later. */
  groupsOn(interfaceIndex: number): string[] {
    return this.#groups.on(interfaceIndex)
  }

  /** The name of an interface that frames come from. */
  interfaceName(index: number): string {
    return this.#byIndex.get(index)?.name ?? ''
  }

  #announce(one: Announcement): OutgoingFrame[] {
    const { address, interfaceIndex } = one
    const on = this.#byIndex.get(interfaceIndex)
    const held = this.#held.find(address)
    if (on === undefined || held === undefined) return []
    const parsed = parseAddress(address)
    const frames: Uint8Array[] = []
    if (one.family === 4) {
      const number = Number(parsed.value)
      frames.push(buildGratuitousRequest(number, on.mac), buildGratuitousReply(number, on.mac))
    } else if (on.linkLocal !== undefined) {
      frames.push(buildUnsolicited(addressToBytes(parsed), on.mac, on.linkLocal))
    }
    held.gratuitousSent += frames.length
    this.#counters.moved(held)
    return frames.map((frame) => ({ interfaceIndex, frame }))
  }

  /** Brings responder, announcer and groups from where the address is answered to where it is to be. */
  #answerOn(address: string, indexes: readonly number[], now: number): void {
    const before = this.#held.find(address)?.interfaces ?? new Set<number>()
    const held = this.#held.set(address, new Set(indexes))
    const moves: (GroupChange | undefined)[] = []
    for (const index of before) {
      if (held.interfaces.has(index)) continue
      this.#announcer.stop(address, index)
      if (held.family === 6) moves.push(this.#groups.exit(address, index))
    }
    for (const index of held.interfaces) {
      if (before.has(index)) continue
      this.#announcer.start(address, held.family, index, now)
      if (held.family === 6) moves.push(this.#groups.enter(address, index))
    }
    if (held.interfaces.size === 0) this.#conflicts.forget(address)
    this.#groupChanges.push(...moves.filter((move) => move !== undefined))
  }

  #assess(now: number): void {
    const interfaces = assess(this.#links, this.#excluded)
    if (JSON.stringify(interfaces) === JSON.stringify(this.#interfaces)) return
    this.#interfaces = interfaces
    this.#interfacesMoved = true
    this.#holders.setInterfaces(interfaces)
    this.#counters.retain(new Set(interfaces.map((one) => one.name)))

    const ownMacs = new Set(interfaces.map((one) => macNumber(one.mac)).filter((mac) => mac > 0))
    const before = this.#byIndex
    this.#byIndex = new Map()
    for (const one of interfaces) {
      if (!one.usable) continue
      const linkLocal = linkLocalOf(one)
      this.#byIndex.set(one.index, {
        index: one.index,
        name: one.name,
        mac: macNumber(one.mac),
        ownMacs,
        ...(linkLocal && { linkLocal: addressToBytes(linkLocal) }),
      })
    }
    for (const [index, old] of before) {
      const present = this.#byIndex.get(index)
      if (present !== undefined && present.mac !== old.mac) this.#announceAgain(index, now)
    }
  }

  /** The interface has another hardware address: its neighbours have to learn it as after a take-over. */
  #announceAgain(index: number, now: number): void {
    for (const { address, family, interfaces } of this.#held.held()) {
      if (!interfaces.has(index)) continue
      this.#announcer.stop(address, index)
      this.#announcer.start(address, family, index, now)
    }
  }
}

const earliest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)
