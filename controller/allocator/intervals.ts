/** All whole numbers from `first` to `last`, both included. */
export interface Interval {
  readonly first: bigint
  readonly last: bigint
}

/** A chunk splits when it grows beyond twice this. */
const CHUNK = 128

/**
 * A set of whole numbers, kept as disjoint intervals that never touch, in order, in chunks (the leaves of a B-tree
 * of height two). Adding, removing and finding cost O(log n) comparisons in the number of intervals plus moves
 * within one chunk: the size of the set itself does not matter.
 */
export class IntervalSet {
  /** none of them empty */
  readonly #chunks: Interval[][] = []
  #size = 0n

  constructor(interval?: Interval) {
    if (interval === undefined || interval.last < interval.first) return
    this.#chunks.push([interval])
    this.#size = interval.last - interval.first + 1n
  }

  /** how many numbers are in the set */
  get size(): bigint {
    return this.#size
  }

  /** The lowest number in the set. */
  get lowest(): bigint | undefined {
    return this.#chunks[0]?.[0].first
  }

  has(value: bigint): boolean {
    const { chunk, index } = this.#locate(value)
    const interval = this.#chunks[chunk]?.[index]
    return interval !== undefined && value >= interval.first && value <= interval.last
  }

  /** The lowest number of the set at or after this one. */
  atOrAfter(value: bigint): bigint | undefined {
    const position = this.#locate(value)
    const interval = this.#chunks[position.chunk]?.[position.index]
    if (interval !== undefined && value <= interval.last) return value
    const next = this.#next(position)
    return this.#chunks[next.chunk]?.[next.index]?.first
  }

  /** The last number of the interval that holds this one, undefined when none does. */
  endOfRun(value: bigint): bigint | undefined {
    const { chunk, index } = this.#locate(value)
    const interval = this.#chunks[chunk]?.[index]
    return interval !== undefined && value <= interval.last ? interval.last : undefined
  }

  /** @returns false when the number is not in the set */
  delete(value: bigint): boolean {
    const { chunk, index } = this.#locate(value)
    const interval = this.#chunks[chunk]?.[index]
    if (interval === undefined || value < interval.first || value > interval.last) return false
    const left = { first: interval.first, last: value - 1n }
    const right = { first: value + 1n, last: interval.last }
    const rest = [left, right].filter(({ first, last }) => first <= last)
    this.#chunks[chunk].splice(index, 1, ...rest)
    this.#rebalance(chunk)
    this.#size -= 1n
    return true
  }

  /** @returns false when the number was in the set already */
  add(value: bigint): boolean {
    if (this.has(value)) return false
    const before = this.#locate(value)
    const left = this.#chunks[before.chunk]?.[before.index]
    const joinsLeft = left !== undefined && left.last === value - 1n
    const after = this.#next(before)
    const right = this.#chunks[after.chunk]?.[after.index]
    const joinsRight = right !== undefined && right.first === value + 1n
    if (joinsLeft) {
      const last = joinsRight ? right.last : value
      if (joinsRight) this.#remove(after)
      this.#chunks[before.chunk][before.index] = { first: left.first, last }
    } else if (joinsRight) {
      this.#chunks[after.chunk][after.index] = { first: value, last: right.last }
    } else {
      this.#insert(before, { first: value, last: value })
    }
    this.#size += 1n
    return true
  }

  /** In ascending order. */
  *intervals(): Generator<Interval, void> {
    for (const chunk of this.#chunks) yield* chunk
  }

  /** The last interval that starts at or before the value; index -1 when there is none. */
  #locate(value: bigint): Position {
    const chunk = lastAtOrBefore(this.#chunks, value, (one) => one[0].first)
    if (chunk < 0) return { chunk: 0, index: -1 }
    return { chunk, index: lastAtOrBefore(this.#chunks[chunk], value, (one) => one.first) }
  }

  #next({ chunk, index }: Position): Position {
    return index + 1 < (this.#chunks[chunk]?.length ?? 0)
      ? { chunk, index: index + 1 }
      : { chunk: chunk + 1, index: 0 }
  }

  #insert({ chunk, index }: Position, interval: Interval): void {
    if (this.#chunks.length === 0) this.#chunks.push([interval])
    else this.#chunks[chunk].splice(index + 1, 0, interval)
    this.#rebalance(chunk)
  }

  #remove({ chunk, index }: Position): void {
    this.#chunks[chunk].splice(index, 1)
    this.#rebalance(chunk)
  }

  #rebalance(chunk: number): void {
    const { length } = this.#chunks[chunk]
    if (length === 0) this.#chunks.splice(chunk, 1)
    else if (length > 2 * CHUNK) this.#chunks.splice(chunk + 1, 0, this.#chunks[chunk].splice(CHUNK))
  }
}

interface Position {
  readonly chunk: number
  readonly index: number
}

/** Binary search: the last element whose key is at most `value`, -1 when there is none. */
export function lastAtOrBefore<T>(sorted: readonly T[], value: bigint, key: (element: T) => bigint): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (key(sorted[middle]) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
