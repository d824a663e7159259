import { isIPv6 } from 'node:net'
import { addressToBytes, parseAddress, type Family } from '#inet/address.ts'
import { addressFamilies, interfaceIndex } from './libc.ts'

/** Socket addresses as the kernel lays them out (linux/{in,in6,netlink,if_packet}.h). */

/**
 * `sockaddr_in` (16 octets) or `sockaddr_in6` (28). An IPv6 address may carry a zone: `fe80::1%eth0` or
 * `fe80::1%3`; a named zone is looked up in the calling thread's network namespace.
 * @throws InetError FL_INET_ADDRESS; SystemError ENODEV for an unknown zone
 */
export function internetAddress(text: string, port: number): Buffer {
  const [bare, zone] = text.split('%', 2)
  const address = parseAddress(zone === undefined ? text : bare)
  if (address.family === 4) {
    const sockaddr = Buffer.alloc(16)
    sockaddr.writeUInt16LE(addressFamilies.inet, 0)
    sockaddr.writeUInt16BE(port, 2)
    sockaddr.set(addressToBytes(address), 4)
    return sockaddr
  }
  const sockaddr = Buffer.alloc(28)
  sockaddr.writeUInt16LE(addressFamilies.inet6, 0)
  sockaddr.writeUInt16BE(port, 2)
  sockaddr.set(addressToBytes(address), 8)
  if (zone !== undefined) {
    sockaddr.writeUInt32LE(/^[0-9]+$/.test(zone) ? Number(zone) : interfaceIndex(zone), 24)
  }
  return sockaddr
}

export const familyOf = (text: string): Family => (isIPv6(text) ? 6 : 4)

/** `sockaddr_nl` that joins no group; port 0 lets the kernel choose. */
export function netlinkAddress(port = 0): Buffer {
  const sockaddr = Buffer.alloc(12)
  sockaddr.writeUInt16LE(addressFamilies.netlink, 0)
  sockaddr.writeUInt32LE(port, 4)
  return sockaddr
}

/** Port of a `sockaddr_nl`; 0 is the kernel. */
export const netlinkPort = (sockaddr: Buffer): number => sockaddr.readUInt32LE(4)

/** Multicast groups of the `sockaddr_nl` of a received message, as a bit mask; 0 when it was sent to this socket. */
export const netlinkGroups = (sockaddr: Buffer): number => sockaddr.readUInt32LE(8)

/** `sockaddr_ll` for bind(2): which frames of which interface. */
export function linkLayerAddress(interfaceIndex: number, etherType: number): Buffer {
  const sockaddr = Buffer.alloc(20)
  sockaddr.writeUInt16LE(addressFamilies.packet, 0)
  sockaddr.writeUInt16BE(etherType, 2)
  sockaddr.writeInt32LE(interfaceIndex, 4)
  return sockaddr
}
