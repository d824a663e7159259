import { createConnection, type Socket } from 'node:net'
import { formatAddress, tryParseAddress, type Address } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'
import type { Connection, ConnectionError } from './connection.ts'
import type { BgpUsageError } from './errors.ts'

/** How long `close()` waits for the peer to close its side, in milliseconds. */
const closeTimeout = 2000

/**
 * A connector on plain `node:net`. What node:net cannot set is refused rather than left out: a TCP MD5 password
 * (RFC 2385), TTL security (RFC 5082), and a device other than as the zone of a link-local address. The TTL stays the system's default.
 */
export function connectPlain(config: PeerConfig): Connection {
  const missing = unsupported(config)
  if (missing === undefined) return connectionOver(openSocket(config))
  const code: BgpUsageError['code'] = 'FL_BGP_TRANSPORT'
  return failedConnection({ code, message: missing })
}

/**
 * A Connection over a socket that somebody else opened, connected or still connecting.
 * @param linkLocal our link-local address beside this local address, where the peer is on that link
 */
export const connectionOver = (
  socket: Socket,
  linkLocal: (local: Address, remote: Address) => Address | undefined = () => undefined,
): Connection => new SocketConnection(socket, linkLocal)

/** A Connection that never opens, for a socket that could not be had: a connector does not throw. */
export function failedConnection(error: ConnectionError): Connection {
  let close: ((error?: ConnectionError) => void) | undefined
  queueMicrotask(() => close?.(error))
  return {
    onOpen: () => {},
    onData: () => {},
    onDrain: () => {},
    onClose: (listener) => (close = listener),
    write: () => false,
    close: async () => {
      close = undefined
    },
    localAddress: undefined,
    remoteAddress: undefined,
  }
}

function unsupported(config: PeerConfig): string | undefined {
  if (config.password !== undefined) return 'a TCP MD5 password needs another connector than node:net'
  if (config.device !== undefined && !isLinkLocal(config.address)) {
    return 'binding to a device needs another connector than node:net'
  }
  if (config.ttlSecurity !== undefined) return 'TTL security needs another connector than node:net'
  return undefined
}

/** fe80::/10 (RFC 4291 2.5.6) */
export const isLinkLocal = ({ family, value }: Address): boolean => family === 6 && value >> 118n === 0x3fan

function openSocket({ address, port, sourceAddress, device }: PeerConfig): Socket {
  const zone = device !== undefined && isLinkLocal(address) ? `%${device}` : ''
  return createConnection({
    host: formatAddress(address) + zone,
    port,
    localAddress: sourceAddress && formatAddress(sourceAddress),
    noDelay: true,
  })
}

class SocketConnection implements Connection {
  readonly #socket: Socket
  readonly #linkLocal: (local: Address, remote: Address) => Address | undefined
  #error: ConnectionError | undefined
  #open = () => {}
  #data = (_chunk: Uint8Array) => {}
  #close = (_error?: ConnectionError) => {}
  #drain = () => {}

  constructor(socket: Socket, linkLocal: (local: Address, remote: Address) => Address | undefined) {
    this.#socket = socket
    this.#linkLocal = linkLocal
    socket.on('connect', () => this.#open())
    socket.on('data', (chunk: Uint8Array) => this.#data(chunk))
    socket.on('drain', () => this.#drain())
    socket.on('error', (error: Error & { code?: string }) => {
      this.#error = { code: error.code ?? 'unknown', message: error.message }
    })
    socket.on('close', () => this.#close(this.#error))
  }

  onOpen(listener: () => void): void {
    this.#open = listener
  }
  onData(listener: (chunk: Uint8Array) => void): void {
    this.#data = listener
  }
  onClose(listener: (error?: ConnectionError) => void): void {
    this.#close = listener
  }
  onDrain(listener: () => void): void {
    this.#drain = listener
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes)
  }

  async close(): Promise<void> {
    this.#open = this.#data = this.#close = this.#drain = () => {}
    const socket = this.#socket
    if (socket.destroyed) return
    await new Promise<void>((resolve) => {
      const limit = setTimeout(() => socket.destroy(), closeTimeout)
      socket.once('close', () => {
        clearTimeout(limit)
        resolve()
      })
      if (socket.connecting) socket.destroy()
      // Ends our side and goes on reading until the peer ends its own: closed with octets unread, the kernel
      // would send a reset that can overtake the NOTIFICATION.
      else socket.end()
    })
  }

  get localAddress(): Address | undefined {
    return addressAt(this.#socket, 'localAddress')
  }
  get remoteAddress(): Address | undefined {
    return addressAt(this.#socket, 'remoteAddress')
  }
  get linkLocalAddress(): Address | undefined {
    const { localAddress: local, remoteAddress: remote } = this
    return local && remote && this.#linkLocal(local, remote)
  }
}

/** The link that the other end of a connection is on; undefined where that has no link-local address. */
export function zoneAt(socket: Socket): string | undefined {
  return textAt(socket, 'remoteAddress')?.split('%')[1]
}

/**
 * One end of a connection, without the zone of a link-local address; undefined when it is closed. Node looks the zone
 * up by its interface, and throws when that has been deleted since.
 */
export function addressAt(socket: Socket, end: 'localAddress' | 'remoteAddress'): Address | undefined {
  const text = textAt(socket, end)
  return text === undefined ? undefined : tryParseAddress(text.split('%')[0])
}

function textAt(socket: Socket, end: 'localAddress' | 'remoteAddress'): string | undefined {
  try {
    return socket[end]
  } catch {
    return undefined
  }
}
