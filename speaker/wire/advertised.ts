import { addressFromBytes, formatAddress } from '#inet/address.ts'
import { etherType, readHeader } from '../layer2/ethernet.ts'

/** Of an Ethernet frame with an IPv6 header and a Neighbor Advertisement (RFC 4861 4.4). */
const TYPE_AT = 14 + 40
const TARGET_AT = TYPE_AT + 8
const TARGET_END = TARGET_AT + 16
const ADVERTISEMENT = 136

/** The address that a frame of ours advertises, as text; undefined when it is no Neighbor Advertisement. */
export function advertisedAddress(frame: Uint8Array): string | undefined {
  if (frame.length < TARGET_END || frame[TYPE_AT] !== ADVERTISEMENT) return undefined
  if (readHeader(frame)?.type !== etherType.ipv6) return undefined
  return formatAddress(addressFromBytes(frame.subarray(TARGET_AT, TARGET_END)))
}
