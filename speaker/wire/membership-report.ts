import { addressToBytes, parseAddress } from '#inet/address.ts'
import { ethernetHeader, etherType, write16, writeMac } from '../layer2/ethernet.ts'
import { checksum, groupMac } from '../layer2/ndp.ts'

/** Our end of a link. */
interface ReportingInterface {
  readonly mac: number
  /** 16 octets */
  readonly linkLocal: Uint8Array
}

const ipv6Header = 40
const icmpv6 = 58
const hopByHop = 0
/** The hop-by-hop header: next header, length, the router alert for MLD (RFC 2711 2.1), and padding. */
const routerAlert = Uint8Array.from([icmpv6, 0, 5, 2, 0, 0, 1, 0])
const reportType = 143
const reportHeader = 8
const recordLength = 20
const changeToExclude = 4
/** ff02::16 (RFC 3810 5.2.14) */
const allReporters = addressToBytes(parseAddress('ff02::16'))

/** So many fit a frame of IPv6's least MTU, 1280 octets. */
export const recordsPerReport = 61

/**
 * Frames that tell the switches and routers of a link that groups were joined: Version 2 Multicast Listener Reports
 * (RFC 3810 5.2), as the kernel sends them too, but some milliseconds after it was asked to join.
 * @param groups IPv6 addresses as text
 */
export function buildMembershipReports(on: ReportingInterface, groups: readonly string[]): Uint8Array[] {
  const reports = Math.ceil(groups.length / recordsPerReport)
  return Array.from({ length: reports }, (_, index) =>
    buildReport(on, groups.slice(index * recordsPerReport, (index + 1) * recordsPerReport)),
  )
}

function buildReport({ mac, linkLocal }: ReportingInterface, groups: readonly string[]): Uint8Array {
  const length = reportHeader + groups.length * recordLength
  const ip = ethernetHeader
  const options = ip + ipv6Header
  const icmp = options + routerAlert.length
  const frame = new Uint8Array(icmp + length)
  writeMac(frame, 0, groupMac(allReporters))
  writeMac(frame, 6, mac)
  write16(frame, 12, etherType.ipv6)
  frame[ip] = 0x60
  write16(frame, ip + 4, routerAlert.length + length)
  frame[ip + 6] = hopByHop
  frame[ip + 7] = 1
  frame.set(linkLocal, ip + 8)
  frame.set(allReporters, ip + 24)
  frame.set(routerAlert, options)
  frame[icmp] = reportType
  write16(frame, icmp + 6, groups.length)
  for (const [index, group] of groups.entries()) {
    const record = icmp + reportHeader + index * recordLength
    frame[record] = changeToExclude
    frame.set(addressToBytes(parseAddress(group)), record + 4)
  }
  write16(frame, icmp + 2, checksumBehind(frame, ip, length))
  return frame
}

/** The checksum has nothing of the hop-by-hop header: computed over a copy without it. */
function checksumBehind(frame: Uint8Array, ip: number, length: number): number {
  const plain = new Uint8Array(ip + ipv6Header + length)
  plain.set(frame.subarray(0, ip + ipv6Header))
  plain.set(frame.subarray(frame.length - length), ip + ipv6Header)
  return checksum(plain, ip, length)
}
