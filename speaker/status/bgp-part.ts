import type { AddressFamily } from '#bgp-ts/config.ts'
import type { SessionErrorCode } from '#bgp-ts/errors.ts'
import { unsentReasons, type SessionStatus, type UnsentReason } from '#bgp-ts/status.ts'
import { timestamp } from '#kube/timestamp.ts'
import type { BfdSessionStatus } from '../bfd/status.ts'
import { LIST_LIMIT } from './layer2-part.ts'
import type { SessionReport, SpeakerStatusBody } from './speaker-status.ts'

/** What a SpeakerStatus says of one BGPPeer is made of these. */
export interface ReportedSession {
  readonly status: SessionStatus
  /** epoch milliseconds since it is up, or since it is not */
  readonly turned: number
  /** of the errors since it is down the last one that says something */
  readonly earlier: SessionStatus['lastError'] | undefined
  /** it may not even connect: `status.lastError` says why */
  readonly blocked: boolean
  readonly bfd: BfdSessionStatus | undefined
}

/** The sessions of a SpeakerStatus, and how many of all peers are up. @param peers that this node should have */
export function sessionsPart(
  sessions: Iterable<ReportedSession>,
  peers: number,
): Pick<SpeakerStatusBody, 'sessions' | 'sessionsUp'> {
  const reports = [...sessions].map(sessionReport)
  if (peers === 0) return { sessions: reports }
  const up = reports.filter(({ state }) => state === 'Established').length
  return { sessions: reports.slice(0, LIST_LIMIT), sessionsUp: `${up}/${peers}` }
}

export function sessionReport({ status, turned, earlier, blocked, bfd }: ReportedSession): SessionReport {
  const { peer, endpoint, state, lastError, negotiated, restarting, unsent } = status
  const { notificationSent, notificationReceived, peerAS, peerRouterId } = status
  const up = state === 'Established'
  const reasons = Object.entries(unsent ?? {}) as [UnsentReason, number][]
  return {
    peer,
    address: endpoint,
    // Between attempts a session goes back and forth; whoever reads this wants to know whether it is up.
    state: up ? state : blocked ? 'Idle' : 'Active',
    since: timestamp(turned),
    ...(peerAS === undefined ? {} : { peerASN: peerAS }),
    ...(up && peerRouterId !== undefined && { routerID: peerRouterId }),
    ...(up && { holdTime: seconds(status.holdTime), keepaliveTime: seconds(status.keepaliveTime) }),
    ...(up && negotiated !== undefined && { capabilities: capabilitiesOf(status) }),
    ...(lastError === undefined || up ? {} : { lastError: errorText(lastError, earlier) }),
    ...(notificationSent && { notificationSent: said(notificationSent) }),
    ...(notificationReceived && { notificationReceived: said(notificationReceived) }),
    ...(up && { announced: countsOf(status.announced) }),
    ...(reasons.length > 0 && {
      unsent: reasons.map(([reason, routes]) => ({ reason, message: unsentReasons[reason], routes })),
    }),
    // On its way Up it is in other states for a moment.
    ...(bfd === undefined ? {} : { bfd: bfd.state === 'Up' ? 'Up' : 'Down' }),
    ...(restarting && { restarting }),
  }
}

/**
 * A router that ended a session, or had it ended, hangs up on the next attempts without a word, BIRD for minutes: the
 * error before that is the one to know of.
 */
export const isWordless = ({ code }: NonNullable<SessionStatus['lastError']>): boolean => wordless.has(code)

const wordless: ReadonlySet<string> = new Set<SessionErrorCode>([
  'FL_BGP_CONNECTION_CLOSED',
  'FL_BGP_CONNECT_FAILED',
])

/** What both sides offer, in words that a router's own display has, too. */
export function capabilitiesOf({
  families,
  negotiated,
}: Pick<SessionStatus, 'families' | 'negotiated'>): string[] {
  if (negotiated === undefined) return []
  const { fourOctetAS, routeRefresh, extendedNextHop, gracefulRestart, role, peerRole, offer } = negotiated
  return [
    ...families,
    ...(fourOctetAS ? ['four-octet-as'] : []),
    ...(routeRefresh ? ['route-refresh'] : []),
    ...(extendedNextHop ? ['extended-next-hop'] : []),
    ...(gracefulRestart ? ['graceful-restart'] : []),
    ...(gracefulRestart?.notification ? ['graceful-restart-notification'] : []),
    ...(role && peerRole ? [`role ${role} to ${peerRole}`] : []),
    // Otherwise somebody would look for what is missing on the router.
    ...(offer === 'all' ? [] : [`offered: ${offer}, as the peer refused more`]),
  ]
}

/**
 * Counts move all the time, and the time of a NOTIFICATION with every attempt: neither is worth a write of its own.
 * Whether there are any routes at all is.
 */
export const withoutCounts = (sessions: readonly SessionReport[]): unknown[] =>
  sessions.map(({ announced, unsent, ...report }) => [
    withoutTimes(report),
    announced && Object.values(announced).map((count) => count > 0),
    unsent?.map(({ reason }) => reason),
  ])

/** With the counts, and without what only moves along with something else. */
export const withoutTimes = <T extends Pick<SessionReport, 'notificationSent' | 'notificationReceived'>>({
  notificationSent,
  notificationReceived,
  ...report
}: T): unknown => ({ ...report, sent: notificationSent?.text, received: notificationReceived?.text })

const errorText = (
  error: NonNullable<SessionStatus['lastError']>,
  earlier: SessionStatus['lastError'] | undefined,
): string => (isWordless(error) && earlier ? `${error.text}; before that: ${earlier.text}` : error.text)

const said = ({ at, text }: NonNullable<SessionStatus['notificationSent']>) => ({ at: timestamp(at), text })

const seconds = (ms: number): string => `${ms / 1000}s`

const countsOf = (announced: Readonly<Record<AddressFamily, number>>) => ({
  ipv4: announced['ipv4-unicast'],
  ipv6: announced['ipv6-unicast'],
})
