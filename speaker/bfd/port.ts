import type { Family } from '#inet/address.ts'

/** RFC 5881 4, RFC 5883 5. */
export const controlPorts = { singleHop: 3784, multihop: 4784 } as const

/** RFC 5881 4: source ports, one a session and the same for its whole life. */
export const sourcePorts = { first: 49_152, last: 65_535 } as const

/** Between which addresses a session runs. Addresses are canonical text without a zone. */
export interface BfdPath {
  readonly family: Family
  readonly local: string
  readonly remote: string
  /** packets leave by it; link-local addresses need it */
  readonly interface?: string
  readonly multihop: boolean
  /** least TTL or hop limit of packets from the peer: 255 on a single hop */
  readonly minimumTtl: number
}

/** A datagram that has passed the TTL check. */
export interface BfdDatagram {
  readonly payload: Uint8Array
  readonly local: string
  readonly remote: string
  /** with link-local addresses */
  readonly interface?: string
  readonly multihop: boolean
}

/** The network as the sessions see it. */
export interface BfdPort {
  /**
   * Opens what one session needs: a socket of its own to send from, and the one of its local address to hear by.
   * @param onRefused the peer's machine has answered a packet: nobody listens there
   * @throws SystemError when the kernel refuses: EADDRINUSE, EADDRNOTAVAIL, ENODEV …
   */
  open(
    path: BfdPath,
    sourcePort: number,
    onSendError: (error: Error) => void,
    onRefused: () => void,
  ): BfdChannel
  /** Calls once everything that had arrived by now has been handed over. */
  afterArrivals(run: () => void): void
}

export interface BfdChannel {
  /** RFC 5881 5: TTL or hop limit 255. */
  send(payload: Uint8Array): void
  /** datagrams to the local address that the kernel dropped: TTL too low, stranger (multihop), or no room */
  kernelDrops(): number
  close(): void
}

/** fe80::/10: means something on one link only. */
export const isLinkLocal = (address: string): boolean => /^fe[89ab]/i.test(address)
