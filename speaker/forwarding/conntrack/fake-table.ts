import type { Family } from '#inet/address.ts'
import { ipProtocols, type ConntrackEntry } from '#raw-socket/netlink/conntrack.ts'
import type { ConntrackTable } from './table.ts'

/** A table in memory, with what a test wants to know and to break. */
export class FakeConntrackTable implements ConntrackTable {
  readonly entries = new Set<ConntrackEntry>()
  /** families in the order in which they were listed */
  readonly listings: Family[] = []
  /** runs in the middle of a listing: the next one waits for it */
  during: (() => Promise<void> | void) | undefined
  /** listings that fail from now on */
  failures = 0
  /** deletions of these fail */
  readonly stuck = new Set<ConntrackEntry>()
  closed = false

  async udpEntries(family: Family, onEntry: (entry: ConntrackEntry) => void): Promise<void> {
    this.listings.push(family)
    if (this.failures > 0) {
      this.failures--
      throw new Error('the listing failed')
    }
    const all = [...this.entries].filter(
      (entry) => entry.family === family && entry.protocol === ipProtocols.udp,
    )
    for (const entry of all) onEntry(entry)
    await this.during?.()
  }

  delete(entry: ConntrackEntry): Promise<boolean> {
    for (const found of this.entries) {
      if (!same(found, entry)) continue
      if (this.stuck.has(found)) return Promise.reject(new Error('the deletion failed'))
      return Promise.resolve(this.entries.delete(found))
    }
    return Promise.resolve(false)
  }

  close(): void {
    this.closed = true
  }
}

const same = (a: ConntrackEntry, b: ConntrackEntry): boolean =>
  a.id === b.id && a.family === b.family && a.original.source === b.original.source
