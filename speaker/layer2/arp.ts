import type { DropReason } from './errors.ts'
import {
  broadcastMac,
  ethernetMinimum,
  etherType,
  read16,
  read32,
  readHeader,
  readMac,
  write16,
  write32,
  writeMac,
} from './ethernet.ts'

/** An ARP packet for IPv4 over Ethernet (RFC 826) with its frame. Addresses are 32-bit, MACs 48-bit numbers. */
export interface ArpPacket {
  readonly destination: number
  readonly source: number
  readonly operation: number
  readonly senderMac: number
  readonly senderAddress: number
  readonly targetMac: number
  readonly targetAddress: number
}

export const arpOperation = { request: 1, reply: 2 } as const

/** Octets of an ARP packet for IPv4 over Ethernet, after the Ethernet header. */
const arpLength = 28

/** Reads a frame; what follows the packet (padding, trailers) is ignored. */
export function parseArp(frame: Uint8Array): ArpPacket | { readonly drop: DropReason } {
  const header = readHeader(frame)
  if (header === undefined) return { drop: 'truncated' }
  if (header.type !== etherType.arp) return { drop: 'notForUs' }
  // 802.1Q: id 0 is a priority tag, the frame is untagged otherwise.
  if (header.vlan !== 0) return { drop: 'vlan' }
  const at = header.payload
  if (frame.length < at + 8) return { drop: 'truncated' }
  if (read16(frame, at) !== 1) return { drop: 'hardwareType' }
  if (read16(frame, at + 2) !== etherType.ipv4) return { drop: 'protocolType' }
  if (frame[at + 4] !== 6 || frame[at + 5] !== 4) return { drop: 'addressLength' }
  if (frame.length < at + arpLength) return { drop: 'truncated' }
  return {
    destination: readMac(frame, 0),
    source: readMac(frame, 6),
    operation: read16(frame, at + 6),
    senderMac: readMac(frame, at + 8),
    senderAddress: read32(frame, at + 14),
    targetMac: readMac(frame, at + 18),
    targetAddress: read32(frame, at + 24),
  }
}

/** The frame of a packet, padded to the Ethernet minimum. */
export function buildArp(packet: ArpPacket): Uint8Array {
  const frame = new Uint8Array(ethernetMinimum)
  writeMac(frame, 0, packet.destination)
  writeMac(frame, 6, packet.source)
  write16(frame, 12, etherType.arp)
  write16(frame, 14, 1)
  write16(frame, 16, etherType.ipv4)
  frame[18] = 6
  frame[19] = 4
  write16(frame, 20, packet.operation)
  writeMac(frame, 22, packet.senderMac)
  write32(frame, 28, packet.senderAddress)
  writeMac(frame, 32, packet.targetMac)
  write32(frame, 38, packet.targetAddress)
  return frame
}

/**
 * The answer to a request: sent to whom the request names as its sender, also when that is a probe from 0.0.0.0
 * (RFC 826; RFC 5227 2.1.1 lets the holder defend its address so).
 */
export const buildReply = (request: ArpPacket, mac: number): Uint8Array =>
  buildArp({
    destination: request.senderMac,
    source: mac,
    operation: arpOperation.reply,
    senderMac: mac,
    senderAddress: request.targetAddress,
    targetMac: request.senderMac,
    targetAddress: request.senderAddress,
  })

/** The announcement of RFC 5227 2.3: a request with sender = target address and no target hardware address. */
export const buildGratuitousRequest = (address: number, mac: number): Uint8Array =>
  buildArp({
    destination: broadcastMac,
    source: mac,
    operation: arpOperation.request,
    senderMac: mac,
    senderAddress: address,
    targetMac: 0,
    targetAddress: address,
  })

/**
 * The announcement as a reply (RFC 5944 4.6). Linux takes a reply for gratuitous, and so lets it through its one
 * second of locktime, only when the target hardware address equals the sender's.
 */
export const buildGratuitousReply = (address: number, mac: number): Uint8Array =>
  buildArp({
    destination: broadcastMac,
    source: mac,
    operation: arpOperation.reply,
    senderMac: mac,
    senderAddress: address,
    targetMac: mac,
    targetAddress: address,
  })

/** The probe of RFC 5227 2.1.1: asks who has the address without claiming any. */
export const buildProbe = (address: number, mac: number): Uint8Array =>
  question(address, mac, broadcastMac, 0)

/** The same to one station only. */
export const buildUnicastProbe = (address: number, mac: number, to: number): Uint8Array =>
  question(address, mac, to, 0)

/**
 * A probe to one station by which a node of the cluster tells another that the address is for that one. It names the
 * other's hardware address as the one that belongs to the address, where a question has none.
 */
export const buildNudge = (address: number, mac: number, to: number): Uint8Array =>
  question(address, mac, to, to)

/**
 * A probe by which a node of the cluster lets others hear that it is there, for an address that it holds itself: so
 * it names its own hardware address as the one that belongs to the address.
 */
export const buildBeacon = (address: number, mac: number): Uint8Array =>
  question(address, mac, broadcastMac, mac)

/** An ordinary request to one station, from an address of this node (RFC 1122 2.3.2.1). */
export const buildRequest = (
  address: number,
  from: { readonly address: number; readonly mac: number },
  to: number,
): Uint8Array =>
  buildArp({
    destination: to,
    source: from.mac,
    operation: arpOperation.request,
    senderMac: from.mac,
    senderAddress: from.address,
    targetMac: 0,
    targetAddress: address,
  })

const question = (address: number, mac: number, to: number, targetMac: number): Uint8Array =>
  buildArp({
    destination: to,
    source: mac,
    operation: arpOperation.request,
    senderMac: mac,
    senderAddress: 0,
    targetMac,
    targetAddress: address,
  })
