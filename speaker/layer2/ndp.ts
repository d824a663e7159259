import type { DropReason } from './errors.ts'
import { ethernetHeader, etherType, read16, readHeader, readMac, write16, writeMac } from './ethernet.ts'

/** A valid Neighbor Solicitation with its frame; the 16-octet addresses are views of the frame. */
export interface NeighborSolicitation {
  readonly kind: 'solicitation'
  readonly destinationMac: number
  readonly sourceMac: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
  /** sent from ::, as Duplicate Address Detection does */
  readonly duplicateCheck: boolean
  /** the nonce (RFC 3971 5.3.2), which the probes of this project have and no kernel's resolution has */
  readonly nonce?: number
  /** the source link-layer address option */
  readonly sourceLinkLayer?: number
}

/** A valid Neighbor Advertisement with its frame. */
export interface NeighborAdvertisement {
  readonly kind: 'advertisement'
  readonly destinationMac: number
  readonly sourceMac: number
  readonly target: Uint8Array
  /** the target link-layer address option */
  readonly targetLinkLayer?: number
}

const icmpv6 = 58
const ndpType = { solicitation: 135, advertisement: 136 } as const
const option = { sourceLinkLayer: 1, targetLinkLayer: 2, nonce: 14 } as const
const ipv6Header = 40
/** Octets of a solicitation or advertisement without options. */
const messageLength = 24
/** Of the octets before the target: the flag that a solicitation has asked for the advertisement. */
const solicitedFlag = 0x40
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

type Message = NeighborSolicitation | NeighborAdvertisement

/** Reads a frame and checks what RFC 4861 7.1.1 and 7.1.2 demand of solicitations and advertisements. */
export function parseNeighborDiscovery(frame: Uint8Array): Message | { readonly drop: DropReason } {
  const header = readHeader(frame)
  if (header === undefined) return { drop: 'truncated' }
  if (header.type !== etherType.ipv6) return { drop: 'notForUs' }
  if (header.vlan !== 0) return { drop: 'vlan' }
  const ip = header.payload
  const icmp = ip + ipv6Header
  if (frame.length < icmp + 4) return { drop: 'truncated' }
  const length = read16(frame, ip + 4)
  if (frame[ip] >>> 4 !== 6 || frame[ip + 6] !== icmpv6) return { drop: 'notNeighborDiscovery' }
  const type = frame[icmp]
  if (type !== ndpType.solicitation && type !== ndpType.advertisement) return { drop: 'notNeighborDiscovery' }
  if (frame[ip + 7] !== maximumHops) return { drop: 'hopLimit' }
  if (length < messageLength || frame.length < icmp + length) return { drop: 'truncated' }
  if (checksum(frame, ip, length) !== 0) return { drop: 'checksum' }
  if (frame[icmp + 1] !== 0) return { drop: 'icmpCode' }
  const target = frame.subarray(icmp + 8, icmp + 24)
  if (target[0] === 0xff) return { drop: 'targetMulticast' }
  const options = parseOptions(frame, icmp + messageLength, icmp + length)
  if (options === undefined) return { drop: 'optionLength' }
  const common = { destinationMac: readMac(frame, 0), sourceMac: readMac(frame, 6), target }
  const destination = frame.subarray(ip + 24, ip + 40)

  if (type === ndpType.advertisement) {
    if (destination[0] === 0xff && (frame[icmp + 4] & solicitedFlag) !== 0)
      return { drop: 'solicitedToGroup' }
    const { targetLinkLayer } = options
    return { kind: 'advertisement', ...common, ...(targetLinkLayer === undefined ? {} : { targetLinkLayer }) }
  }
  const source = frame.subarray(ip + 8, ip + 24)
  const duplicateCheck = source.every((octet) => octet === 0)
  const { sourceLinkLayer, nonce } = options
  if (duplicateCheck && (!isSolicitedNode(destination) || sourceLinkLayer !== undefined)) {
    return { drop: 'unspecifiedSource' }
  }
  return {
    kind: 'solicitation',
    ...common,
    source,
    destination,
    duplicateCheck,
    ...(nonce !== undefined && { nonce }),
    ...(sourceLinkLayer !== undefined && { sourceLinkLayer }),
  }
}

interface Options {
  sourceLinkLayer: number | undefined
  targetLinkLayer: number | undefined
  nonce: number | undefined
}

/** Options that this node does not know are passed over; undefined when a length is wrong. */
function parseOptions(frame: Uint8Array, from: number, end: number): Options | undefined {
  const options: Options = { sourceLinkLayer: undefined, targetLinkLayer: undefined, nonce: undefined }
  for (let at = from; at < end;) {
    const length = frame[at + 1] * 8
    // NaN, where the length octet itself is missing, fails too.
    if (!(length > 0 && at + length <= end)) return undefined
    if (frame[at] === option.sourceLinkLayer) options.sourceLinkLayer ??= readMac(frame, at + 2)
    else if (frame[at] === option.targetLinkLayer) options.targetLinkLayer ??= readMac(frame, at + 2)
    else if (frame[at] === option.nonce) options.nonce ??= readMac(frame, at + 2)
    at += length
  }
  return options
}

const isSolicitedNode = (address: Uint8Array): boolean =>
  solicitedNode(address).every((octet, index) => octet === address[index])

interface Envelope {
  readonly destinationMac: number
  readonly mac: number
  /** 16 octets each; the source is a link-local address of the interface */
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly target: Uint8Array
}

