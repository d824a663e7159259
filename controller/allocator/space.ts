import type { Family } from '#inet/address.ts'
import { mergeRanges, subtractRanges, type AddressRange } from '#inet/range.ts'
import { lastAtOrBefore } from './intervals.ts'

interface Segment {
  readonly first: bigint
  readonly last: bigint
  /** position of the first address of it that is given out */
  readonly base: bigint
}

/** What a pool says of its addresses. */
export interface SpaceOptions {
  readonly ranges: readonly AddressRange[]
  /** ascending and disjoint */
  readonly excludes?: readonly AddressRange[]
  /** leave out IPv4 addresses that end in .0 or .255 */
  readonly avoidBuggyIPs: boolean
}

/**
 * The addresses of one family that a pool may give out, numbered in the order in which it gives them out: ranges as
 * listed, each from its lowest address. Numbering makes "the next address" a question about whole numbers. Costs
 * memory for each range and each excluded one, nothing for an address.
 */
export class AddressSpace {
  /** how many addresses there are */
  readonly size: bigint
  readonly #avoid: boolean
  readonly #inOrder: readonly Segment[]
  readonly #byAddress: readonly Segment[]

  constructor({ ranges, excludes = [], avoidBuggyIPs }: SpaceOptions, family: Family) {
    this.#avoid = avoidBuggyIPs && family === 4
    const segments: Segment[] = []
    const holes = mergeRanges(excludes)
    let base = 0n
    for (const range of ranges) {
      if (range.family !== family) continue
      for (const { first, last } of subtractRanges(range, holes)) {
        const count = this.#count(last) - this.#count(first - 1n)
        if (count > 0n) segments.push({ first, last, base })
        base += count
      }
    }
    this.size = base
    this.#inOrder = segments
    this.#byAddress = [...segments].sort((a, b) => (a.first < b.first ? -1 : 1))
  }

  /** The number of an address, undefined for one that this pool does not give out. */
  positionOf(value: bigint): bigint | undefined {
    const segment = this.#byAddress[lastAtOrBefore(this.#byAddress, value, ({ first }) => first)]
    if (segment === undefined || value > segment.last || (this.#avoid && isBuggy(value))) return undefined
    return segment.base + this.#count(value) - this.#count(segment.first - 1n) - 1n
  }

  /** @param position in 0..size-1 */
  valueAt(position: bigint): bigint {
    const segment = this.#inOrder[lastAtOrBefore(this.#inOrder, position, ({ base }) => base)]
    return this.#value(this.#count(segment.first - 1n) + position - segment.base + 1n)
  }

  /** How many addresses from 0 to this one may be given out. */
  #count(value: bigint): bigint {
    if (value < 0n) return 0n
    if (!this.#avoid) return value + 1n
    const rest = value & 255n
    return (value >> 8n) * 254n + (rest === 255n ? 254n : rest)
  }

  /** The address that is the n-th of them, from 1. */
  #value(n: bigint): bigint {
    return this.#avoid ? ((n - 1n) / 254n) * 256n + ((n - 1n) % 254n) + 1n : n - 1n
  }
}

/** Ends in .0 or .255: some home routers take it for the address of a network or a broadcast. */
export const isBuggy = (value: bigint): boolean => (value & 255n) === 0n || (value & 255n) === 255n
