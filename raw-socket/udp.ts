import { createSocket, type Socket } from 'node:dgram'
import { udpTtlFilter } from './filters.ts'
import {
  addressFamilies,
  attachFilter,
  bindSocket,
  closeDescriptor,
  getOption,
  openSocket,
  setIntOption,
  socketOptions,
  socketTypes,
} from './libc.ts'
import { setNetworkControl } from './network-control.ts'
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
  /** another program that decides in the kernel what is received (`filters.ts`), instead of `minimumTtl` */
  readonly filter?: Uint8Array
  readonly reuseAddress?: boolean
  /** what is sent goes before bulk; see `setNetworkControl` */
  readonly networkControl?: boolean
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
    if (options.filter !== undefined) attachFilter(fd, options.filter)
    else if (options.minimumTtl !== undefined) attachFilter(fd, udpTtlFilter(options.minimumTtl))
    if (options.device !== undefined) bindToDevice(fd, options.device)
    if (options.reuseAddress === true) setIntOption(fd, socketOptions.reuseAddress, 1)
    setTtl(fd, family, options.ttl)
    if (options.networkControl === true) setNetworkControl(fd, family)
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
  return adopt(openUdpDescriptor(options), options)
}

const adopt = (fd: number, { local }: UdpOptions): Socket =>
  createSocket(familyOf(local.address.split('%')[0]) === 6 ? 'udp6' : 'udp4').bind({ fd })

/** A UDP socket whose filter can be changed, and that tells how much it keeps away. */
export interface FilteredUdpSocket {
  readonly socket: Socket
  /** Replaces the filter at once: no datagram passes neither or both. */
  setFilter(program: Uint8Array): void
  /** datagrams that the filter refused or for which there was no room, since the socket was opened */
  drops(): number
}

/** `SK_MEMINFO_DROPS` of linux/sock_diag.h: the ninth of its 32-bit words. */
const dropsAt = 8 * 4

/**
 * As `openUdpSocket`. Neither function may be called after the socket was closed.
 * @throws SystemError FL_SYS_ERRNO
 */
export function openFilteredUdpSocket(
  options: UdpOptions & { readonly filter: Uint8Array },
): FilteredUdpSocket {
  const fd = openUdpDescriptor(options)
  return {
    socket: adopt(fd, options),
    setFilter: (program) => attachFilter(fd, program),
    drops: () => getOption(fd, socketOptions.memoryInfo, dropsAt + 4).readUInt32LE(dropsAt),
  }
}
