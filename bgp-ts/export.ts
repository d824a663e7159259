import { formatAddress, sameAddress, type Address } from '#inet/address.ts'
import type { AddressFamily } from './config.ts'
import type { RouteAttributes } from './route.ts'
import type { UnsentReason } from './status.ts'
import type { PathAttributes } from './wire/attributes.ts'
import { canonicalCommunities, formatCommunity, gracefulShutdown, linkBandwidth } from './wire/communities.ts'
import type { CodecContext } from './wire/context.ts'
import { familyCodes } from './wire/families.ts'

/** What a session must know to turn a wanted route into attributes: fixed while the session lasts. */
export interface ExportContext extends GroupContext {
  readonly peerAddress?: Address
}

/** What several sessions may have in common (`update-groups.ts`). */
export interface GroupContext extends CodecContext {
  readonly localAS: number
  /** next hop self, by family */
  readonly nextHops: { readonly 4?: Address; readonly 6?: Address }
  /** our link-local address on the link that the peer is on too; it goes along as a second IPv6 next hop */
  readonly linkLocal?: Address
  /** the AS for Only to Customer, where our role asks for it (RFC 9234 5) */
  readonly otc?: number
  /** we are about to leave: every route carries GRACEFUL_SHUTDOWN, inside the AS with LOCAL_PREF 0 (RFC 8326 4.1) */
  readonly gracefulShutdown?: boolean
}

/** RFC 4271 5.1.5: what iBGP peers get when the operator chose nothing. */
const defaultLocalPref = 100

/** A route as this peer gets it. Equal keys mean equal attributes and next hop. */
export interface Exported {
  readonly key: string
  readonly family: AddressFamily
  readonly nextHop: Address
  /** RFC 2545 3: a second next hop for IPv6 */
  readonly linkLocal?: Address
  /** with NEXT_HOP for an IPv4 one; an IPv6 one goes into MP_REACH_NLRI, also for IPv4 prefixes */
  readonly attributes: PathAttributes
}

/** Attributes and next hop of a route for this session, or why it cannot be sent. */
export function exportRoute(
  route: RouteAttributes,
  family: AddressFamily,
  context: GroupContext,
): Exported | UnsentReason {
  if (!context.families.includes(family)) return 'family-not-negotiated'
  const nextHop = nextHopOf(route, family, context)
  if (nextHop === undefined) return 'no-next-hop'
  const linkLocal = secondNextHop(route, nextHop, context)
  const attributes = attributesOf(route, context, nextHop)
  const parts = [
    family,
    formatAddress(nextHop),
    linkLocal === undefined ? '' : formatAddress(linkLocal),
    attributes.med,
    attributes.localPref,
    attributes.asPath?.map(({ as }) => as.join(' ')).join(),
    attributes.communities.map(formatCommunity).join(' '),
  ]
  return { key: parts.join('|'), family, nextHop, ...(linkLocal && { linkLocal }), attributes }
}

/** RFC 4271 5.1.3: the peer must not be told to send packets to itself. */
export const isNextHopOf = ({ nextHop }: Exported, { peerAddress }: ExportContext): boolean =>
  peerAddress !== undefined && sameAddress(nextHop, peerAddress)

function nextHopOf(
  route: RouteAttributes,
  family: AddressFamily,
  context: GroupContext,
): Address | undefined {
  const { addresses } = familyCodes[family]
  const nextHop = route.nextHop ?? context.nextHops[addresses]
  if (nextHop?.family === addresses) return nextHop
  // Of another family it is either not for this one, or IPv6 for IPv4.
  const over = nextHop ?? context.nextHops[6]
  return addresses === 4 && over?.family === 6 && context.extendedNextHop ? over : undefined
}

/** Only beside our own global address: a next hop elsewhere may be on another link. */
function secondNextHop(
  route: RouteAttributes,
  nextHop: Address,
  { linkLocal }: GroupContext,
): Address | undefined {
  const wanted = nextHop.family === 6 && route.nextHop === undefined && linkLocal !== undefined
  return wanted && !sameAddress(linkLocal, nextHop) ? linkLocal : undefined
}

function attributesOf(route: RouteAttributes, context: GroupContext, nextHop: Address): PathAttributes {
  const { internal, localAS } = context
  const localPref = context.gracefulShutdown ? 0 : (route.localPref ?? defaultLocalPref)
  const prepend = route.asPathPrepend ?? 0
  const communities = [
    ...route.communities,
    ...(context.gracefulShutdown ? [gracefulShutdown] : []),
    ...(route.linkBandwidth === undefined ? [] : [linkBandwidth(localAS, route.linkBandwidth)]),
  ]
  return {
    origin: 'igp',
    // RFC 4271 5.1.2: an empty path inside the AS, else our own number first.
    asPath: internal ? [] : [{ kind: 'sequence', as: Array.from({ length: 1 + prepend }, () => localAS) }],
    ...(nextHop.family === 4 && { nextHop }),
    ...(route.med !== undefined && { med: route.med }),
    ...(internal && { localPref }),
    communities: canonicalCommunities(communities),
    ...(context.otc !== undefined && { onlyToCustomer: context.otc }),
  }
}
