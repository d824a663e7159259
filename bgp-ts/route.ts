import type { Address } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'

/**
 * RFC 1997 as two 16-bit halves, RFC 8092 as three 32-bit parts, or RFC 4360 as its eight octets in two 32-bit
 * halves.
 */
export type Community =
  | { readonly kind: 'standard'; readonly value: readonly [number, number] }
  | { readonly kind: 'large'; readonly value: readonly [number, number, number] }
  | { readonly kind: 'extended'; readonly value: readonly [number, number] }

/** One route to announce to one peer: a prefix and the attributes that the operator chose. */
export interface Route {
  readonly prefix: Prefix
  /** undefined: the local address of the session (next hop self) */
  readonly nextHop?: Address
  /** sent to iBGP peers only; they get 100 when undefined (RFC 4271 5.1.5) */
  readonly localPref?: number
  readonly med?: number
  /** our AS stands so many more times in the AS_PATH for eBGP peers, 0 to 254 */
  readonly asPathPrepend?: number
  /** octets per second, as a link-bandwidth community (draft-ietf-idr-link-bandwidth) */
  readonly linkBandwidth?: number
  readonly communities: readonly Community[]
}

/** What of a route does not depend on its prefix. */
export type RouteAttributes = Omit<Route, 'prefix'>
