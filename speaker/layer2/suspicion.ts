import { sampleSize } from './claim.ts'
import { ethernetHeader, readMac } from './ethernet.ts'
import type { Holders } from './holders.ts'
import { Inquests, type Host, type InquestQuestion } from './inquest.ts'
import type { Listening } from './listening.ts'
import type { Entry } from './table.ts'

/** Why a speaker that BFD still calls alive may have failed. */
export const doubts = {
  refused: 'its machine says that no speaker listens there any more',
  overdue: 'it is silent, and so is its machine, while others are heard',
} as const satisfies Record<string, string>

export type Doubt = keyof typeof doubts

/** How to ask the kernel of a node on a link: for the address by which BFD watches it. */
export interface HostPath {
  readonly node: string
  /** name of the interface here */
  readonly interface: string
  readonly local: string
  readonly remote: string
}

/** A speaker in doubt. */
export interface Suspect {
  readonly doubt: Doubt
  readonly host: HostPath | undefined
  /** nodes about which there is no doubt */
  readonly witnesses: readonly HostPath[]
}

/** Others that are asked whether this node is heard; one answer is enough. */
const mostWitnesses = 2
/** Addresses of a node in doubt that are looked at, so that a lost packet costs the same however many it holds. */
const mostLookedAt = 256

/**
 * What comes before BFD's verdict. A node in doubt is asked at once by those who would be its successors: for the
 * addresses that it held, and where it is only silent its kernel for its own address. If nothing answers the
 * successors take what it held. Who is no successor does nothing, and every answer ends it: then
 * BFD decides as ever.
 */
export class Suspicion {
  readonly #holders: Holders
  readonly #listening: Listening
  readonly #inquests = new Inquests()

  constructor(holders: Holders, listening: Listening) {
    this.#holders = holders
    this.#listening = listening
  }

  begin(node: string, { doubt, host, witnesses }: Suspect, now: number): void {
    const { peers } = this.#holders
    if (peers.presence(node) !== 'up' || peers.isPresumedDead(node)) return
    const addresses = this.#atStake(node, now)
    if (addresses.length === 0) return
    const asked = doubt === 'refused' ? undefined : this.#host(host)
    // Whose kernel cannot be asked is left to BFD.
    if (doubt === 'overdue' && asked === undefined) return
    const others = witnesses.flatMap((one) => this.#host(one) ?? [])
    const near = others.filter(({ path }) => path.interfaceIndex === asked?.path.interfaceIndex)
    this.#inquests.begin(
      node,
      { doubt, addresses, host: asked, witnesses: near.slice(0, mostWitnesses) },
      now,
    )
  }

  /** There is no doubt any more. @returns whether it was taken for dead */
  end(node: string): boolean {
    this.#inquests.end(node)
    const { peers, table } = this.#holders
    if (!peers.unpresume(node)) return false
    // What was taken from it may be for it again: it may be preferred.
    this.#holders.mark(table.of(node))
    return true
  }

  /** This node stood still: it may have missed any answer. */
  paused(): void {
    this.#inquests.clear()
    this.#holders.peers.unpresumeAll()
  }

  /** Any frame that is heard, also of the kernel of a node. */
  frame(frame: Uint8Array, interfaceIndex: number): void {
    if (!this.#inquests.open || frame.length < ethernetHeader) return
    const whose = this.#holders.peers.nodeOf(readMac(frame, 6))
    if (whose !== 'unclear') this.#inquests.heard(whose?.node, interfaceIndex)
  }

  /** To be called before `questions`. */
  due(now: number): void {
    for (const { node, doubt } of this.#inquests.verdicts(now)) {
      const { peers, table } = this.#holders
      peers.presumeDead(node)
      this.#holders.event(now, undefined, 'neighborSilent', { node, cause: doubt })
      this.#holders.mark(heldBy(node, table.of(node)))
    }
  }

  /** @param take whether the budget has room for so many frames */
  questions(now: number, take: (frames: number) => boolean): InquestQuestion[] {
    return this.#inquests.questions(now, take)
  }

  next(): number | undefined {
    return this.#inquests.next()
  }

  /** Some of the addresses that this node would take if the other is gone. */
  #atStake(node: string, now: number): string[] {
    const { peers, table } = this.#holders
    const addresses: string[] = []
    let looked = 0
    for (const entry of heldBy(node, table.of(node))) {
      if (looked++ === mostLookedAt) break
      const { next, able, served } = this.#holders.standing(entry, now)
      // Who shares its hardware address with another, or was never on this wire, cannot be heard to live.
      if (!next || !able || !served || peers.path(node, entry.interfaces) === undefined) continue
      addresses.push(entry.address)
      if (addresses.length === sampleSize) break
    }
    return addresses
  }

  #host(one: HostPath | undefined): Host | undefined {
    const on = one && this.#listening.usable(one.interface)
    const path = on && this.#holders.peers.path(one.node, [on])
    return path && { node: one.node, path, local: one.local, remote: one.remote }
  }
}

function* heldBy(node: string, entries: Iterable<Entry>): Iterable<Entry> {
  for (const entry of entries) if (entry.belief.holder === node) yield entry
}
