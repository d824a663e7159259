import { tryParseAddress } from '#inet/address.ts'
import { prefixContains, tryParsePrefix } from '#inet/prefix.ts'
import type { WireInterface, WireNeighbor, WireSelf, WireSpeaker } from '../wire/protocol.ts'
import { macNumber, macText } from './ethernet.ts'
import { SeenByOthers } from './seen.ts'

/** `down` has failed, `left` has said that it leaves. */
export type Presence = 'up' | 'down' | 'left'

/** Where frames of another node come from and go to. */
export interface Path {
  readonly mac: number
  readonly interfaceIndex: number
}

/** What a new list of speakers changed. */
export interface PeerChanges extends MacChanges {
  /** nodes of which another presence, or another staleness of this node, follows */
  readonly nodes: readonly string[]
  /** speakers that are none any more */
  readonly gone: readonly string[]
}

export interface MacChanges {
  /** hardware addresses are known that were not */
  readonly newMacs: boolean
  /** hardware addresses that more than one node has, since now */
  readonly shared: readonly { readonly mac: number; readonly node: string }[]
}

/** Hardware addresses remembered of one node. */
const formerMacs = 16

/** The other speakers: whose frame is whose, who is there, and how to reach whom directly. */
export class Peers {
  /** what they can see of this node */
  readonly seen = new SeenByOthers()
  readonly #self: string
  #speakers = new Map<string, WireSpeaker>()
  readonly #liveness = new Map<string, WireNeighbor['state']>()
  /** undefined: of more than one node, so it says nothing */
  #byMac = new Map<number, string | undefined>()
  readonly #paths = new Map<string, Path>()
  readonly #suspects = new Set<string>()
  readonly #presumedDead = new Set<string>()
  #missing: readonly string[] | undefined
  readonly #formerMacs = new Map<string, Set<number>>()
  #ownMacs: ReadonlySet<number> = new Set()
  #stale = false

  /** @param self the name of this node */
  constructor(self: string) {
    this.#self = self
  }

  /** This node has heard nothing of the API for long, while others may have. */
  get stale(): boolean {
    return this.#stale
  }

  get count(): number {
    return this.#speakers.size
  }

