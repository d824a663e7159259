import type { Address } from '#inet/address.ts'

/** An address family by its AFI/SAFI (RFC 4760). */
export type AddressFamily = 'ipv4-unicast' | 'ipv6-unicast'

/** What a speaker is to its peer (RFC 9234 4.1). */
export const roles = ['provider', 'route-server', 'route-server-client', 'customer', 'peer'] as const
export type Role = (typeof roles)[number]

/** RFC 4724, on the side that restarts. */
export interface GracefulRestart {
  /** how long the peer keeps our routes while we are away: milliseconds, at most 4,095 s */
  readonly restartTime: number
  /** the data path has gone on forwarding through our restart (the F bit) */
  readonly forwardingPreserved: boolean
}

/** What a peer can be required to offer: a family of ours, or the capability itself. */
export type RequiredCapability = AddressFamily | 'route-refresh' | 'four-octet-as' | 'graceful-restart'

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
  /** a restart of this speaker is announced as one that keeps forwarding (RFC 4724, RFC 8538) */
  readonly gracefulRestart?: GracefulRestart
  readonly role?: Role
  /** a peer that offers no role is refused (RFC 9234 4.2) */
  readonly strictRole?: boolean
  /** GTSM (RFC 5082): the peer is at most so many hops away; not together with `multihop` */
  readonly ttlSecurity?: number
  /** the peer may connect too; RFC 4271 6.8 settles which of two connections stays */
  readonly listen?: boolean
  /** IPv4 routes with an IPv6 next hop are offered (RFC 8950) */
  readonly extendedNextHop?: boolean
  /** sent to the peer, whose operator sees it (capability 73, draft-walton-bgp-hostname-capability) */
  readonly hostname?: string
  /** a peer that does not offer these is refused (RFC 5492 3); none is required when absent */
  readonly requiredCapabilities?: readonly RequiredCapability[]
  /** next hops instead of the session's local address; needed for a family other than the session's own */
  readonly nextHops?: { readonly 4?: Address; readonly 6?: Address }
}
