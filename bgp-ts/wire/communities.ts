import { formatAddress } from '#inet/address.ts'
import type { Community } from '../route.ts'
import { asTrans } from './open.ts'

/** RFC 8326 2: whoever gets a route with it should prefer any other one. */
export const gracefulShutdown: Community = { kind: 'standard', value: [65535, 0] }

const kinds: readonly Community['kind'][] = ['standard', 'extended', 'large']

/**
 * The communities in ascending order, each once: standard, extended, large ones. The RFCs leave the order open; a
 * fixed one makes equal sets equal octets.
 */
export function canonicalCommunities(communities: readonly Community[]): Community[] {
  const sorted = [...communities].sort(compareCommunities)
  return sorted.filter(
    (community, index) => index === 0 || compareCommunities(sorted[index - 1], community) !== 0,
  )
}

function compareCommunities(a: Community, b: Community): number {
  if (a.kind !== b.kind) return kinds.indexOf(a.kind) - kinds.indexOf(b.kind)
  const difference = a.value.map((part, index) => part - b.value[index])
  return difference.find((part) => part !== 0) ?? 0
}

/** Type and sub-type of the first two octets: two-octet AS, not transitive, link bandwidth. */
const linkBandwidthType = 0x4004

/**
 * The link-bandwidth community (draft-ietf-idr-link-bandwidth 2): the AS number in two octets, 23456 for a larger
 * one, and octets per second as an IEEE 754 single.
 */
export function linkBandwidth(as: number, octetsPerSecond: number): Community {
  const number = as > 65535 ? asTrans : as
  return { kind: 'extended', value: [linkBandwidthType * 65536 + number, singleBits(octetsPerSecond)] }
}

const scratch = Buffer.alloc(4)

function singleBits(value: number): number {
  scratch.writeFloatBE(value)
  return scratch.readUInt32BE()
}

function singleValue(bits: number): number {
  scratch.writeUInt32BE(bits)
  return scratch.readFloatBE()
}

/**
 * As operators write them: `65535:666`, `64500:1:2` for large ones, `rt:64500:100`, `soo:192.0.2.1:5`,
 * `lb:64500:125000000` and `0x…` for extended ones. Different communities have different texts.
 */
export const formatCommunity = ({ kind, value }: Community): string =>
  kind === 'extended' ? formatExtended(value[0], value[1]) : value.join(':')

/** The administrator part by type (RFC 4360 3.1, 3.2, RFC 5668 2): two-octet AS, IPv4 address, four-octet AS. */
const extendedTypes = { twoOctetAS: 0, ipv4Address: 1, fourOctetAS: 2 } as const
/** Sub-types of the three types (RFC 4360 4, 5). */
const extendedSubTypes: Readonly<Record<number, string>> = { 2: 'rt', 3: 'soo' }

function formatExtended(high: number, low: number): string {
  const type = high >>> 24
  const name = extendedSubTypes[(high >>> 16) & 255]
  // The first two octets of a four-octet administrator, and the last two of the community.
  const administrator = (high & 0xffff) * 65536 + (low >>> 16)
  if (name !== undefined && type === extendedTypes.twoOctetAS) return `${name}:${high & 0xffff}:${low}`
  if (name !== undefined && type === extendedTypes.ipv4Address) {
    return `${name}:${formatAddress({ family: 4, value: BigInt(administrator) })}:${low & 0xffff}`
  }
  // A small number in four octets would read like one in two.
  if (name !== undefined && type === extendedTypes.fourOctetAS && administrator > 65535) {
    return `${name}:${administrator}:${low & 0xffff}`
  }
  const bandwidth = high >>> 16 === linkBandwidthType && low < 0x80000000 ? singleValue(low) : NaN
  if (Number.isInteger(bandwidth)) return `lb:${high & 0xffff}:${bandwidth}`
  return `0x${[high, low].map((half) => half.toString(16).padStart(8, '0')).join('')}`
}
