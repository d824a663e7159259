import { addressFromBytes, addressToBytes, formatAddress, parseAddress } from '#inet/address.ts'
import { ethernetHeader, etherType, macNumber, read16, write16, writeMac } from '../layer2/ethernet.ts'
import { allNodes, checksum, groupMac } from '../layer2/ndp.ts'

/** A frame of router discovery (RFC 4861 4.1, 4.2) that passed the checks of 6.1. */
export interface RouterMessage {
  readonly kind: 'solicitation' | 'advertisement'
  /** IPv6 address as text; `::` for a solicitation of a host without one */
  readonly source: string
}

/** Our end of a link. */
export interface LinkEnd {
  readonly mac: string
  /** of the interface, as text */
  readonly linkLocal: string
}

const icmpv6 = 58
const types = { solicitation: 133, advertisement: 134 } as const
/** Octets without options. */
const lengths = { solicitation: 8, advertisement: 16 } as const
const ipv6Header = 40
const sourceLinkLayerOption = 1
const maximumHops = 255
const unspecified = '::'
/** ff02::2 */
const allRouters = addressToBytes(parseAddress('ff02::2'))

/** undefined for everything that RFC 4861 6.1.1 and 6.1.2 do not let pass. */
export function parseRouterMessage(frame: Uint8Array): RouterMessage | undefined {
  const ip = ethernetHeader
  const icmp = ip + ipv6Header
  if (frame.length < icmp + lengths.solicitation || read16(frame, 12) !== etherType.ipv6) return undefined
  if (frame[ip] >>> 4 !== 6 || frame[ip + 6] !== icmpv6 || frame[ip + 7] !== maximumHops) return undefined
  const kind = frame[icmp] === types.advertisement ? 'advertisement' : 'solicitation'
  const length = read16(frame, ip + 4)
  if (frame[icmp] !== types[kind] || frame[icmp + 1] !== 0) return undefined
  if (length < lengths[kind] || frame.length < icmp + length) return undefined
  if (checksum(frame, ip, length) !== 0) return undefined
  const options = optionTypes(frame, icmp + lengths[kind], icmp + length)
  if (options === undefined) return undefined
  const source = formatAddress(addressFromBytes(frame.subarray(ip + 8, ip + 24)))
  if (kind === 'advertisement' && !isLinkLocal(frame, ip + 8)) return undefined
  if (source === unspecified && options.has(sourceLinkLayerOption)) return undefined
  return { kind, source }
}

/** fe80::/10 */
const isLinkLocal = (frame: Uint8Array, at: number): boolean =>
  frame[at] === 0xfe && frame[at + 1] >>> 6 === 2

/** undefined when an option has no length or runs past the end. */
function optionTypes(frame: Uint8Array, from: number, end: number): Set<number> | undefined {
  const found = new Set<number>()
  for (let at = from; at < end;) {
    const length = frame[at + 1] * 8
    // NaN, where the length octet itself is missing, fails too.
    if (!(length > 0 && at + length <= end)) return undefined
    found.add(frame[at])
    at += length
  }
  return found
}

/**
 * A Router Advertisement to all nodes that says only that we are here: router lifetime 0, so that nobody takes us for
 * a default router, no prefix, nothing specified (RFC 4861 4.2).
 */
export const buildRouterAdvertisement = (end: LinkEnd): Uint8Array => build('advertisement', allNodes, end)

/** Asks the routers on the link for their advertisement (RFC 4861 4.1). */
export const buildRouterSolicitation = (end: LinkEnd): Uint8Array => build('solicitation', allRouters, end)

/** All fields of either message but its type are zero; the source link-layer address option follows. */
function build(
  kind: RouterMessage['kind'],
  destination: Uint8Array,
  { mac, linkLocal }: LinkEnd,
): Uint8Array {
  const length = lengths[kind] + 8
  const ip = ethernetHeader
  const icmp = ip + ipv6Header
  const frame = new Uint8Array(icmp + length)
  writeMac(frame, 0, groupMac(destination))
  writeMac(frame, 6, macNumber(mac))
  write16(frame, 12, etherType.ipv6)
  frame[ip] = 0x60
  write16(frame, ip + 4, length)
  frame[ip + 6] = icmpv6
  frame[ip + 7] = maximumHops
  frame.set(addressToBytes(parseAddress(linkLocal)), ip + 8)
  frame.set(destination, ip + 24)
  frame[icmp] = types[kind]
  const option = icmp + lengths[kind]
  frame[option] = sourceLinkLayerOption
  frame[option + 1] = 1
  writeMac(frame, option + 2, macNumber(mac))
  write16(frame, icmp + 2, checksum(frame, ip, length))
  return frame
}
