import { createSocket, type Socket } from 'node:dgram'
import { udpTtlFilter } from './filters.ts'
import {
  addressFamilies,
  attachFilter,
  bindSocket,
  closeDescriptor,
  openSocket,
  setIntOption,
  socketOptions,
  socketTypes,
} from './libc.ts'
import { familyOf, internetAddress } from './sockaddr.ts'
import { bindToDevice, setTtl } from './tcp.ts'

export interface UdpOptions {
  /** the unspecified address of a family takes all addresses of that family; port 0 is any */
  readonly local: { readonly address: string; readonly port: number }
  /** SO_BINDTODEVICE: only this interface */
  readonly device?: string
  /** TTL or hop limit sent */
  readonly ttl?: number
  /** least TTL or hop limit received; the kernel drops the rest (GTSM, RFC 5082) */
  readonly minimumTtl?: number
  readonly reuseAddress?: boolean
}

/**
 * A bound UDP socket with these options in the calling thread's network namespace. The caller owns the descriptor.
 * @throws SystemError FL_SYS_ERRNO
 */
export function openUdpDescriptor(options: UdpOptions): number {
  const { address, port } = options.local
  const family = familyOf(address.split('%')[0])
  const fd = openSocket(family === 6 ? addressFamilies.inet6 : addressFamilies.inet, socketTypes.datagram, 0)
  try {
    if (family === 6) setIntOption(fd, socketOptions.ipv6Only, 1)
    // Before bind, so that no datagram slips past it.
    if (options.minimumTtl !== undefined) attachFilter(fd, udpTtlFilter(options.minimumTtl))
    if (options.device !== undefined) bindToDevice(fd, options.device)
    if (options.reuseAddress === true) setIntOption(fd, socketOptions.reuseAddress, 1)
    setTtl(fd, family, options.ttl)
    bindSocket(fd, internetAddress(address, port), `${address} port ${port}`)
    return fd
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
}

/**
 * As `openUdpDescriptor`, as a socket of node:dgram, which owns the descriptor. It is ready at once: `listening`
 * has been emitted when this returns.
 * @throws SystemError FL_SYS_ERRNO
 */
export function openUdpSocket(options: UdpOptions): Socket {
  const fd = openUdpDescriptor(options)
  return createSocket(familyOf(options.local.address.split('%')[0]) === 6 ? 'udp6' : 'udp4').bind({ fd })
}
