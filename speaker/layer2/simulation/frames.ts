import { addressFromBytes, addressToBytes, formatAddress, parseAddress } from '#inet/address.ts'
import { arpOperation, buildArp, parseArp } from '../arp.ts'
import { broadcastMac, ethernetHeader, etherType, read16, readMac, write16, writeMac } from '../ethernet.ts'
import { checksum, groupMac, solicitedNode } from '../ndp.ts'

/**
 * What a frame says, for the one who watches the wire. A `question` claims nothing (probe, solicitation from an
 * own address); a `claim` says unasked who has the address; an `answer` says it to one who asked.
 */
export interface Said {
  readonly kind: 'question' | 'claim' | 'answer'
  readonly address: string
  /** hardware address of the sender */
  readonly mac: number
}

const icmp = ethernetHeader + 40
const ndpType = { solicitation: 135, advertisement: 136 } as const
const solicitedFlag = 0x40

/** A host that asks: the addresses that it asks from. */
export interface Asker {
  readonly mac: number
  readonly address4: string
  readonly address6: string
}

/** Reads what the encoders of this room write, and nothing else: undefined for everything that is not ARP or NDP. */
export function whatSaid(frame: Uint8Array): Said | undefined {
  const mac = readMac(frame, 6)
  if (read16(frame, 12) === etherType.arp) {
    const packet = parseArp(frame)
    if ('drop' in packet) return undefined
    const { operation, senderAddress, targetAddress } = packet
    if (senderAddress === targetAddress) return { kind: 'claim', address: text4(targetAddress), mac }
    return operation === arpOperation.request
      ? { kind: 'question', address: text4(targetAddress), mac }
      : { kind: 'answer', address: text4(senderAddress), mac }
  }
  if (read16(frame, 12) !== etherType.ipv6) return undefined
  const address = text6(frame, icmp + 8)
  if (frame[icmp] === ndpType.solicitation) return { kind: 'question', address, mac }
  if (frame[icmp] !== ndpType.advertisement) return undefined
  return { kind: (frame[icmp + 4] & solicitedFlag) > 0 ? 'answer' : 'claim', address, mac }
}

/** An ARP request, or a Neighbor Solicitation to the solicited-node group. */
export function question(address: string, from: Asker): Uint8Array {
  const { family, value } = parseAddress(address)
  if (family === 6) return solicitation(addressToBytes({ family, value }), from)
  return buildArp({
    destination: broadcastMac,
    source: from.mac,
    operation: arpOperation.request,
    senderMac: from.mac,
    senderAddress: Number(parseAddress(from.address4).value),
    targetMac: 0,
    targetAddress: Number(value),
  })
}

/** What a host that has the address itself says when it starts: both families' announcement. */
export function foreignClaim(address: string, from: Asker): Uint8Array {
  const { family, value } = parseAddress(address)
  if (family === 6) return advertisement(addressToBytes({ family, value }), from, undefined)
  return buildArp({
    destination: broadcastMac,
    source: from.mac,
    operation: arpOperation.request,
    senderMac: from.mac,
    senderAddress: Number(value),
    targetMac: 0,
    targetAddress: Number(value),
  })
}

/** The same host's answer to a question; undefined when the frame asks for another address. */
export function foreignAnswer(frame: Uint8Array, address: string, from: Asker): Uint8Array | undefined {
  const said = whatSaid(frame)
  if (said?.kind !== 'question' || said.address !== address) return undefined
  const { family, value } = parseAddress(address)
  if (family === 6) {
    const asker = frame.subarray(ethernetHeader + 8, ethernetHeader + 24)
    return advertisement(addressToBytes({ family, value }), from, { mac: said.mac, address: asker })
  }
  const request = parseArp(frame)
  if ('drop' in request) return undefined
  return buildArp({
    destination: request.senderMac,
    source: from.mac,
    operation: arpOperation.reply,
    senderMac: from.mac,
    senderAddress: Number(value),
    targetMac: request.senderMac,
    targetAddress: request.senderAddress,
  })
}

function solicitation(target: Uint8Array, from: Asker): Uint8Array {
  const group = solicitedNode(target)
  const frame = ndpFrame(from, groupMac(group), group, 32)
  frame[icmp] = ndpType.solicitation
  frame.set(target, icmp + 8)
  return finished(frame, 1, from.mac)
}

function advertisement(
  target: Uint8Array,
  from: Asker,
  asker: { readonly mac: number; readonly address: Uint8Array } | undefined,
): Uint8Array {
  const allNodes = addressToBytes(parseAddress('ff02::1'))
  const to = asker ?? { mac: groupMac(allNodes), address: allNodes }
  const frame = ndpFrame(from, to.mac, to.address, 32)
  frame[icmp] = ndpType.advertisement
  frame[icmp + 4] = (asker === undefined ? 0 : solicitedFlag) | 0x20
  frame.set(target, icmp + 8)
  return finished(frame, 2, from.mac)
}

function ndpFrame(from: Asker, mac: number, destination: Uint8Array, length: number): Uint8Array {
  const frame = new Uint8Array(icmp + length)
  writeMac(frame, 0, mac)
  writeMac(frame, 6, from.mac)
  write16(frame, 12, etherType.ipv6)
  frame[ethernetHeader] = 0x60
  write16(frame, ethernetHeader + 4, length)
  frame[ethernetHeader + 6] = 58
  frame[ethernetHeader + 7] = 255
  frame.set(addressToBytes(parseAddress(from.address6)), ethernetHeader + 8)
  frame.set(destination, ethernetHeader + 24)
  return frame
}

/** Adds the link-layer address option and the checksum. */
function finished(frame: Uint8Array, option: number, mac: number): Uint8Array {
  frame[icmp + 24] = option
  frame[icmp + 25] = 1
  writeMac(frame, icmp + 26, mac)
  write16(frame, icmp + 2, checksum(frame, ethernetHeader, frame.length - icmp))
  return frame
}

const texts4 = new Map<number, string>()
const texts6 = new Map<string, string>()

/** The same few addresses stand in every frame. */
function cached<Key>(cache: Map<Key, string>, key: Key, make: () => string): string {
  let text = cache.get(key)
  if (text === undefined) cache.set(key, (text = make()))
  return text
}

const text4 = (value: number): string =>
  cached(texts4, value, () => formatAddress({ family: 4, value: BigInt(value) }))

function text6(frame: Uint8Array, at: number): string {
  const key = Buffer.from(frame.buffer, frame.byteOffset + at, 16).toString('latin1')
  return cached(texts6, key, () => formatAddress(addressFromBytes(frame.subarray(at, at + 16))))
}
