import { formatAddress, isMappedV4, tryParseAddress, type Address } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import {
  formatRange,
  intersectRange,
  mergeRanges,
  parseRange,
  rangeOfPrefix,
  subtractRanges,
  type AddressRange,
} from '#inet/range.ts'
import type { Fields } from './fields.ts'
import { RangeIndex } from './range-index.ts'

/** The ranges of `spec.addresses`, in its order; none of them overlap. */
export function readRanges(pool: string, spec: Fields): AddressRange[] {
  const index = new RangeIndex<string>()
  const ranges: AddressRange[] = []
  for (const { value, path } of spec.strings('addresses')) {
    const range = readRange(value)
    if (typeof range === 'string') {
      spec.errorAt('FL_POOL_ADDRESS', path, invalid(value, pool, range))
      continue
    }
    warnUnusable(range, pool, path, spec)
    const other = index.overlapping(range)
    if (other === undefined) {
      index.add(range, value)
      ranges.push(range)
    } else {
      const text = `CIDR ${quote(value)} in pool ${quote(pool)} overlaps with already defined CIDR ${quote(other.owner)}`
      spec.errorAt('FL_POOL_OVERLAP', path, text)
    }
  }
  return ranges
}

/**
 * What the pool has but never gives out, ascending, disjoint, without a gap of nothing between: `spec.excludes`, and
 * addresses that no Service can have.
 */
export function readExcludes(pool: string, ranges: readonly AddressRange[], spec: Fields): AddressRange[] {
  const inside = mergeRanges(ranges)
  const excludes = inside.flatMap((range) => unusableIn(range))
  // Of a pool with other errors it is not known what is inside.
  const complete = !spec.issues.some(({ severity }) => severity === 'error')
  for (const { value, path } of spec.strings('excludes')) {
    const address = tryParseAddress(value.trim())
    const range = address === undefined || isMappedV4(address) ? readRange(value) : single(address)
    if (typeof range === 'string') {
      spec.errorAt('FL_POOL_ADDRESS', path, invalid(value, pool, range))
      continue
    }
    const outside = subtractRanges(range, inside)
    if (complete && outside.length > 0) {
      const text = `excluded addresses ${quote(value)} must lie inside the addresses of pool ${quote(pool)}: ${rangeText(outside[0])} does not`
      spec.errorAt('FL_POOL_EXCLUDES', path, text)
    } else excludes.push(range)
  }
  const merged = mergeRanges(excludes)
  if (complete && inside.length > 0 && inside.every((range) => subtractRanges(range, merged).length === 0))
    spec.warn('FL_POOL_EXCLUDES', 'excludes', `nothing is left of pool ${quote(pool)} to give out`)
  return merged
}

const single = ({ family, value }: Address): AddressRange => ({ family, first: value, last: value })

/** Upstream's words around the reason. */
const invalid = (text: string, pool: string, why: string): string =>
  `invalid CIDR ${quote(text)} in pool ${quote(pool)}: ${why}`

/** A range, or why it is none. */
function readRange(text: string): AddressRange | string {
  if (!text.includes('-')) {
    const prefix = tryParsePrefix(text.trim())
    if (prefix !== undefined)
      return isMappedV4(prefix.address) ? whyNot(text.split('/')[0]) : rangeOfPrefix(prefix)
    const why = whyNot(text.split('/')[0].trim())
    return why || 'must be a prefix such as 192.0.2.0/24 or a range such as 192.0.2.1-192.0.2.9'
  }
  const wrong = `invalid IP range ${quote(text)}`
  const [start, end, ...more] = text.split('-').map((part) => part.trim())
  if (more.length > 0) return wrong
  for (const [which, part] of [
    ['start', start],
    ['end', end],
  ] as const) {
    const why = whyNot(part)
    const address = tryParseAddress(part)
    if (address === undefined || isMappedV4(address))
      return `${wrong}: invalid ${which} IP${why === '' ? '' : `: ${why}`}`
  }
  const [first, last] = [start, end].map((part) => tryParseAddress(part) as Address)
  if (first.family !== last.family) return `${wrong}: start and end are of different families`
  if (first.value > last.value) return `${wrong}: start IP ${quote(start)} is after the end IP ${quote(end)}`
  return { family: first.family, first: first.value, last: last.value }
}

/** What is wrong with the text of an address, '' when there is nothing particular to say. */
function whyNot(text: string): string {
  const address = tryParseAddress(text)
  if (address !== undefined && isMappedV4(address)) {
    const v4 = formatAddress({ family: 4, value: address.value & 0xffffffffn })
    return `${quote(text)} is an IPv4-mapped IPv6 address: write ${v4}`
  }
  if (text.includes('%'))
    return `${quote(text)} has a zone identifier, which means something on one machine only`
  if (/(^|\.)0[0-9]/.test(text))
    return `${quote(text)} has an octet with a leading zero, which some read as octal`
  return ''
}

/** Addresses that mean something else to every host than "the Service". */
const unusable: readonly { readonly range: AddressRange; readonly what: string }[] = [
  { range: parseRange('0.0.0.0/8'), what: '"this network", RFC 1122 3.2.1.3' },
  { range: parseRange('127.0.0.0/8'), what: 'loopback' },
  { range: parseRange('224.0.0.0/4'), what: 'multicast' },
  { range: parseRange('255.255.255.255/32'), what: 'broadcast' },
  { range: parseRange('::/127'), what: 'unspecified and loopback' },
  { range: parseRange('::ffff:0:0/96'), what: 'IPv4-mapped' },
  { range: parseRange('ff00::/8'), what: 'multicast' },
]
const unusableRanges = mergeRanges(unusable.map(({ range }) => range))

const unusableIn = (range: AddressRange): AddressRange[] => intersectRange(range, unusableRanges)

function warnUnusable(range: AddressRange, pool: string, path: string, spec: Fields): void {
  const found = unusable.filter((one) => intersectRange(range, [one.range]).length > 0)
  if (found.length === 0) return
  const list = found.map((one) => `${rangeText(one.range)} (${one.what})`).join(', ')
  spec.warnAt('FL_POOL_UNUSABLE', path, `pool ${quote(pool)} never gives out ${list}`)
}

const rangeText = (range: AddressRange): string =>
  range.first === range.last
    ? formatAddress({ family: range.family, value: range.first })
    : formatRange(range)

const LONGEST = 80

const quote = (text: string): string =>
  JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