  /**
   * Nodes that may be there and are not heard by BFD: dead, not seen yet, back after they left, or silent when asked.
   * Behind a cut that heals they may hold what is held here. The same list while nothing changes.
   */
  get missing(): readonly string[] {
    this.#missing ??= [...new Set([...this.#speakers.keys(), ...this.#liveness.keys()])].filter((node) =>
      this.isMissing(node),
    )
    return this.#missing
  }

  /** One of these. */
  isMissing(node: string): boolean {
    switch (this.#liveness.get(node)) {
      case 'alive':
        return this.#suspects.has(node)
      case 'left':
        return this.#speakers.get(node)?.ready === true
      default:
        return true
    }
  }

  /** It did not answer as a holder should. */
  suspect(node: string): void {
    this.#suspects.add(node)
    this.#missing = undefined
  }

  /** It is gone by all that this node can find out, although BFD has not noticed yet. */
  presumeDead(node: string): void {
    this.#presumedDead.add(node)
    // What it holds when it is back it does not know to be another's.
    this.suspect(node)
  }

  isPresumedDead(node: string): boolean {
    return this.#presumedDead.has(node)
  }

  /** @returns whether it was presumed dead */
  unpresume(node: string): boolean {
    return this.#presumedDead.delete(node)
  }

  unpresumeAll(): void {
    this.#presumedDead.clear()
  }

  /** The node is told that this one is alive, and is to be told again by then. */
  spoken(node: string, next: number): void {
    if (this.#liveness.get(node) === 'alive') this.seen.spoken(node, next)
  }

  speakers(self: WireSelf, others: readonly WireSpeaker[]): PeerChanges {
    const before = new Map([...this.#speakers.keys()].map((node) => [node, this.presence(node)]))
    const speakers = new Map(others.filter(({ node }) => node !== this.#self).map((one) => [one.node, one]))
    const gone = [...this.#speakers.keys()].filter((node) => !speakers.has(node))
    for (const node of gone) {
      this.#liveness.delete(node)
      this.#paths.delete(node)
      this.#suspects.delete(node)
      this.#presumedDead.delete(node)
      this.seen.forget(node)
    }
    this.#speakers = speakers
    this.#missing = undefined
    this.#stale = self.stale
    this.seen.watch(self.liveness)
    const nodes = new Set([...before.keys(), ...speakers.keys()])
    return {
      ...this.#learnMacs(),
      gone,
      nodes: [...nodes].filter((node) => before.get(node) !== this.presence(node)),
    }
  }

  /** The hardware addresses of this node. */
  own(macs: ReadonlySet<number>): MacChanges {
    this.#ownMacs = macs
    return this.#learnMacs()
  }

  /**
   * A machine speaks as only a node of the cluster does, and no status lists its hardware address: the API may be away,
   * or the status old. Where one node alone has no address it must be that one. Counts until the next list.
   */
  adopt(mac: number): string {
    const known = new Set(this.#byMac.values())
    const nameless = [...this.#speakers.keys()].filter((node) => !known.has(node))
    const node = nameless.length === 1 ? nameless[0] : `unknown node ${macText(mac)}`
    this.#byMac.set(mac, node)
    return node
  }

  neighbor(node: string, state: WireNeighbor['state']): void {
    this.#liveness.set(node, state)
    this.#missing = undefined
    this.#presumedDead.delete(node)
    if (state !== 'alive') this.seen.forget(node)
  }

  /** Who does not know BFD, or never had it, counts by its status. */
  presence(node: string): Presence {
    const speaker = this.#speakers.get(node)
    switch (this.#liveness.get(node)) {
      case 'dead':
        return 'down'
      case 'left':
        return 'left'
      case 'alive':
        return speaker?.ready === false ? 'left' : 'up'
      default:
        if (speaker === undefined) return 'up'
        if (!speaker.ready) return 'left'
        return speaker.apiReachable && !speaker.reportedDead ? 'up' : 'down'
    }
  }

  /** By its status or by BFD. */
  knows(node: string): boolean {
    return this.#speakers.has(node) || this.#liveness.has(node)
  }

  /** @returns the node; 'unclear' when more than one has the MAC; undefined when none of the cluster has it */
  nodeOf(mac: number): { readonly node: string } | 'unclear' | undefined {
    if (!this.#byMac.has(mac)) return undefined
    const node = this.#byMac.get(mac)
    return node === undefined ? 'unclear' : { node }
  }

  /** BFD, or the lack of it, has said something about the node. */
  isWatched(node: string): boolean {
    return this.#liveness.has(node)
  }

  /** It counts as being there by its status alone: BFD has said nothing of it yet. */
  isUnmet(node: string): boolean {
    const decided = (this.#liveness.get(node) ?? 'unknown') !== 'unknown'
    return !decided && this.#speakers.has(node) && this.presence(node) === 'up'
  }

  /** BFD is Up. */
  isAlive(node: string): boolean {
    return this.#liveness.get(node) === 'alive'
  }

  /** A frame of the node has come from there. */
  heard(node: string, path: Path): void {
    if (this.#suspects.delete(node)) this.#missing = undefined
    const known = this.#paths.get(node)
    if (known?.mac !== path.mac || known.interfaceIndex !== path.interfaceIndex) this.#paths.set(node, path)
  }

  /**
   * How to reach the node by one of these interfaces: as it was heard last, otherwise by a subnet that both have.
   * Undefined when it is not on the wire as far as this node knows.
   */
  path(node: string, interfaces: readonly WireInterface[]): Path | undefined {
    const heard = this.#paths.get(node)
    if (heard !== undefined && interfaces.some(({ index }) => index === heard.interfaceIndex)) return heard
    for (const { mac, prefixes } of this.#speakers.get(node)?.interfaces ?? []) {
      const number = macNumber(mac)
      if (this.#byMac.get(number) !== node) continue
      const here = interfaces.find((one) => sharesSubnet(one.prefixes, prefixes))
      if (here !== undefined) return { mac: number, interfaceIndex: here.index }
    }
    return undefined
  }

  /**
   * What a status lists now counts first. What it listed before still counts where nobody else has it: an interface
   * that is down goes from the status, and the news that it is up again may be long in coming.
   */
  #learnMacs(): MacChanges {
    const before = this.#byMac
    const byMac = new Map<number, string | undefined>()
    const shared: { mac: number; node: string }[] = []
    for (const { node, interfaces } of this.#speakers.values()) {
      for (const { mac } of interfaces) {
        const number = macNumber(mac)
        if (!(number > 0) || byMac.get(number) === node) continue
        const unclear = this.#ownMacs.has(number) || byMac.has(number)
        byMac.set(number, unclear ? undefined : node)
        if (unclear && !(before.has(number) && before.get(number) === undefined)) {
          shared.push({ mac: number, node })
        }
      }
    }
    this.#remember(byMac)
    this.#byMac = byMac
    for (const [node, { mac }] of this.#paths) if (byMac.get(mac) !== node) this.#paths.delete(node)
    return { newMacs: [...byMac.keys()].some((mac) => !before.has(mac)), shared }
  }

  #remember(byMac: Map<number, string | undefined>): void {
    for (const [mac, node] of byMac) {
      if (node === undefined) continue
      const macs = this.#formerMacs.get(node) ?? new Set()
      // The newest comes last.
      macs.delete(mac)
      macs.add(mac)
      for (const oldest of macs) if (macs.size > formerMacs) macs.delete(oldest)
      this.#formerMacs.set(node, macs)
    }
    for (const [node, macs] of this.#formerMacs) {
      if (!this.#speakers.has(node)) this.#formerMacs.delete(node)
      else for (const mac of macs) if (!byMac.has(mac) && !this.#ownMacs.has(mac)) byMac.set(mac, node)
    }
  }
}

/** Link-local prefixes are everywhere and say nothing. */
const sharesSubnet = (ours: readonly string[], theirs: readonly string[]): boolean =>
  ours.some((text) => {
    const prefix = tryParsePrefix(text)
    if (prefix === undefined || isLinkLocal(text)) return false
    return theirs.some((other) => {
      const address = tryParseAddress(other.slice(0, other.indexOf('/')))
      return address !== undefined && prefixContains(prefix, address)
    })
  })

const isLinkLocal = (text: string): boolean => /^fe[89ab]/i.test(text)
