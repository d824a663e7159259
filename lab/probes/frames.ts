import { addressToBytes, parseAddress } from '#inet/address.ts'
import { arpOperation, buildArp } from '#speaker/layer2/arp.ts'
import {
  broadcastMac,
  ethernetHeader,
  etherType,
  macNumber,
  write16,
  writeMac,
} from '#speaker/layer2/ethernet.ts'
import { checksum, groupMac, solicitedNode } from '#speaker/layer2/ndp.ts'
import type { Station } from './messages.ts'

/** What a station asks the LAN with when it wants to know who has an address. */
export function requestFor(address: string, station: Station): Uint8Array {
  const { family, value } = parseAddress(address)
  if (family === 6) return solicitation(address, station)
  const mac = macNumber(station.mac)
  return buildArp({
    destination: broadcastMac,
    source: mac,
    operation: arpOperation.request,
    senderMac: mac,
    senderAddress: Number(parseAddress(station.v4).value),
    targetMac: 0,
    targetAddress: Number(value),
  })
}

const NEIGHBOR_SOLICITATION = 135
const SOURCE_LINK_LAYER = 1

/** RFC 4861 4.3, with the source link-layer address option. */
function solicitation(address: string, station: Station): Uint8Array {
  const target = addressToBytes(parseAddress(address))
  const group = solicitedNode(target)
  const mac = macNumber(station.mac)
  const ip = ethernetHeader
  const icmp = ip + 40
  const frame = new Uint8Array(icmp + 32)
  writeMac(frame, 0, groupMac(group))
  writeMac(frame, 6, mac)
  write16(frame, 12, etherType.ipv6)
  frame.set([0x60, 0, 0, 0, 0, 32, 58, 255], ip)
  frame.set(addressToBytes(parseAddress(station.v6)), ip + 8)
  frame.set(group, ip + 24)
  frame[icmp] = NEIGHBOR_SOLICITATION
  frame.set(target, icmp + 8)
  frame.set([SOURCE_LINK_LAYER, 1], icmp + 24)
  writeMac(frame, icmp + 26, mac)
  write16(frame, icmp + 2, checksum(frame, ip, 32))
  return frame
}
