import type { Address } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'

/** Why a connection failed or broke. */
export interface ConnectionError {
  /** as the system calls it: ECONNREFUSED, ETIMEDOUT … */
  readonly code: string
  readonly message: string
}

/**
 * A TCP connection with a peer as the session sees it. One of ours is being opened when it is handed over, one that
 * the peer opened is open. Each `on…` takes the one listener there is and is called before anything can happen. After
 * `close()` no listener is called.
 */
export interface Connection {
  onOpen(listener: () => void): void
  onData(listener: (chunk: Uint8Array) => void): void
  /** Not opened, broken (both with an error) or ended by the peer (without). Called once, last. */
  onClose(listener: (error?: ConnectionError) => void): void
  /** The octets that `write` refused more of have gone. */
  onDrain(listener: () => void): void
  /** Sends or buffers. False: write no more before `onDrain`. */
  write(bytes: Uint8Array): boolean
  /** Sends what is buffered, then closes; resolves when closed, and within a few seconds whatever the peer does. */
  close(): Promise<void>
  /** Known once open. */
  readonly localAddress: Address | undefined
  readonly remoteAddress: Address | undefined
  /** our link-local address on the link that the peer is on too; it is told beside a global next hop (RFC 2545 3) */
  readonly linkLocalAddress?: Address | undefined
}

/** Opens a connection to the peer of this configuration. Never throws: failure is `onClose`. */
export type Connector = (config: PeerConfig) => Connection
