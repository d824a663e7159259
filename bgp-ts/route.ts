import type { Address } from '#inet/address.ts'
import type { Prefix } from '#inet/prefix.ts'

/** RFC 1997 as two 16-bit halves, or RFC 8092 as three 32-bit parts. */
export type Community =
  | { readonly kind: 'standard'; readonly value: readonly [number, number] }
  | { readonly kind: 'large'; readonly value: readonly [number, number, number] }

/** One route to announce to one peer: a prefix and the attributes that the operator chose. */
export interface Route {
  readonly prefix: Prefix
  /** undefined: the local address of the session (next hop self) */
  readonly nextHop?: Address
  /** sent to iBGP peers only; they get 100 when undefined (RFC 4271 5.1.5) */
  readonly localPref?: number
  readonly med?: number
  readonly communities: readonly Community[]
}
