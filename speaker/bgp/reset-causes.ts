import type { SessionErrorCode } from '#bgp-ts/errors.ts'
import type { SessionStatus } from '#bgp-ts/status.ts'
import type { WireErrorCode } from '../wire/errors.ts'

/** By the code of what ended a session that was up. Every other code is our answer to a message that was wrong. */
const causes = {
  FL_BGP_NOTIFICATION_RECEIVED: 'notificationReceived',
  FL_BGP_CONNECTION_CLOSED: 'connectionClosed',
  FL_BGP_HOLD_TIMER: 'holdTimer',
  FL_BGP_SEND_HOLD_TIMER: 'sendHoldTimer',
  FL_BGP_CEASE_BFD: 'bfdDown',
  FL_BGP_STOPPED: 'stopped',
  FL_WIRE_PEER_BLOCKED: 'blocked',
  FL_WIRE_NO_ROUTER: 'blocked',
} as const satisfies Partial<Record<SessionErrorCode | WireErrorCode, string>>

/** Why a session that was up is not up any more, for counting and for choosing words. */
export type ResetCause = (typeof causes)[keyof typeof causes] | 'configuration' | 'protocolError'

const isKnown = (code: string): code is keyof typeof causes => Object.hasOwn(causes, code)

/** What ended the session that this status says is down. */
export function resetCause({ lastError, notificationSent: sent }: SessionStatus): ResetCause {
  if (lastError === undefined || !isKnown(lastError.code)) return 'protocolError'
  const cause = causes[lastError.code]
  // Cease, Other Configuration Change (RFC 4486 4): our own end of the session, to begin a new one at once.
  const changed = sent?.at === lastError.at && sent.code === 6 && sent.subcode === 6
  return cause === 'stopped' && changed ? 'configuration' : cause
}
