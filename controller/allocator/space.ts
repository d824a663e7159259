import type { Family } from '#inet/address.ts'
import type { AddressRange } from '#inet/range.ts'
import { lastAtOrBefore } from './intervals.ts'

interface Segment {
  readonly first: bigint
  readonly last: bigint
  /** position of `first` */
  readonly base: bigint
}

/**
 * The addresses of one family that a pool may give out, numbered in the order in which it gives them out: ranges as
 * listed, each from its lowest address. Numbering makes "the next address" a question about whole numbers.
 */
export class AddressSpace {
  /** how many addresses there are */
  readonly size: bigint
  readonly #inOrder: readonly Segment[]
  readonly #byAddress: readonly Segment[]

  /** @param avoidBuggyIPs leave out IPv4 addresses that end in .0 or .255 */
  constructor(ranges: readonly AddressRange[], family: Family, avoidBuggyIPs: boolean) {
    const segments: Segment[] = []
    let base = 0n
    for (const range of ranges) {
      if (range.family !== family) continue
      for (const { first, last } of avoidBuggyIPs && family === 4 ? withoutBuggy(range) : [range]) {
        segments.push({ first, last, base })
        base += last - first + 1n
      }
    }
    this.size = base
    this.#inOrder = segments
    this.#byAddress = [...segments].sort((a, b) => (a.first < b.first ? -1 : 1))
  }

  /** The number of an address, undefined for one that this pool does not give out. */
  positionOf(value: bigint): bigint | undefined {
    const segment = this.#byAddress[lastAtOrBefore(this.#byAddress, value, ({ first }) => first)]
    return segment === undefined || value > segment.last ? undefined : segment.base + value - segment.first
  }

  /** @param position in 0..size-1 */
  valueAt(position: bigint): bigint {
    const segment = this.#inOrder[lastAtOrBefore(this.#inOrder, position, ({ base }) => base)]
    return segment.first + position - segment.base
  }
}

/** What is left of an IPv4 range without the addresses ending in .0 and .255. */
function* withoutBuggy(range: AddressRange): Generator<{ first: bigint; last: bigint }, void> {
  for (let block = range.first & ~255n; block <= range.last; block += 256n) {
    const first = range.first > block + 1n ? range.first : block + 1n
    const last = range.last < block + 254n ? range.last : block + 254n
    if (first <= last) yield { first, last }
  }
}
