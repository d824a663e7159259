import type { DropReason } from './errors.ts'

/** The states of RFC 5880 4.1, by their number on the wire. */
export const bfdStates = ['AdminDown', 'Down', 'Init', 'Up'] as const
export type BfdState = (typeof bfdStates)[number]

/** A control packet (RFC 5880 4.1) without authentication. Intervals in microseconds, 0 to 2^32-1. */
export interface ControlPacket {
  /** 0 to 31, see `diagnosticWords` */
  readonly diagnostic: number
  readonly state: BfdState
  readonly poll: boolean
  readonly final: boolean
  /** BFD of the sender survives a restart of its control plane */
  readonly independent: boolean
  readonly demand: boolean
  /** 1 to 255 */
  readonly multiplier: number
  /** not 0 */
  readonly myDiscriminator: number
  /** 0 when the sender has not heard us */
  readonly yourDiscriminator: number
  readonly desiredMinTx: number
  readonly requiredMinRx: number
  /** 0: the sender takes no echo packets */
  readonly requiredMinEchoRx: number
}

export type Decoded =
  { readonly packet: ControlPacket; readonly authenticated: boolean } | { readonly drop: DropReason }

export const controlPacketLength = 24
const authenticatedLength = 26
const version = 1
const flags = {
  poll: 0x20,
  final: 0x10,
  independent: 0x08,
  authentication: 0x04,
  demand: 0x02,
  multipoint: 0x01,
} as const

/** The 24 octets of a packet. */
export function encodeControl(packet: ControlPacket): Buffer {
  const octets = Buffer.alloc(controlPacketLength)
  octets[0] = (version << 5) | packet.diagnostic
  octets[1] =
    (bfdStates.indexOf(packet.state) << 6) |
    (packet.poll ? flags.poll : 0) |
    (packet.final ? flags.final : 0) |
    (packet.independent ? flags.independent : 0) |
    (packet.demand ? flags.demand : 0)
  octets[2] = packet.multiplier
  octets[3] = controlPacketLength
  octets.writeUInt32BE(packet.myDiscriminator, 4)
  octets.writeUInt32BE(packet.yourDiscriminator, 8)
  octets.writeUInt32BE(packet.desiredMinTx, 12)
  octets.writeUInt32BE(packet.requiredMinRx, 16)
  octets.writeUInt32BE(packet.requiredMinEchoRx, 20)
  return octets
}

/**
 * A packet from the payload of a datagram, or why it must be dropped: the checks of RFC 5880 6.8.6 that need no
 * session, in its order. What comes after the packet in the payload is passed over.
 */
export function decodeControl(payload: Uint8Array): Decoded {
  if (payload.length < controlPacketLength) return { drop: 'truncated' }
  const octets = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const bits = octets[1]
  const has = (flag: number): boolean => (bits & flag) !== 0
  const authenticated = has(flags.authentication)
  const length = octets[3]
  if (octets[0] >> 5 !== version) return { drop: 'version' }
  if (length < (authenticated ? authenticatedLength : controlPacketLength)) return { drop: 'length' }
  if (length > octets.length) return { drop: 'length' }
  if (octets[2] === 0) return { drop: 'multiplier' }
  if (has(flags.multipoint)) return { drop: 'multipoint' }
  const myDiscriminator = octets.readUInt32BE(4)
  if (myDiscriminator === 0) return { drop: 'myDiscriminator' }
  if (has(flags.poll) && has(flags.final)) return { drop: 'pollAndFinal' }
  const packet: ControlPacket = {
    diagnostic: octets[0] & 0x1f,
    state: bfdStates[bits >> 6],
    poll: has(flags.poll),
    final: has(flags.final),
    independent: has(flags.independent),
    demand: has(flags.demand),
    multiplier: octets[2],
    myDiscriminator,
    yourDiscriminator: octets.readUInt32BE(8),
    desiredMinTx: octets.readUInt32BE(12),
    requiredMinRx: octets.readUInt32BE(16),
    requiredMinEchoRx: octets.readUInt32BE(20),
  }
  return { packet, authenticated }
}
