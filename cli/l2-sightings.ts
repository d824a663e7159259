import { addressFromBytes, formatAddress } from '#inet/address.ts'
import { arpOperation, parseArp } from '#speaker/layer2/arp.ts'
import { broadcastMac, etherType, macText, readHeader, readMac } from '#speaker/layer2/ethernet.ts'
import type { CapturedFrame } from './pcap.ts'

/** One ARP packet or one neighbour discovery message, as whoever captured it saw it. */
export interface Sighting {
  /** epoch milliseconds, with a fraction */
  readonly at: number
  /** request: somebody asks for the address; announcement: an answer that nobody asked for */
  readonly what: 'request' | 'answer' | 'announcement'
  readonly address: string
  /** of whoever asks, or of whoever has the address as the frame says */
  readonly mac: string
}

type Seen = Omit<Sighting, 'at'>

/** What a capture shows of ARP and neighbour discovery; everything else in it is passed over. */
export function sightingsOf(frames: readonly CapturedFrame[]): Sighting[] {
  return frames.flatMap(({ at, frame }) => {
    const seen = readHeader(frame)?.type === etherType.ipv6 ? seenIn6(frame) : seenIn4(frame)
    return seen === undefined ? [] : [{ at, ...seen }]
  })
}

/** RFC 5227: an announcement names the same address as sender and target. */
function seenIn4(frame: Uint8Array): Seen | undefined {
  const packet = parseArp(frame)
  if ('drop' in packet) return undefined
  const { operation, senderAddress, targetAddress, senderMac, destination } = packet
  const mac = macText(senderMac)
  if (senderAddress === targetAddress) return { what: 'announcement', address: ipv4(senderAddress), mac }
  if (operation === arpOperation.request) return { what: 'request', address: ipv4(targetAddress), mac }
  const what = destination === broadcastMac ? 'announcement' : 'answer'
  return { what, address: ipv4(senderAddress), mac }
}

const ipv4 = (value: number): string => formatAddress({ family: 4, value: BigInt(value) })

const ICMPV6 = 58
const SOLICITATION = 135
const ADVERTISEMENT = 136
const SOLICITED = 0x40
const TARGET_LINK_LAYER = 2

/** RFC 4861 4.3, 4.4, without an extension header. The target link-layer address is the first option, if there is one. */
function seenIn6(frame: Uint8Array): Seen | undefined {
  const ip = readHeader(frame)?.payload ?? frame.length
  const icmp = ip + 40
  if (frame.length < icmp + 24 || frame[ip + 6] !== ICMPV6) return undefined
  const type = frame[icmp]
  if (type !== SOLICITATION && type !== ADVERTISEMENT) return undefined
  const address = formatAddress(addressFromBytes(frame.subarray(icmp + 8, icmp + 24)))
  const source = readMac(frame, 6)
  if (type === SOLICITATION) return { what: 'request', address, mac: macText(source) }
  const named = frame.length >= icmp + 32 && frame[icmp + 24] === TARGET_LINK_LAYER
  const mac = macText(named ? readMac(frame, icmp + 26) : source)
  return { what: (frame[icmp + 4] & SOLICITED) === 0 ? 'announcement' : 'answer', address, mac }
}
