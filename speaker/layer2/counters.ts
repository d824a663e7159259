import type { AddressCounters, DropCounter } from '../wire/protocol.ts'
import type { DropReason } from './errors.ts'
import type { HeldAddress } from './held.ts'

/** What has been counted, and what of it moved since it was last told. */
export class Counters {
  readonly #drops = new Map<string, Map<DropReason, number>>()
  readonly #movedAddresses = new Set<HeldAddress>()
  readonly #movedDrops = new Map<string, Set<DropReason>>()

  /** A counter of the address moved. */
  moved(held: HeldAddress): void {
    this.#movedAddresses.add(held)
  }

  drop(interfaceName: string, reason: DropReason): void {
    let drops = this.#drops.get(interfaceName)
    if (drops === undefined) this.#drops.set(interfaceName, (drops = new Map()))
    drops.set(reason, (drops.get(reason) ?? 0) + 1)
    let moved = this.#movedDrops.get(interfaceName)
    if (moved === undefined) this.#movedDrops.set(interfaceName, (moved = new Set()))
    moved.add(reason)
  }

  /** Forgets interfaces that are gone; a node where links come and go does not grow. */
  retain(interfaceNames: ReadonlySet<string>): void {
    for (const name of this.#drops.keys()) {
      if (interfaceNames.has(name)) continue
      this.#drops.delete(name)
      this.#movedDrops.delete(name)
    }
  }

  forget(held: HeldAddress): void {
    this.#movedAddresses.delete(held)
  }

  /** What moved since the last call, as totals; undefined when nothing did. */
  take(): { addresses: AddressCounters[]; drops: DropCounter[] } | undefined {
    if (this.#movedAddresses.size === 0 && this.#movedDrops.size === 0) return undefined
    const addresses = [...this.#movedAddresses].map(
      ({ address, requestsReceived, responsesSent, gratuitousSent, conflicts, lastRequest }) => ({
        address,
        requestsReceived,
        responsesSent,
        gratuitousSent,
        conflicts,
        lastRequest,
      }),
    )
    const drops: DropCounter[] = []
    for (const [name, reasons] of this.#movedDrops) {
      for (const reason of reasons) {
        drops.push({ interface: name, reason, count: this.#drops.get(name)?.get(reason) ?? 0 })
      }
    }
    this.#movedAddresses.clear()
    this.#movedDrops.clear()
    return { addresses, drops }
  }
}
