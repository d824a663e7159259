import { formatAddress } from '#inet/address.ts'
import { formatPrefix, type Prefix } from '#inet/prefix.ts'
import { exportRoute, type ExportContext } from './export.ts'
import type { Route } from './route.ts'
import { unsentReasons, type UnsentReason } from './status.ts'
import { formatCommunity } from './wire/communities.ts'

/** One prefix of an Adj-RIB-Out, for people to read: plain data. */
export interface RibRoute {
  readonly prefix: string
  /** `sent`: the peer has it so; `waiting`: it will be sent; `withdrawing`: it will be withdrawn; `unsent`: it cannot be sent */
  readonly state: 'sent' | 'waiting' | 'withdrawing' | 'unsent'
  /** of `unsent`, in words */
  readonly reason?: string
  /** a second one is the link-local address (RFC 2545 3) */
  readonly nextHops?: readonly string[]
  /** AS numbers with spaces between, '' inside the AS */
  readonly asPath?: string
  readonly med?: number
  readonly localPref?: number
  readonly communities?: readonly string[]
}

/** What is known of a prefix inside the RIB. */
export interface RibEntry {
  readonly prefix: Prefix
  readonly route?: Route | undefined
  /** an UPDATE for it has been made, or waits */
  readonly state: RibRoute['state']
  readonly unsent?: UnsentReason | undefined
}

/** @param context of the session that is up; without one attributes cannot be known */
export function describeRoute(entry: RibEntry, context: ExportContext | undefined): RibRoute {
  const { prefix, route, state, unsent } = entry
  const base = { prefix: formatPrefix(prefix), state }
  if (unsent !== undefined) return { ...base, reason: unsentReasons[unsent] }
  const exported = context && route ? exportRoute(route, context) : undefined
  if (exported === undefined || typeof exported === 'string') return base
  const { nextHop, linkLocal, attributes } = exported
  const { asPath, med, localPref, communities } = attributes
  return {
    ...base,
    nextHops: [nextHop, ...(linkLocal === undefined ? [] : [linkLocal])].map(formatAddress),
    asPath: (asPath ?? []).map(({ as }) => as.join(' ')).join(' '),
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...(communities.length > 0 && { communities: communities.map(formatCommunity) }),
  }
}
