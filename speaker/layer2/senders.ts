import type { Conflicts } from './conflict.ts'
import { macText } from './ethernet.ts'
import type { Hearing } from './hearing.ts'
import type { Holders } from './holders.ts'
import type { Claim, Probe } from './respond.ts'

/** Whose claim or probe a frame is, a node's or a stranger's, and who has to know of it. */
export class Senders {
  readonly #holders: Holders
  readonly #hearing: Hearing
  readonly #conflicts: Conflicts

  constructor(holders: Holders, hearing: Hearing, conflicts: Conflicts) {
    this.#holders = holders
    this.#hearing = hearing
    this.#conflicts = conflicts
  }

  claim({ address, mac, direct }: Claim, interfaceIndex: number, now: number): void {
    const { table, peers } = this.#holders
    const entry = table.get(address.address)
    if (entry === undefined) return
    const whose = peers.nodeOf(mac)
    if (whose === 'unclear') this.#hearing.unclearClaim(entry, now)
    else if (whose !== undefined) this.#hearing.claim(entry, whose.node, { mac, interfaceIndex }, direct, now)
    else if (this.#hearing.foreign(entry, mac, now)) {
      this.#conflicts.heard(address.address, macText(mac), interfaceIndex, now)
    }
  }

  /** @returns whether to answer */
  probe({ address, mac, kind }: Probe, interfaceIndex: number, now: number): boolean {
    const { table, peers } = this.#holders
    const entry = table.get(address.address)
    if (entry === undefined) return true
    const whose = peers.nodeOf(mac) ?? this.#adopted(address.address, mac, kind)
    if (whose === undefined || whose === 'unclear') return true
    return this.#hearing.probe(entry, whose.node, { mac, interfaceIndex }, kind, now)
  }

  /**
   * Who claims an address and then asks its holder alone whether it has given way speaks as a node of the cluster. One
   * that has joined while this node was cut off from the API cannot be known to it otherwise.
   */
  #adopted(address: string, mac: number, kind: Probe['kind']): { readonly node: string } | undefined {
    if (kind !== 'us' || this.#conflicts.pending(address) !== macText(mac)) return undefined
    return { node: this.#holders.peers.adopt(mac) }
  }
}
