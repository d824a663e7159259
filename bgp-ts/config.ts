import type { Address } from '#inet/address.ts'

/** An address family by its AFI/SAFI (RFC 4760). */
export type AddressFamily = 'ipv4-unicast' | 'ipv6-unicast'

/** One configured neighbor. Times in milliseconds. */
export interface PeerConfig {
  /** how status, metrics and logs call it; unique among the peers of a speaker */
  readonly name: string
  readonly localAS: number
  /** undefined: any AS that fits `asType` */
  readonly peerAS?: number
  readonly asType?: 'internal' | 'external'
  readonly address: Address
  readonly port: number
  readonly sourceAddress?: Address
  /** SO_BINDTODEVICE */
  readonly device?: string
  /** BGP identifier as dotted quad (RFC 6286: any non-zero value) */
  readonly routerId: string
  /** offered in OPEN; 0 or at least 3000 */
  readonly holdTime: number
  /** undefined: a third of the negotiated hold time */
  readonly keepaliveTime?: number
  /** the first reconnect delay; doubles to 60 s, with jitter (RFC 4271 10) */
  readonly connectRetryTime: number
  /** TCP MD5 (RFC 2385) */
  readonly password?: string
  /** eBGP without multihop sends TTL 1 unless this is set */
  readonly multihop: boolean
  /** offered and, when the peer offers them too, used */
  readonly families: readonly AddressFamily[]
  /** next hops instead of the session's local address; needed for a family other than the session's own */
  readonly nextHops?: { readonly 4?: Address; readonly 6?: Address }
}
