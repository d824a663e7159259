import { createServer, Socket, type Server } from 'node:net'
import type { Family } from '#inet/address.ts'
import { SystemError } from './errors.ts'
import {
  addressFamilies,
  bindSocket,
  closeDescriptor,
  listenSocket,
  openSocket,
  setIntOption,
  setOption,
  socketOptions,
  socketTypes,
} from './libc.ts'
import { setNetworkControl } from './network-control.ts'
import { internetAddress } from './sockaddr.ts'

/** What has to be set on a TCP socket before connect(2) or listen(2), and what Node does not offer. */
export interface TcpOptions {
  readonly family: Family
  /** source address, and port (0 or absent: any). IPv6 may carry a zone: `fe80::1%eth0` */
  readonly local?: { readonly address: string; readonly port?: number }
  /** SO_BINDTODEVICE: only this interface */
  readonly device?: string
  /** TTL or hop limit sent */
  readonly ttl?: number
  /** least TTL or hop limit received (GTSM, RFC 5082): the kernel drops the rest in silence */
  readonly minTtl?: number
  /** TCP MD5 signatures (RFC 2385), a key for each peer; see `setMd5Key` */
  readonly md5?: readonly Md5Key[]
  /** SO_REUSEADDR: listen although old connections linger; on by default for listeners */
  readonly reuseAddress?: boolean
  /** TCP_USER_TIMEOUT in milliseconds: how long sent octets may stay without acknowledgement */
  readonly userTimeout?: number
  /** SO_MARK, for policy routing */
  readonly mark?: number
  /** what is sent goes before bulk; see `setNetworkControl` */
  readonly networkControl?: boolean
}

interface Md5Key {
  /** of the peer */
  readonly address: string
  /** 1 to 80 octets */
  readonly password: string
}

/** The longest MD5 key: TCP_MD5SIG_MAXKEYLEN. */
const maxMd5Key = 80

/**
 * A TCP socket with these options, bound but neither connected nor listening, in the calling thread's network
 * namespace. The caller owns the descriptor. IPv6 sockets take no IPv4 connections.
 * @throws SystemError FL_SYS_ERRNO (EADDRNOTAVAIL, EADDRINUSE, ENODEV, EPERM …), FL_SYS_ARGUMENT for a bad key
 */
export function openTcpSocket(options: TcpOptions): number {
  const v6 = options.family === 6
  const family = v6 ? addressFamilies.inet6 : addressFamilies.inet
  const fd = openSocket(family, socketTypes.stream, 0)
  try {
    if (v6) setIntOption(fd, socketOptions.ipv6Only, 1)
    if (options.device !== undefined) bindToDevice(fd, options.device)
    if (options.reuseAddress === true) setIntOption(fd, socketOptions.reuseAddress, 1)
    if (options.mark !== undefined) setIntOption(fd, socketOptions.mark, options.mark, 'SO_MARK')
    setLiveOptions(fd, options)
    for (const { address, password } of options.md5 ?? []) setMd5Key(fd, address, password)
    const { local } = options
    if (local !== undefined) {
      const port = local.port ?? 0
      bindSocket(fd, internetAddress(local.address, port), `${local.address} port ${port}`)
    }
    return fd
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
}

/** What may be changed on a connection that is open, too. */
type LiveOptions = Pick<TcpOptions, 'family' | 'ttl' | 'minTtl' | 'userTimeout' | 'networkControl'>

function setLiveOptions(fd: number, options: LiveOptions): void {
  const { family, ttl, minTtl, userTimeout, networkControl } = options
  setTtl(fd, family, ttl)
  if (networkControl === true) setNetworkControl(fd, family)
  if (minTtl !== undefined) {
    const option = family === 6 ? socketOptions.ipv6MinHopCount : socketOptions.ipMinTtl
    setIntOption(fd, option, minTtl, `minimum TTL ${minTtl}`)
  }
  if (userTimeout !== undefined) {
    setIntOption(fd, socketOptions.tcpUserTimeout, userTimeout, 'TCP_USER_TIMEOUT')
  }
}

/**
 * Sets options of a connection that a listener has accepted: those that differ from what it inherited.
 * @throws SystemError FL_SYS_ERRNO, FL_SYS_ARGUMENT when the connection has ended
 */
export function tuneConnection(socket: Socket, options: LiveOptions): void {
  // Node tells no descriptor of a socket; the handle has had this field since before Node had streams.
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } | null }
  if (handle?.fd === undefined || handle.fd < 0) {
    throw new SystemError('FL_SYS_ARGUMENT', 'the connection has ended')
  }
  setLiveOptions(handle.fd, options)
}

