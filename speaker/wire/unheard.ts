import { tryParseAddress } from '#inet/address.ts'
import { solicitedNodeGroup } from '../layer2/groups.ts'
import { advertisedAddress } from './advertised.ts'
import type { WireHolder } from './protocol.ts'

interface Told {
  /** as the core has it */
  readonly wanted: WireHolder
  /** as it was told */
  readonly told: WireHolder
}

/**
 * IPv6 addresses where nobody who looks for them can be heard: the kernel did not let their solicited-node group be
 * joined on an interface. Who cannot hear the questions must not claim an address there, so these count as neither
 * answered nor announced on it. Almost always empty.
 */
export class Unheard {
  /** by interface index */
  readonly #groups = new Map<number, Map<string, string>>()
  /** IPv6 only */
  readonly #holders = new Map<string, Told>()
  #changed = new Set<string>()

  /** A group cannot be heard on the interface, or can again. */
  report(index: number, name: string, group: string, heard: boolean): void {
    const groups = this.#groups.get(index) ?? new Map<string, string>()
    if (heard ? !groups.delete(group) : groups.has(group)) return
    if (!heard) groups.set(group, name)
    if (groups.size > 0) this.#groups.set(index, groups)
    else this.#groups.delete(index)
    this.#changed.add(group)
  }

  /** The interface is closed: whoever opens it again tries anew. */
  closed(index: number): void {
    for (const group of this.#groups.get(index)?.keys() ?? []) this.#changed.add(group)
    this.#groups.delete(index)
  }

  forget(addresses: readonly string[]): void {
    for (const address of addresses) this.#holders.delete(address)
  }

  /** What to tell, of what came out different in the core and of what was reported since the last call. */
  tell(changes: readonly WireHolder[], now: number): WireHolder[] {
    const result: WireHolder[] = []
    for (const wanted of changes) {
      const family = tryParseAddress(wanted.address)?.family
      if (family !== 6) {
        result.push(wanted)
        continue
      }
      const before = this.#holders.get(wanted.address)?.told
      const told = this.#cut(wanted)
      // The core counts from the change of what it wants, which need not be one of what is.
      const same = before?.held === told.held && before.holder === told.holder
      const since = same ? before.since : told.held === wanted.held ? told.since : now
      const dated = { ...told, since }
      this.#holders.set(wanted.address, { wanted, told: dated })
      result.push(dated)
    }
    if (this.#changed.size === 0) return result
    const changed = this.#changed
    this.#changed = new Set()
    const already = new Set(changes.map(({ address }) => address))
    for (const [address, { wanted, told }] of this.#holders) {
      if (already.has(address) || !changed.has(solicitedNodeGroup(address))) continue
      const next = this.#cut(wanted)
      if (next.held === told.held && next.interfaces.join() === told.interfaces.join()) continue
      const dated = { ...next, since: next.held === told.held ? told.since : now }
      this.#holders.set(address, { wanted, told: dated })
      result.push(dated)
    }
    return result
  }

  /** The frame, sent on this interface, would claim an address that cannot be heard there. */
  mutes(frame: Uint8Array, index: number): boolean {
    const groups = this.#groups.get(index)
    if (groups === undefined) return false
    const address = advertisedAddress(frame)
    return address !== undefined && groups.has(solicitedNodeGroup(address))
  }

  #cut(holder: WireHolder): WireHolder {
    if (this.#groups.size === 0 || !holder.held) return holder
    const group = solicitedNodeGroup(holder.address)
    const silent = new Set([...this.#groups.values()].map((groups) => groups.get(group)))
    const interfaces = holder.interfaces.filter((name) => !silent.has(name))
    if (interfaces.length === holder.interfaces.length) return holder
    return interfaces.length > 0
      ? { ...holder, interfaces }
      : { ...holder, held: false, interfaces, reason: 'noInterface' }
  }
}
