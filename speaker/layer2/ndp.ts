import type { DropReason } from './errors.ts'
import { ethernetHeader, etherType, read16, readHeader, readMac, write16, writeMac } from './ethernet.ts'

/** A valid Neighbor Solicitation with its frame; the 16-octet addresses are views of the frame. */
export interface NeighborSolicitation {
  readonly destinationMac: number
  readonly sourceMac: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
  /** sent from ::, as Duplicate Address Detection does */
  readonly duplicateCheck: boolean
  /** the source link-layer address option */
  readonly sourceLinkLayer?: number
}

const icmpv6 = 58
const ndpType = { solicitation: 135, advertisement: 136 } as const
const option = { sourceLinkLayer: 1, targetLinkLayer: 2 } as const
const ipv6Header = 40
const solicitationLength = 24
const maximumHops = 255

/** ff02::1 */
export const allNodes = Uint8Array.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])

/** RFC 2464 7: the Ethernet address of an IPv6 group. */
export const groupMac = (group: Uint8Array): number =>
  0x333300000000 + read16(group, 12) * 0x10000 + read16(group, 14)

/** RFC 4291 2.7.1: ff02::1:ffXX:XXXX of an address. */
export function solicitedNode(address: Uint8Array): Uint8Array {
  const group = Uint8Array.from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0])
  group.set(address.subarray(13, 16), 13)
  return group
}

/** Reads a frame and checks what RFC 4861 7.1.1 demands of a solicitation. */
export function parseSolicitation(frame: Uint8Array): NeighborSolicitation | { readonly drop: DropReason } {
  const header = readHeader(frame)
  if (header === undefined) return { drop: 'truncated' }
  if (header.type !== etherType.ipv6) return { drop: 'notForUs' }
  if (header.vlan !== 0) return { drop: 'vlan' }
  const ip = header.payload
  const icmp = ip + ipv6Header
  if (frame.length < icmp + 4) return { drop: 'truncated' }
  const length = read16(frame, ip + 4)
  if (frame[ip] >>> 4 !== 6 || frame[ip + 6] !== icmpv6) return { drop: 'notSolicitation' }
  if (frame[icmp] !== ndpType.solicitation) return { drop: 'notSolicitation' }
  if (frame[ip + 7] !== maximumHops) return { drop: 'hopLimit' }
  if (length < solicitationLength || frame.length < icmp + length) return { drop: 'truncated' }
  if (checksum(frame, ip, length) !== 0) return { drop: 'checksum' }
  if (frame[icmp + 1] !== 0) return { drop: 'icmpCode' }
  const target = frame.subarray(icmp + 8, icmp + 24)
  if (target[0] === 0xff) return { drop: 'targetMulticast' }
  const options = parseOptions(frame, icmp + solicitationLength, icmp + length)
  if (options === undefined) return { drop: 'optionLength' }

  const source = frame.subarray(ip + 8, ip + 24)
  const destination = frame.subarray(ip + 24, ip + 40)
  const duplicateCheck = source.every((octet) => octet === 0)
  if (duplicateCheck && (!isSolicitedNode(destination) || options.sourceLinkLayer !== undefined)) {
    return { drop: 'unspecifiedSource' }
  }
  return {
    destinationMac: readMac(frame, 0),
    sourceMac: readMac(frame, 6),
    source,
    destination,
    target,
    duplicateCheck,
    ...options,
  }
}

/** Options that this node does not know, such as a nonce, are passed over; undefined when a length is wrong. */
function parseOptions(
  frame: Uint8Array,
  from: number,
  end: number,
): { sourceLinkLayer?: number } | undefined {
  let sourceLinkLayer: number | undefined
  for (let at = from; at < end;) {
    const length = frame[at + 1] * 8
    // NaN, where the length octet itself is missing, fails too.
    if (!(length > 0 && at + length <= end)) return undefined
    if (frame[at] === option.sourceLinkLayer) sourceLinkLayer ??= readMac(frame, at + 2)
    at += length
  }
  return sourceLinkLayer === undefined ? {} : { sourceLinkLayer }
}

const isSolicitedNode = (address: Uint8Array): boolean =>
  solicitedNode(address).every((octet, index) => octet === address[index])

interface Advertisement {
  readonly destinationMac: number
  readonly mac: number
  /** 16 octets each; the source is a link-local address of the interface */
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
  readonly solicited: boolean
}

/**
 * The frame of a Neighbor Advertisement: R = 0 (a host address), O = 1 (one holder, so a neighbour that remembers
 * the previous one must follow, RFC 4861 7.2.5), always with the target link-layer address option.
 */
function buildAdvertisement(advertisement: Advertisement): Uint8Array {
  const length = 32
  const ip = ethernetHeader
  const icmp = ip + ipv6Header
  const frame = new Uint8Array(icmp + length)
  writeMac(frame, 0, advertisement.destinationMac)
  writeMac(frame, 6, advertisement.mac)
  write16(frame, 12, etherType.ipv6)
  frame[ip] = 0x60
  write16(frame, ip + 4, length)
  frame[ip + 6] = icmpv6
  frame[ip + 7] = maximumHops
  frame.set(advertisement.source, ip + 8)
  frame.set(advertisement.destination, ip + 24)
  frame[icmp] = ndpType.advertisement
  frame[icmp + 4] = (advertisement.solicited ? 0x40 : 0) | 0x20
  frame.set(advertisement.target, icmp + 8)
  frame[icmp + 24] = option.targetLinkLayer
  frame[icmp + 25] = 1
  writeMac(frame, icmp + 26, advertisement.mac)
  write16(frame, icmp + 2, checksum(frame, ip, length))
  return frame
}

/** RFC 4861 7.2.4: to the asker, or for Duplicate Address Detection unsolicited to all nodes. */
export const buildAnswer = (
  solicitation: NeighborSolicitation,
  mac: number,
  linkLocal: Uint8Array,
): Uint8Array =>
  solicitation.duplicateCheck
    ? buildUnsolicited(solicitation.target, mac, linkLocal)
    : buildAdvertisement({
        destinationMac: solicitation.sourceLinkLayer ?? solicitation.sourceMac,
        mac,
        source: linkLocal,
        destination: solicitation.source,
        target: solicitation.target,
        solicited: true,
      })

/** RFC 4861 7.2.6: tells all nodes that the address is here now. */
export const buildUnsolicited = (target: Uint8Array, mac: number, linkLocal: Uint8Array): Uint8Array =>
  buildAdvertisement({
    destinationMac: groupMac(allNodes),
    mac,
    source: linkLocal,
    destination: allNodes,
    target,
    solicited: false,
  })

/**
 * The ICMPv6 checksum (RFC 4443 2.3) over pseudo-header and message. Over a message that carries a right checksum
 * it is 0; over one whose checksum field is 0 it is what belongs there.
 * @param ip where the IPv6 header starts
 * @param length octets of the ICMPv6 message
 */
export function checksum(frame: Uint8Array, ip: number, length: number): number {
  let sum = length + icmpv6
  for (let at = ip + 8; at < ip + ipv6Header; at += 2) sum += read16(frame, at)
  const end = ip + ipv6Header + length
  for (let at = ip + ipv6Header; at + 1 < end; at += 2) sum += read16(frame, at)
  if (length % 2 === 1) sum += frame[end - 1] * 0x100
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}
