import { addressToBytes, formatAddress, addressFromBytes, parseAddress, type Family } from '#inet/address.ts'

/**
 * SCTP by hand, for kernels without SCTP sockets: an INIT and its INIT ACK (RFC 9260 section 3.3.2 and 3.3.3) in
 * whole Ethernet frames, and what comes back instead. Nothing more of the protocol is needed to see where a first
 * packet goes and whether the answer finds back.
 */

export interface Chunk {
  readonly source: string
  readonly destination: string
  readonly sourcePort: number
  readonly destinationPort: number
  readonly kind: 'init' | 'init-ack'
  /** 0 in an INIT, the initiator's own tag in an INIT ACK */
  readonly verificationTag: number
  readonly initiateTag: number
}

/** What a frame was found to be; undefined when it is nothing of ours. */
export type Seen =
  | ({ readonly checksumRight: boolean } & Chunk)
  /** ICMP port unreachable, with the ports and addresses of the packet that it is about */
  | {
      readonly kind: 'unreachable'
      readonly source: string
      readonly destination: string
      readonly sourcePort: number
      readonly destinationPort: number
    }

const SCTP = 132
const ICMP = 1
const ICMPV6 = 58
const HEADER = { 4: 20, 6: 40 } as const
const ETHERNET = 14
const kinds = { init: 1, 'init-ack': 2 } as const
/** initiate tag, receiver window, two numbers of streams, initial TSN */
const CHUNK_LENGTH = 20

export const etherTypes = { 4: 0x0800, 6: 0x86dd } as const

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex')

/** An Ethernet frame with one INIT or INIT ACK. */
export function encodeFrame(from: string, to: string, chunk: Chunk): Buffer {
  const source = parseAddress(chunk.source)
  const { family } = source
  const payload = encodeChunk(chunk)
  const frame = Buffer.alloc(ETHERNET + HEADER[family])
  macBytes(to).copy(frame, 0)
  macBytes(from).copy(frame, 6)
  frame.writeUInt16BE(etherTypes[family], 12)
  const header = frame.subarray(ETHERNET)
  if (family === 4) {
    header[0] = 0x45
    header.writeUInt16BE(HEADER[4] + payload.length, 2)
    header[8] = 64
    header[9] = SCTP
    header.set(addressToBytes(source), 12)
    header.set(addressToBytes(parseAddress(chunk.destination)), 16)
    header.writeUInt16BE(internetChecksum(header), 10)
  } else {
    header[0] = 0x60
    header.writeUInt16BE(payload.length, 4)
    header[6] = SCTP
    header[7] = 64
    header.set(addressToBytes(source), 8)
    header.set(addressToBytes(parseAddress(chunk.destination)), 24)
  }
  return Buffer.concat([frame, payload])
}

function encodeChunk(chunk: Chunk): Buffer {
  const packet = Buffer.alloc(12 + CHUNK_LENGTH)
  packet.writeUInt16BE(chunk.sourcePort, 0)
  packet.writeUInt16BE(chunk.destinationPort, 2)
  packet.writeUInt32BE(chunk.verificationTag, 4)
  packet[12] = kinds[chunk.kind]
  packet.writeUInt16BE(CHUNK_LENGTH, 14)
  packet.writeUInt32BE(chunk.initiateTag, 16)
  packet.writeUInt32BE(65_536, 20)
  packet.writeUInt16BE(1, 24)
  packet.writeUInt16BE(1, 26)
  packet.writeUInt32BE(1, 28)
  packet.writeUInt32LE(crc32c(packet), 8)
  return packet
}

/** What a frame says about an association that is being set up. */
export function decodeFrame(frame: Buffer): Seen | undefined {
  const family = frame.readUInt16BE(12) === etherTypes[4] ? 4 : 6
  const packet = decodeInternet(frame.subarray(ETHERNET), family)
  if (packet === undefined) return undefined
  const { source, destination, protocol, payload } = packet
  if (protocol === SCTP) {
    const kind =
      payload[12] === kinds.init ? 'init' : payload[12] === kinds['init-ack'] ? 'init-ack' : undefined
    if (kind === undefined) return undefined
    return {
      kind,
      source,
      destination,
      sourcePort: payload.readUInt16BE(0),
      destinationPort: payload.readUInt16BE(2),
      verificationTag: payload.readUInt32BE(4),
      initiateTag: payload.readUInt32BE(16),
      checksumRight: checksumIsRight(payload),
    }
  }
  // RFC 792: type 3 code 3; RFC 4443: type 1 code 4.
  const unreachable =
    family === 4 ? payload[0] === 3 && payload[1] === 3 : payload[0] === 1 && payload[1] === 4
  if (protocol !== (family === 4 ? ICMP : ICMPV6) || !unreachable) return undefined
  const about = decodeInternet(payload.subarray(8), family)
  if (about?.protocol !== SCTP) return undefined
  return {
    kind: 'unreachable',
    source: about.source,
    destination: about.destination,
    sourcePort: about.payload.readUInt16BE(0),
    destinationPort: about.payload.readUInt16BE(2),
  }
}

interface InternetPacket {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  readonly payload: Buffer
}

function decodeInternet(header: Buffer, family: Family): InternetPacket | undefined {
  const length = family === 4 ? (header[0] & 15) * 4 : HEADER[6]
  if (header.length < length + 8) return undefined
  const text = (at: number, size: number) => formatAddress(addressFromBytes(header.subarray(at, at + size)))
  return family === 4
    ? { source: text(12, 4), destination: text(16, 4), protocol: header[9], payload: header.subarray(length) }
    : {
        source: text(8, 16),
        destination: text(24, 16),
        protocol: header[6],
        payload: header.subarray(length),
      }
}

function checksumIsRight(packet: Buffer): boolean {
  const copy = Buffer.from(packet)
  copy.writeUInt32LE(0, 8)
  return crc32c(copy) === packet.readUInt32LE(8)
}

function internetChecksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** The Castagnoli polynomial, reflected (RFC 9260 appendix A). */
const POLYNOMIAL = 0x82f63b78

/** As RFC 9260 asks for it; the result is written with its lowest octet first. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  }
  return ~crc >>> 0
}
