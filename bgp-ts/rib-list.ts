import { formatAddress } from '#inet/address.ts'
import type { Exported } from './export.ts'
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
  readonly prefix: string
  /** an UPDATE for it has been made, or waits */
  readonly state: RibRoute['state']
  readonly unsent?: UnsentReason
  /** what the wanted route is on the session that is up; without one attributes cannot be known */
  readonly exported?: Exported
}

export function describeRoute({ prefix, state, unsent, exported }: RibEntry): RibRoute {
  if (unsent !== undefined) return { prefix, state, reason: unsentReasons[unsent] }
  if (exported === undefined) return { prefix, state }
  const { nextHop, linkLocal, attributes } = exported
  const { asPath, med, localPref, communities } = attributes
  return {
    prefix,
    state,
    nextHops: [nextHop, ...(linkLocal === undefined ? [] : [linkLocal])].map(formatAddress),
    asPath: (asPath ?? []).map(({ as }) => as.join(' ')).join(' '),
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...(communities.length > 0 && { communities: communities.map(formatCommunity) }),
  }
}
