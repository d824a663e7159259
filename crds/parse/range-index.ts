import type { Family } from '#inet/address.ts'
import type { AddressRange } from '#inet/range.ts'

/** Disjoint ranges, each with an owner, in the order of their addresses: finds an overlap in O(log n). */
export class RangeIndex<Owner> {
  readonly #entries: Record<Family, { range: AddressRange; owner: Owner }[]> = { 4: [], 6: [] }

  /** The owner of some range that shares an address with this one. */
  overlapping(range: AddressRange): { readonly range: AddressRange; readonly owner: Owner } | undefined {
    const entries = this.#entries[range.family]
    const before = entries[this.#position(range) - 1]
    // Entries are disjoint, so of those that start at or before our end the last one also ends last.
    return before !== undefined && before.range.last >= range.first ? before : undefined
  }

  /** Only for a range for which `overlapping` finds nothing. */
  add(range: AddressRange, owner: Owner): void {
    this.#entries[range.family].splice(this.#position(range), 0, { range, owner })
  }

  /** How many entries start at or before the end of the range. */
  #position(range: AddressRange): number {
    const entries = this.#entries[range.family]
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (entries[middle].range.first <= range.last) low = middle + 1
      else high = middle
    }
    return low
  }
}
