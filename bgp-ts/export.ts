import { formatAddress, sameAddress, type Address } from '#inet/address.ts'
import type { AddressFamily } from './config.ts'
import type { Route } from './route.ts'
import type { UnsentReason } from './status.ts'
import type { PathAttributes } from './wire/attributes.ts'
import { canonicalCommunities, formatCommunity } from './wire/communities.ts'
import type { CodecContext } from './wire/context.ts'
import { familyCodes, familyOfPrefix } from './wire/families.ts'

/** What a session must know to turn a wanted route into attributes: fixed while the session lasts. */
export interface ExportContext extends CodecContext {
  readonly localAS: number
  /** next hop self, by family */
  readonly nextHops: { readonly 4?: Address; readonly 6?: Address }
  readonly peerAddress?: Address
}

/** RFC 4271 5.1.5: what iBGP peers get when the operator chose nothing. */
const defaultLocalPref = 100

/** A route as this peer gets it. Equal keys mean equal attributes and next hop. */
export interface Exported {
  readonly key: string
  readonly family: AddressFamily
  readonly nextHop: Address
  /** with NEXT_HOP for IPv4; for IPv6 it goes into MP_REACH_NLRI */
  readonly attributes: PathAttributes
}

/** Attributes and next hop of a route for this session, or why it cannot be sent. */
export function exportRoute(route: Route, context: ExportContext): Exported | UnsentReason {
  const family = familyOfPrefix(route.prefix)
  if (!context.families.includes(family)) return 'family-not-negotiated'
  const addresses = familyCodes[family].addresses
  const nextHop = route.nextHop ?? context.nextHops[addresses]
  if (nextHop === undefined || nextHop.family !== addresses) return 'no-next-hop'
  if (context.peerAddress !== undefined && sameAddress(nextHop, context.peerAddress))
    return 'next-hop-is-peer'
  const localPref = context.internal ? (route.localPref ?? defaultLocalPref) : undefined
  const communities = canonicalCommunities(route.communities)
  const attributes: PathAttributes = {
    origin: 'igp',
    // RFC 4271 5.1.2: an empty path inside the AS, else our own number first.
    asPath: context.internal ? [] : [{ kind: 'sequence', as: [context.localAS] }],
    ...(family === 'ipv4-unicast' && { nextHop }),
    ...(route.med !== undefined && { med: route.med }),
    ...(localPref !== undefined && { localPref }),
    communities,
  }
  const parts = [
    family,
    formatAddress(nextHop),
    route.med,
    localPref,
    communities.map(formatCommunity).join(' '),
  ]
  return { key: parts.join('|'), family, nextHop, attributes }
}
