import { addressBits, formatAddress, maxValue, parseAddress, type Address, type Family } from './address.ts'
import { InetError } from './errors.ts'

/** A CIDR prefix; host bits of `address` are always zero. */
export interface Prefix {
  readonly address: Address
  /** 0..32 or 0..128 */
  readonly length: number
}

/** The prefix of this length that holds the address (host bits are cleared). */
export function prefixOf(address: Address, length: number): Prefix {
  const mask = hostMask(address.family, length)
  return { address: { family: address.family, value: address.value & ~mask }, length }
}

const hostMask = (family: Family, length: number): bigint => (1n << BigInt(addressBits(family) - length)) - 1n

/**
 * Reads `address/length`; host bits are cleared, as Kubernetes and MetalLB do.
 * @throws InetError FL_INET_PREFIX
 */
export function parsePrefix(text: string): Prefix {
  const prefix = tryParsePrefix(text)
  if (prefix === undefined)
    throw new InetError('FL_INET_PREFIX', text, 'is not a CIDR prefix such as 192.0.2.0/24')
  return prefix
}

/** As `parsePrefix`, with undefined for what is not a prefix. */
export function tryParsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/')
  if (slash < 0 || !/^(0|[1-9][0-9]{0,2})$/.test(text.slice(slash + 1))) return undefined
  let address: Address
  try {
    address = parseAddress(text.slice(0, slash))
  } catch {
    return undefined
  }
  const length = Number(text.slice(slash + 1))
  return length > addressBits(address.family) ? undefined : prefixOf(address, length)
}

/** The canonical text, which also serves as a map key. */
export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix.address)}/${prefix.length}`

/** The /32 or /128 of one address. */
export const hostPrefix = (address: Address): Prefix => ({ address, length: addressBits(address.family) })

export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false
  const shift = BigInt(addressBits(address.family) - prefix.length)
  return prefix.address.value >> shift === address.value >> shift
}

/** First and last address of the prefix. */
export function prefixBounds(prefix: Prefix): { first: Address; last: Address } {
  const { family, value } = prefix.address
  const last = value | hostMask(family, prefix.length)
  return { first: prefix.address, last: { family, value: last > maxValue(family) ? maxValue(family) : last } }
}
