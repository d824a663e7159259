import { addressBits, formatAddress, parseAddress, type Address, type Family } from './address.ts'
import { InetError } from './errors.ts'
import { parsePrefix, prefixBounds, prefixOf, type Prefix } from './prefix.ts'

/** All addresses of one family from `first` to `last`, both included. */
export interface AddressRange {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
}

/**
 * Reads what an IPAddressPool lists: a CIDR prefix, or `start-end` with optional space around the dash.
 * @throws InetError FL_INET_PREFIX or FL_INET_RANGE
 */
export function parseRange(text: string): AddressRange {
  if (!text.includes('-')) return rangeOfPrefix(parsePrefix(text.trim()))
  const parts = text.split('-')
  if (parts.length !== 2)
    throw new InetError('FL_INET_RANGE', text, 'is not a range such as 192.0.2.1-192.0.2.9')
  const first = end(text, parts[0].trim(), 'start')
  const last = end(text, parts[1].trim(), 'end')
  if (first.family !== last.family) throw new InetError('FL_INET_RANGE', text, 'mixes IPv4 and IPv6')
  if (first.value > last.value) throw new InetError('FL_INET_RANGE', text, 'has its start after its end')
  return { family: first.family, first: first.value, last: last.value }
}

function end(text: string, part: string, which: 'start' | 'end'): Address {
  try {
    return parseAddress(part)
  } catch {
    throw new InetError('FL_INET_RANGE', text, `has an invalid ${which} address ${JSON.stringify(part)}`)
  }
}

export function rangeOfPrefix(prefix: Prefix): AddressRange {
  const { first, last } = prefixBounds(prefix)
  return { family: first.family, first: first.value, last: last.value }
}

/** How many addresses the range holds. */
export const rangeSize = (range: AddressRange): bigint => range.last - range.first + 1n

export const rangesOverlap = (a: AddressRange, b: AddressRange): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last

export const rangeContains = (range: AddressRange, address: Address): boolean =>
  range.family === address.family && range.first <= address.value && address.value <= range.last

export function formatRange(range: AddressRange): string {
  const text = (value: bigint) => formatAddress({ family: range.family, value })
  return `${text(range.first)}-${text(range.last)}`
}

/** The same addresses as ascending ranges (IPv4 first) of which none overlap or touch. */
export function mergeRanges(ranges: readonly AddressRange[]): AddressRange[] {
  const merged: AddressRange[] = []
  for (const range of [...ranges].sort(compareRanges)) {
    const last = merged.at(-1)
    if (last === undefined || last.family !== range.family || range.first > last.last + 1n) merged.push(range)
    else if (range.last > last.last) merged[merged.length - 1] = { ...last, last: range.last }
  }
  return merged
}

function compareRanges(a: AddressRange, b: AddressRange): number {
  if (a.family !== b.family) return a.family - b.family
  return a.first < b.first ? -1 : Number(a.first > b.first)
}

/**
 * What the range shares with others, ascending.
 * @param others as `mergeRanges` returns them
 */
export function intersectRange(range: AddressRange, others: readonly AddressRange[]): AddressRange[] {
  const shared: AddressRange[] = []
  for (let index = firstAtOrAfter(others, range); index < others.length; index++) {
    const { family, first, last } = others[index]
    if (family !== range.family || first > range.last) break
    shared.push({
      family,
      first: first > range.first ? first : range.first,
      last: last < range.last ? last : range.last,
    })
  }
  return shared
}

/**
 * What is left of the range without others, ascending.
 * @param others as `mergeRanges` returns them
 */
export function subtractRanges(range: AddressRange, others: readonly AddressRange[]): AddressRange[] {
  const left: AddressRange[] = []
  let next = range.first
  for (const hole of intersectRange(range, others)) {
    if (hole.first > next) left.push({ family: range.family, first: next, last: hole.first - 1n })
    next = hole.last + 1n
  }
  if (next <= range.last) left.push({ family: range.family, first: next, last: range.last })
  return left
}

/** The index of the first of `sorted` that does not end before the range begins. */
function firstAtOrAfter(sorted: readonly AddressRange[], range: AddressRange): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const { family, last } = sorted[middle]
    if (family < range.family || (family === range.family && last < range.first)) low = middle + 1
    else high = middle
  }
  return low
}

/** The fewest prefixes that together are the range, in ascending order. */
export function rangeToPrefixes(range: AddressRange): Prefix[] {
  const bits = addressBits(range.family)
  const prefixes: Prefix[] = []
  let next = range.first
  while (next <= range.last) {
    let length = bits
    // Widen while the block stays aligned to its start and inside the range.
    while (length > 0) {
      const size = 1n << BigInt(bits - length + 1)
      if (next % size !== 0n || next + size - 1n > range.last) break
      length--
    }
    prefixes.push(prefixOf({ family: range.family, value: next }, length))
    next += 1n << BigInt(bits - length)
  }
  return prefixes
}
