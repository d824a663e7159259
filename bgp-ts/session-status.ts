import { formatAddress, type Address } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'
import type { PeerState } from './events.ts'
import type { NotificationStatus, SessionStatus } from './status.ts'
import { describeNotification, type NotificationMessage } from './wire/notification.ts'

/** What a session remembers beyond its state. */
export interface SessionMemory {
  /** epoch milliseconds of the last state change */
  since: number
  local?: Address | undefined
  /** as the peer said it, in an OPEN that was refused, too */
  peerAS?: number | undefined
  lastError?: SessionStatus['lastError']
  sent?: NotificationStatus
  received?: NotificationStatus
}

/** All of a session's status but the counts of messages and routes. */
export function statusOf(
  config: PeerConfig,
  { primary }: PeerState,
  memory: SessionMemory,
): Omit<SessionStatus, 'counters' | 'announced' | 'pending' | 'unsent' | 'eorSent'> {
  const { name, negotiated } = primary
  const up = name === 'Established' ? negotiated : undefined
  const peerAS = negotiated?.peerAS ?? memory.peerAS ?? config.peerAS
  const text = formatAddress(config.address)
  const { local, since, lastError, sent, received } = memory
  return {
    peer: config.name,
    endpoint: `${config.address.family === 6 ? `[${text}]` : text}:${config.port}`,
    ...(local && { localAddress: formatAddress(local) }),
    localAS: config.localAS,
    ...(peerAS !== undefined && { peerAS }),
    ...(negotiated && { peerRouterId: negotiated.peerRouterId }),
    state: name,
    since,
    holdTime: up?.holdTime ?? 0,
    keepaliveTime: up?.keepaliveTime ?? 0,
    families: up?.families ?? [],
    ...(negotiated && { negotiated: negotiatedStatus(config, { primary }) }),
    ...(config.gracefulRestart && { restarting: primary.restarting }),
    ...(lastError && { lastError }),
    ...(sent && { notificationSent: sent }),
    ...(received && { notificationReceived: received }),
  }
}

function negotiatedStatus({ role }: PeerConfig, { primary }: PeerState): SessionStatus['negotiated'] {
  const { fourOctetAS, routeRefresh, extendedNextHop, gracefulRestart, peerRole, peerHostname } =
    primary.negotiated!
  return {
    fourOctetAS,
    routeRefresh,
    extendedNextHop,
    ...(gracefulRestart && { gracefulRestart }),
    ...(role && { role }),
    ...(peerRole && { peerRole }),
    ...(peerHostname && { peerHostname }),
    offer: primary.offer,
  }
}

export const notificationStatus = (message: NotificationMessage, at: number): NotificationStatus => ({
  at,
  code: message.code,
  subcode: message.subcode,
  text: describeNotification(message),
})