/** SO_BINDTODEVICE by name. */
export function bindToDevice(fd: number, device: string): void {
  setOption(fd, socketOptions.bindToDevice, Buffer.from(`${device}\0`), device)
}

/** TTL or hop limit of what the socket sends; nothing when undefined. */
export function setTtl(fd: number, family: Family, ttl: number | undefined): void {
  if (ttl === undefined) return
  setIntOption(fd, family === 6 ? socketOptions.ipv6UnicastHops : socketOptions.ipTtl, ttl, `TTL ${ttl}`)
}

/**
 * Opens a connection. The socket emits `connect`, or `error` with what connect(2) says; a wrong or missing MD5 key
 * shows only as silence, so set a time limit. The descriptor belongs to the socket. The remote address may carry a
 * zone, which then is the device.
 * @throws SystemError as `openTcpSocket`, at once
 */
export function connectTcp(
  options: TcpOptions & { readonly remote: { readonly address: string; readonly port: number } },
): Socket {
  const { address: host, port } = options.remote
  // What Node makes of the zone counts only in this thread's namespace: it looks it up later, and takes the first
  // interface with a link-local address when there is no zone. In another namespace the device alone has to do.
  const [, zone] = host.split('%', 2)
  const fd = openTcpSocket({ ...options, device: options.device ?? zone })
  // manualStart is not documented, but without it Node reads the socket before it is connected. The alternative,
  // connect(2) here and a net.Socket afterwards, would give callers no object to hold until then.
  const prepared: { fd: number; manualStart: boolean } = { fd, manualStart: true }
  return new Socket(prepared).connect({ host, port })
}

const DEFAULT_BACKLOG = 511

/**
 * A listening TCP socket in the calling thread's network namespace. It stays there, so `server.listen({ fd })`
 * serves that namespace from any other. The caller owns the descriptor.
 * @throws SystemError as `openTcpSocket`
 */
export function openTcpListener(options: TcpOptions, backlog: number = DEFAULT_BACKLOG): number {
  const fd = openTcpSocket({ reuseAddress: true, ...options })
  try {
    listenSocket(fd, backlog)
    return fd
  } catch (error) {
    closeDescriptor(fd)
    throw error
  }
}

const listeners = new WeakMap<Server, number>()

/**
 * Listens; accepted sockets inherit TTL, minimum TTL and MD5 keys. Closing the server closes the descriptor.
 * @throws SystemError as `openTcpSocket`, at once
 */
export function listenTcp(options: TcpOptions, onConnection: (socket: Socket) => void): Server {
  const fd = openTcpListener(options)
  const server = createServer(onConnection)
  listeners.set(server, fd)
  server.once('close', () => listeners.delete(server))
  return server.listen({ fd })
}

/**
 * Sets, replaces or (with '') removes the MD5 key for one peer of a socket, also while it listens. A listener
 * refuses unsigned connections of the peers it has keys for and takes those of all others.
 * @param target a descriptor, or a server of `listenTcp` that is not closed
 * @throws SystemError FL_SYS_ARGUMENT, FL_SYS_ERRNO (ENOENT: removing a key that is not there)
 */
export function setMd5Key(target: number | Server, address: string, password: string): void {
  const fd = typeof target === 'number' ? target : listeners.get(target)
  if (fd === undefined) throw new SystemError('FL_SYS_ARGUMENT', 'not an open server of listenTcp')
  setOption(fd, socketOptions.tcpMd5, md5Signature(address, password), 'TCP_MD5SIG')
}

/**
 * `struct tcp_md5sig` (linux/tcp.h).
 * @throws SystemError FL_SYS_ARGUMENT for a key that is too long
 */
export function md5Signature(address: string, password: string): Buffer {
  const key = Buffer.from(password)
  if (key.length > maxMd5Key) {
    throw new SystemError(
      'FL_SYS_ARGUMENT',
      `TCP MD5 key of ${key.length} octets; at most ${maxMd5Key} are possible`,
    )
  }
  const signature = Buffer.alloc(216)
  signature.set(internetAddress(address, 0), 0)
  signature.writeUInt16LE(key.length, 130)
  signature.set(key, 136)
  return signature
}