/**
 * The frame of a Neighbor Advertisement: R = 0 (a host address), O = 1 (one holder, so a neighbour that remembers
 * the previous one must follow, RFC 4861 7.2.5), always with the target link-layer address option.
 */
function buildAdvertisement(envelope: Envelope, solicited: boolean): Uint8Array {
  return buildMessage(envelope, ndpType.advertisement, 8, (frame, icmp) => {
    frame[icmp + 4] = (solicited ? solicitedFlag : 0) | 0x20
    writeOption(frame, icmp + messageLength, option.targetLinkLayer, envelope.mac)
  })
}

/** A message with its target and room for options, which `fill` writes. */
function buildMessage(
  envelope: Envelope,
  type: number,
  optionOctets: number,
  fill: (frame: Uint8Array, icmp: number) => void,
): Uint8Array {
  const length = messageLength + optionOctets
  const ip = ethernetHeader
  const icmp = ip + ipv6Header
  const frame = new Uint8Array(icmp + length)
  writeMac(frame, 0, envelope.destinationMac)
  writeMac(frame, 6, envelope.mac)
  write16(frame, 12, etherType.ipv6)
  frame[ip] = 0x60
  write16(frame, ip + 4, length)
  frame[ip + 6] = icmpv6
  frame[ip + 7] = maximumHops
  frame.set(envelope.source, ip + 8)
  frame.set(envelope.destination, ip + 24)
  frame[icmp] = type
  frame.set(envelope.target, icmp + 8)
  fill(frame, icmp)
  write16(frame, icmp + 2, checksum(frame, ip, length))
  return frame
}

/** An option of six octets. */
function writeOption(frame: Uint8Array, at: number, kind: number, value: number): void {
  frame[at] = kind
  frame[at + 1] = 1
  writeMac(frame, at + 2, value)
}

/** RFC 4861 7.2.4: to the asker, or for Duplicate Address Detection unsolicited to all nodes. */
export const buildAnswer = (
  solicitation: NeighborSolicitation,
  mac: number,
  linkLocal: Uint8Array,
): Uint8Array =>
  solicitation.duplicateCheck
    ? buildUnsolicited(solicitation.target, mac, linkLocal)
    : buildAdvertisement(
        {
          destinationMac: solicitation.sourceLinkLayer ?? solicitation.sourceMac,
          mac,
          source: linkLocal,
          destination: solicitation.source,
          target: solicitation.target,
        },
        true,
      )

/** RFC 4861 7.2.6: tells all nodes that the address is here now. */
export const buildUnsolicited = (target: Uint8Array, mac: number, linkLocal: Uint8Array): Uint8Array =>
  buildAdvertisement(
    { destinationMac: groupMac(allNodes), mac, source: linkLocal, destination: allNodes, target },
    false,
  )

/**
 * By their nonce other nodes of the cluster tell these solicitations from the resolution of a kernel. Nobody compares
 * it, so it can say what the solicitation means: a question; that the address is for the one that it is sent to; that
 * its sender is there and holds the address itself.
 */
export const nonces = { probe: 0x464c70726f62, nudge: 0x464c6e756467, beacon: 0x464c62656163 } as const

/** A solicitation of RFC 4861 7.2.2 from the link-local address, so that the answer comes to this node alone. */
function buildSolicitation(
  target: Uint8Array,
  mac: number,
  linkLocal: Uint8Array,
  to: { readonly mac: number; readonly address: Uint8Array },
  nonce?: number,
): Uint8Array {
  const envelope = { destinationMac: to.mac, mac, source: linkLocal, destination: to.address, target }
  return buildMessage(envelope, ndpType.solicitation, nonce === undefined ? 8 : 16, (frame, icmp) => {
    const at = icmp + messageLength
    writeOption(frame, at, option.sourceLinkLayer, mac)
    if (nonce !== undefined) writeOption(frame, at + 8, option.nonce, nonce)
  })
}

/** A probe of all who listen to the solicited-node group. */
export function buildProbe(target: Uint8Array, mac: number, linkLocal: Uint8Array): Uint8Array {
  const address = solicitedNode(target)
  return buildSolicitation(target, mac, linkLocal, { mac: groupMac(address), address }, nonces.probe)
}

/** A probe of one station. */
export const buildUnicastProbe = (
  target: Uint8Array,
  mac: number,
  linkLocal: Uint8Array,
  to: number,
): Uint8Array => buildSolicitation(target, mac, linkLocal, { mac: to, address: target }, nonces.probe)

/** A probe by which others hear of a node that it is there: to all nodes, as only holders listen to the group. */
export const buildBeacon = (target: Uint8Array, mac: number, linkLocal: Uint8Array): Uint8Array => {
  const to = { mac: groupMac(allNodes), address: allNodes }
  return buildSolicitation(target, mac, linkLocal, to, nonces.beacon)
}

/** As a kernel checks a neighbour (RFC 4861 7.3): asks for an address that the station has itself. */
export const buildHostQuestion = (
  target: Uint8Array,
  mac: number,
  linkLocal: Uint8Array,
  to: number,
): Uint8Array => buildSolicitation(target, mac, linkLocal, { mac: to, address: target })

/** Tells one node of the cluster that the address is for it. */
export const buildNudge = (target: Uint8Array, mac: number, linkLocal: Uint8Array, to: number): Uint8Array =>
  buildSolicitation(target, mac, linkLocal, { mac: to, address: target }, nonces.nudge)

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
