import { addressToBytes, formatAddress, parseAddress } from '#inet/address.ts'

/**
 * For tests: ARP and Neighbor Discovery frames as hexadecimal text, put together here and not by the code under test,
 * with every field open to be wrong. MAC addresses and IP addresses are text.
 */

export const hexOf = (text: string): string => text.replaceAll(/[\s:]/g, '')
export const ipHex = (text: string): string => Buffer.from(addressToBytes(parseAddress(text))).toString('hex')
const number = (value: number, octets: number): string => value.toString(16).padStart(2 * octets, '0')

/** IEEE 802.3: without the check sequence a frame has at least 60 octets. */
const padded = (hex: string): string => hex.padEnd(120, '0')

export interface ArpFields {
  readonly to: string
  readonly from: string
  /** between the MAC addresses and the EtherType, such as `8100 0014` */
  readonly tag?: string
  /** hardware type, protocol type and the two lengths */
  readonly types?: string
  readonly operation: 'request' | 'reply' | number
  /** sender and target, hardware and protocol address */
  readonly sha: string
  readonly spa: string
  readonly tha: string
  readonly tpa: string
  /** octets behind the packet, in hexadecimal; without it the frame is padded to its least length */
  readonly trailer?: string
}

export function arpFrame(fields: ArpFields): string {
  const { to, from, tag = '', types = '0001 0800 06 04', operation, sha, spa, tha, tpa, trailer } = fields
  const code = operation === 'request' ? 1 : operation === 'reply' ? 2 : operation
  const head = hexOf(`${to} ${from} ${tag} 0806 ${types} ${number(code, 2)}`)
  const frame = head + hexOf(sha) + ipHex(spa) + hexOf(tha) + ipHex(tpa)
  return trailer === undefined ? padded(frame) : frame + hexOf(trailer)
}

export interface NdpFields {
  readonly to: string
  readonly from: string
  readonly tag?: string
  readonly source: string
  readonly destination: string
  readonly hopLimit?: number
  readonly type: 'solicitation' | 'advertisement'
  readonly code?: number
  /** the four octets after the checksum: flags of an advertisement */
  readonly flags?: string
  readonly target: string
  /** options in hexadecimal */
  readonly options?: string
  /** added to the right checksum */
  readonly checksumError?: number
  /** instead of the right payload length of the IPv6 header */
  readonly length?: number
}

export function ndpFrame(fields: NdpFields): string {
  const { to, from, tag = '', source, destination, hopLimit = 255, type, code = 0, target } = fields
  const { flags = '00000000', options = '', checksumError = 0 } = fields
  const start = number(type === 'solicitation' ? 135 : 136, 1) + number(code, 1)
  const rest = flags + ipHex(target) + hexOf(options)
  const right = (4 + rest.length / 2) % 0x10000
  const pseudo = ipHex(source) + ipHex(destination) + number(right, 4) + '0000003a'
  const checksum = (onesComplement(`${pseudo}${start}0000${rest}`) + checksumError) % 0x10000
  const ip = `60000000${number(fields.length ?? right, 2)}3a${number(hopLimit, 1)}`
  const link = hexOf(`${to} ${from} ${tag} 86dd`)
  return link + ip + ipHex(source) + ipHex(destination) + start + number(checksum, 2) + rest
}

/** RFC 1071. */
function onesComplement(hex: string): number {
  const words = (hex.length % 4 === 0 ? hex : `${hex}00`).match(/.{4}/g) ?? []
  let sum = words.reduce((total, word) => total + Number.parseInt(word, 16), 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Source or target link-layer address option. */
export const linkLayerOption = (kind: 'source' | 'target', mac: string): string =>
  `${kind === 'source' ? '01' : '02'}01${hexOf(mac)}`

/** RFC 4291 2.7.1. */
export function solicitedNodeOf(address: string): string {
  const hex = ipHex(address)
  return formatAddress(parseAddress(`ff02::1:ff${hex.slice(-6, -4)}:${hex.slice(-4)}`))
}

/** RFC 2464 7. */
export const groupMacOf = (group: string): string =>
  `33:33:${(ipHex(group).slice(-8).match(/../g) ?? []).join(':')}`
