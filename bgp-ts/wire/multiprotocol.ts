import { addressFromBytes, addressToBytes, type Address } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from '../config.ts'
import { BgpError } from '../errors.ts'
import { optional } from './attribute-flags.ts'
import { attributeHead } from './attribute-writer.ts'
import { mpTypes, type MpType, type RawAttribute } from './attributes.ts'
import type { CodecContext } from './context.ts'
import { familyCodes, familyOf } from './families.ts'
import { readPrefixes } from './nlri.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

/**
 * MP_REACH_NLRI (RFC 4760 3): AFI, SAFI, next hop with its length, a reserved octet, prefixes. The next hop may be of
 * the other family: IPv6 for IPv4 prefixes (RFC 8950).
 */
export interface Reach {
  readonly family: AddressFamily
  readonly nextHop: Address
  /** RFC 2545 3: the link-local address of the same interface, as a second next hop */
  readonly linkLocal?: Address
  readonly prefixes: readonly Prefix[]
}

/** MP_UNREACH_NLRI (RFC 4760 4): AFI, SAFI, prefixes. */
export interface Unreach {
  readonly family: AddressFamily
  readonly prefixes: readonly Prefix[]
}

/** Octets of an MP attribute besides its prefixes, with an extended length. */
export const mpOverhead = (head: Uint8Array): number => 4 + head.length

/** Octets before the prefixes, with two next hops. */
const longestHead = 2 + 1 + 1 + 32 + 1

// RFC 7606 5.3: where the end of a prefix is not certain, the rest of the message is not either.
const invalid = (raw: RawAttribute, why: string) => () =>
  new BgpError('FL_BGP_UPDATE_OPTIONAL', why, raw.whole)

const notNegotiated = (afi: number, safi: number): BgpError =>
  new BgpError('FL_BGP_UPDATE_OPTIONAL', `family ${afi}/${safi} was not negotiated`, [], 'discard')

/** In octets. Sixteen and 32 are possible for IPv4 as well (RFC 8950). */
export const isNextHopLength = (length: number, family: AddressFamily): boolean =>
  length === 16 || length === 32 || (length === 4 && family === 'ipv4-unicast')

/** @throws BgpError 3/9 or 3/1 with reset; with discard for a family that was not negotiated */
export function readReach(raw: RawAttribute, { families }: CodecContext): Reach {
  const reader = new Reader(raw.value, invalid(raw, 'MP_REACH_NLRI ends early'))
  const afi = reader.u16()
  const safi = reader.u8()
  const family = familyOf(afi, safi)
  if (family === undefined || !families.includes(family)) throw notNegotiated(afi, safi)
  const length = reader.u8()
  // RFC 7606 7.11: a length that is no next hop hides where the prefixes begin.
  if (!isNextHopLength(length, family)) {
    throw new BgpError('FL_BGP_UPDATE_ATTRIBUTE_LIST', `MP_REACH_NLRI has a next hop of ${length} octets`)
  }
  const nextHop = addressFromBytes(reader.take(Math.min(length, 16)))
  const linkLocal = length === 32 ? { linkLocal: addressFromBytes(reader.take(16)) } : {}
  reader.u8()
  const bad = invalid(raw, 'MP_REACH_NLRI has a bad prefix')
  const prefixes = readPrefixes(reader.rest(), familyCodes[family].addresses, bad)
  return { family, nextHop, ...linkLocal, prefixes }
}

/** @throws BgpError 3/9 with reset; with discard for a family that was not negotiated */
export function readUnreach(raw: RawAttribute, { families }: CodecContext): Unreach {
  const reader = new Reader(raw.value, invalid(raw, 'MP_UNREACH_NLRI ends early'))
  const afi = reader.u16()
  const safi = reader.u8()
  const family = familyOf(afi, safi)
  if (family === undefined || !families.includes(family)) throw notNegotiated(afi, safi)
  const bad = invalid(raw, 'MP_UNREACH_NLRI has a bad prefix')
  return { family, prefixes: readPrefixes(reader.rest(), familyCodes[family].addresses, bad) }
}

/** What stands before the prefixes in MP_REACH_NLRI. */
export function reachHead({ family, nextHop, linkLocal }: Omit<Reach, 'prefixes'>): Uint8Array {
  const { afi, safi } = familyCodes[family]
  const hops = [nextHop, ...(linkLocal === undefined ? [] : [linkLocal])].map(addressToBytes)
  const head = new Writer(longestHead).u16(afi).u8(safi)
  head.u8(hops.reduce((sum, { length }) => sum + length, 0))
  for (const hop of hops) head.put(hop)
  return head.u8(0).bytes()
}

/** What stands before the prefixes in MP_UNREACH_NLRI. */
export function unreachHead(family: AddressFamily): Uint8Array {
  const { afi, safi } = familyCodes[family]
  return new Writer(longestHead).u16(afi).u8(safi).bytes()
}

/** The whole attribute in parts. */
export const mpParts = (type: MpType, head: Uint8Array, nlri: Uint8Array): ArrayLike<number>[] => [
  attributeHead(optional, mpTypes[type], head.length + nlri.length),
  head,
  nlri,
]
