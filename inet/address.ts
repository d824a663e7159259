import { InetError } from './errors.ts'

export type Family = 4 | 6

/**
 * An IPv4 or IPv6 address as a value: `value` is the address as an unsigned integer (32 or 128 bits).
 * Two addresses are the same when family and value are; as a map key use `formatAddress`, which is canonical.
 */
export interface Address {
  readonly family: Family
  readonly value: bigint
}

/** Bits in an address of this family: 32 or 128. */
export const addressBits = (family: Family): 32 | 128 => (family === 4 ? 32 : 128)

/** The highest value of this family. */
export const maxValue = (family: Family): bigint => (1n << BigInt(addressBits(family))) - 1n

/**
 * Reads an address in its usual text form. Strict on purpose: no leading zeros (`10.0.0.010` is octal to some
 * parsers), no short forms (`127.1`), no zone (`%eth0`), no surrounding space.
 * @throws InetError FL_INET_ADDRESS
 */
export function parseAddress(text: string): Address {
  const address = tryParseAddress(text)
  if (address === undefined) throw new InetError('FL_INET_ADDRESS', text, 'is not an IPv4 or IPv6 address')
  return address
}

/** As `parseAddress`, with undefined for what is not an address. */
export function tryParseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const value = parseV6(text)
    return value === undefined ? undefined : { family: 6, value }
  }
  const value = parseV4(text)
  return value === undefined ? undefined : { family: 4, value: BigInt(value) }
}

function parseV4(text: string): number | undefined {
  // Digit by digit: tens of thousands of endpoints are read when a speaker starts.
  let value = 0
  let octets = 0
  let octet = -1
  for (let index = 0; index <= text.length; index++) {
    const digit = index < text.length ? text.charCodeAt(index) - 48 : DOT
    if (digit === DOT) {
      if (octet < 0 || ++octets > 4) return undefined
      value = value * 256 + octet
      octet = -1
    } else if (digit < 0 || digit > 9 || octet === 0) return undefined
    else {
      octet = octet < 0 ? digit : octet * 10 + digit
      if (octet > 255) return undefined
    }
  }
  return octets === 4 ? value : undefined
}

/** As a digit is counted: its code less that of '0'. */
const DOT = -2

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0], halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // RFC 4291 2.2: "::" stands for one or more groups of zeros.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail]
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
}

/** The 16-bit groups of one side of "::"; the last may be an embedded IPv4 address when `last`. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes('.')) {
      const embedded = parseV4(part)
      if (embedded === undefined) return undefined
      groups.push(Math.floor(embedded / 65536), embedded % 65536)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}

/**
 * The canonical text of an address of this family given as text; undefined for what is none.
 * The same as `formatAddress(parseAddress(text))`, without the detour by a number where the text is canonical already.
 */
export function canonicalText(text: string, family: Family): string | undefined {
  if (text.includes(':') !== (family === 6)) return undefined
  if (family === 4) return parseV4(text) === undefined ? undefined : text
  const value = parseV6(text)
  return value === undefined ? undefined : formatV6(value)
}

/** The canonical text: dotted quad, or RFC 5952 (lower case, longest run of zero groups as "::"). */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatV4(Number(address.value)) : formatV6(address.value)
}

const formatV4 = (value: number): string =>
  `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`

function formatV6(value: bigint): string {
  const groups: number[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn))
  // RFC 5952 5: IPv4-mapped addresses keep their dotted tail.
  if (value >> 32n === 0xffffn) return `::ffff:${formatV4(Number(value & 0xffffffffn))}`
  const run = longestZeroRun(groups)
  const hex = groups.map((group) => group.toString(16))
  if (run.length < 2) return hex.join(':')
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`
}

/** RFC 5952 4.2.3: the longest run of zero groups, the first of equals. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let index = 0; index <= groups.length; index++) {
    if (index < groups.length && groups[index] === 0) continue
    if (index - start > best.length) best = { start, length: index - start }
    start = index + 1
  }
  return best
}

/** The address as 4 or 16 octets in network order. */
export function addressToBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(addressBits(address.family) / 8)
  let value = address.value
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(value & 255n)
    value >>= 8n
  }
  return bytes
}

/**
 * The address in 4 or 16 octets of network order.
 * @throws InetError FL_INET_ADDRESS for any other length
 */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new InetError('FL_INET_ADDRESS', Buffer.from(bytes).toString('hex'), 'is not 4 or 16 octets')
  }
  let value = 0n
  for (const octet of bytes) value = (value << 8n) | BigInt(octet)
  return { family: bytes.length === 4 ? 4 : 6, value }
}

/** Orders IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

/** An IPv6 address that stands for an IPv4 one (RFC 4291 2.5.5.2): some software takes it for the IPv4 address. */
export const isMappedV4 = ({ family, value }: Address): boolean => family === 6 && value >> 32n === 0xffffn

export const sameAddress = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value
