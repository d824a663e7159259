/** What can be wrong with a session, as faults and reasons with words for a person. */
import { notifications, type Fault } from './errors.ts'
import type { DownReason, FsmState } from './events.ts'
import type { Offer } from './open-check.ts'
import { messageTypes } from './wire/header.ts'
import type { NotificationMessage } from './wire/notification.ts'

export function unexpected(error: Fault['error'], kind: keyof typeof messageTypes): Fault {
  return { error, data: [messageTypes[kind]], text: `the peer sent ${kind} out of turn` }
}

/**
 * RFC 4271 6.6: an error inside a message that must not come in this state at all is an FSM error instead.
 * @param codes the error codes (1 header, 2 OPEN, 3 UPDATE, 7 ROUTE-REFRESH) that can come in this state
 */
export function inPlace(fault: Fault, codes: readonly number[], error: Fault['error']): Fault {
  const [code] = notifications[fault.error]
  if (codes.includes(code)) return fault
  return unexpected(error, code === 2 ? 'open' : code === 3 ? 'update' : 'routeRefresh')
}

export const holdExpired = (when: string): Fault => ({
  error: 'FL_BGP_HOLD_TIMER',
  data: [],
  text: `the peer was silent for the hold time, ${when}`,
})

/** Seconds after which a connection without an OPEN of the peer is worth a word. */
export const OPEN_LATE_AFTER = 10

/** A SYN has passed; what came after it did not, or nobody there feels meant. */
const openCauses =
  'TTL security (GTSM) on one side only, a filter, or a peer that has no neighbor of our address configured'

export const openLate: DownReason = {
  code: 'FL_BGP_NO_OPEN',
  text: `connected, but the peer has sent no OPEN for ${OPEN_LATE_AFTER} s: ${openCauses}`,
}

export const openNever: Fault = holdExpired(`waiting for an OPEN: ${openCauses}`)

export const sendHoldExpired: Fault = {
  error: 'FL_BGP_SEND_HOLD_TIMER',
  data: [],
  text: 'the peer has taken no octet from us for the send hold time',
}

export const closed = (text: string, when: string): DownReason => ({
  code: 'FL_BGP_CONNECTION_CLOSED',
  text: `${text === '' ? 'the peer closed the connection' : text}, ${when}`,
})

export const offerWords: Readonly<Record<Offer, string>> = {
  all: '',
  basic: '; the next OPEN goes with the common capabilities only',
  none: '; the next OPEN goes without capabilities',
}

/** What we said that the peer did not like, or what usually lies behind such an answer. */
export function hint({ code, subcode }: NotificationMessage, { config, negotiated }: FsmState): string {
  switch (`${code}/${subcode}`) {
    case '2/2':
      return `; we said AS ${config.localAS}`
    case '2/3':
      return `; we said BGP identifier ${config.routerId}`
    case '2/6':
      return `; we offered a hold time of ${config.holdTime / 1000} s`
    case '2/11':
      return `; we said ${config.role === undefined ? 'no role' : `that we are ${config.role}`}`
    case '4/0':
      return negotiated === undefined ? '' : `; it is ${negotiated.holdTime / 1000} s`
    case '6/5':
      return '; it may not know this node as a neighbor, or is waiting after an error'
    case '6/7':
      return '; it has another connection from this address: one of before a restart, or of a second BGP speaker here'
    default:
      return ''
  }
}
