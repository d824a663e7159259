/**
 * Every NOTIFICATION this room can send or name: error code, subcode and the words of its registry (RFC 4271 4.5,
 * 4486, 5492, 6608, 7313, 8538, 9234, 9384, 9687). The key is the coded error that reaches status and metrics.
 */
export const notifications = {
  FL_BGP_HEADER: [1, 0, 'Message Header Error'],
  FL_BGP_HEADER_SYNC: [1, 1, 'Connection Not Synchronized'],
  FL_BGP_HEADER_LENGTH: [1, 2, 'Bad Message Length'],
  FL_BGP_HEADER_TYPE: [1, 3, 'Bad Message Type'],
  FL_BGP_OPEN_MALFORMED: [2, 0, 'malformed OPEN'],
  FL_BGP_OPEN_VERSION: [2, 1, 'Unsupported Version Number'],
  FL_BGP_OPEN_PEER_AS: [2, 2, 'Bad Peer AS'],
  FL_BGP_OPEN_IDENTIFIER: [2, 3, 'Bad BGP Identifier'],
  FL_BGP_OPEN_PARAMETER: [2, 4, 'Unsupported Optional Parameter'],
  FL_BGP_OPEN_AUTHENTICATION: [2, 5, 'Authentication Failure'],
  FL_BGP_OPEN_HOLD_TIME: [2, 6, 'Unacceptable Hold Time'],
  FL_BGP_OPEN_CAPABILITY: [2, 7, 'Unsupported Capability'],
  FL_BGP_OPEN_ROLE: [2, 11, 'Role Mismatch'],
  FL_BGP_UPDATE: [3, 0, 'UPDATE Message Error'],
  FL_BGP_UPDATE_ATTRIBUTE_LIST: [3, 1, 'Malformed Attribute List'],
  FL_BGP_UPDATE_WELL_KNOWN: [3, 2, 'Unrecognized Well-known Attribute'],
  FL_BGP_UPDATE_MISSING: [3, 3, 'Missing Well-known Attribute'],
  FL_BGP_UPDATE_FLAGS: [3, 4, 'Attribute Flags Error'],
  FL_BGP_UPDATE_LENGTH: [3, 5, 'Attribute Length Error'],
  FL_BGP_UPDATE_ORIGIN: [3, 6, 'Invalid ORIGIN Attribute'],
  FL_BGP_UPDATE_NEXT_HOP: [3, 8, 'Invalid NEXT_HOP Attribute'],
  FL_BGP_UPDATE_OPTIONAL: [3, 9, 'Optional Attribute Error'],
  FL_BGP_UPDATE_NETWORK: [3, 10, 'Invalid Network Field'],
  FL_BGP_UPDATE_AS_PATH: [3, 11, 'Malformed AS_PATH'],
  FL_BGP_HOLD_TIMER: [4, 0, 'Hold Timer Expired'],
  FL_BGP_FSM: [5, 0, 'Finite State Machine Error'],
  FL_BGP_FSM_OPEN_SENT: [5, 1, 'Unexpected Message in OpenSent State'],
  FL_BGP_FSM_OPEN_CONFIRM: [5, 2, 'Unexpected Message in OpenConfirm State'],
  FL_BGP_FSM_ESTABLISHED: [5, 3, 'Unexpected Message in Established State'],
  FL_BGP_CEASE: [6, 0, 'Cease'],
  FL_BGP_CEASE_PREFIXES: [6, 1, 'Maximum Number of Prefixes Reached'],
  FL_BGP_CEASE_SHUTDOWN: [6, 2, 'Administrative Shutdown'],
  FL_BGP_CEASE_DECONFIGURED: [6, 3, 'Peer De-configured'],
  FL_BGP_CEASE_RESET: [6, 4, 'Administrative Reset'],
  FL_BGP_CEASE_REJECTED: [6, 5, 'Connection Rejected'],
  FL_BGP_CEASE_CONFIGURATION: [6, 6, 'Other Configuration Change'],
  FL_BGP_CEASE_COLLISION: [6, 7, 'Connection Collision Resolution'],
  FL_BGP_CEASE_RESOURCES: [6, 8, 'Out of Resources'],
  FL_BGP_CEASE_HARD_RESET: [6, 9, 'Hard Reset'],
  FL_BGP_CEASE_BFD: [6, 10, 'BFD Down'],
  FL_BGP_REFRESH_LENGTH: [7, 1, 'Invalid Message Length of ROUTE-REFRESH'],
  FL_BGP_SEND_HOLD_TIMER: [8, 0, 'Send Hold Timer Expired'],
} as const satisfies Record<string, readonly [code: number, subcode: number, words: string]>

export type NotificationErrorCode = keyof typeof notifications

/** Every way in which a session can be down that is not a NOTIFICATION of ours. */
export type SessionErrorCode =
  | NotificationErrorCode
  | 'FL_BGP_NOTIFICATION_RECEIVED'
  | 'FL_BGP_CONNECT_FAILED'
  | 'FL_BGP_CONNECT_TIMEOUT'
  | 'FL_BGP_CONNECTION_CLOSED'
  | 'FL_BGP_NO_OPEN'
  | 'FL_BGP_STOPPED'

/** RFC 7606 2, weakest first. We keep no received route, so the first two mean "count it and go on". */
const treatments = ['discard', 'withdraw', 'reset'] as const
export type Treatment = (typeof treatments)[number]

/** What the peer sent wrong, as plain data: the NOTIFICATION that answers it, and words for a person. */
export interface Fault {
  readonly error: NotificationErrorCode
  /** data field of the NOTIFICATION, octets */
  readonly data: readonly number[]
  readonly text: string
}

/** A message breaks the protocol. `treatment` says how much has to suffer for it. */
export class BgpError extends Error {
  override readonly name = 'BgpError'
  readonly code: NotificationErrorCode
  readonly data: readonly number[]
  readonly treatment: Treatment

  constructor(code: NotificationErrorCode, why: string, data: Iterable<number> = [], treatment?: Treatment) {
    // It is the peer that is wrong, and it may be wrong a million times: to note the place in this program takes four
    // times as long as all else about such a message.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(why)
    Error.stackTraceLimit = limit
    this.code = code
    this.data = [...data]
    this.treatment = treatment ?? 'reset'
  }

  toFault(): Fault {
    return { error: this.code, data: this.data, text: this.message }
  }
}

/** RFC 7606 3(h): of several errors in one message the one with the strongest treatment counts. */
export function stronger(a: BgpError | undefined, b: BgpError): BgpError {
  if (a === undefined) return b
  return treatments.indexOf(b.treatment) > treatments.indexOf(a.treatment) ? b : a
}

/** A programming or configuration mistake on our side of the wire. */
export class BgpUsageError extends Error {
  override readonly name = 'BgpUsageError'
  readonly code: 'FL_BGP_MESSAGE_TOO_LONG' | 'FL_BGP_RECORDING' | 'FL_BGP_TRANSPORT'

  constructor(code: BgpUsageError['code'], why: string) {
    super(why)
    this.code = code
  }
}

const codeWords = [
  '',
  'Message Header Error',
  'OPEN Message Error',
  'UPDATE Message Error',
  'Hold Timer Expired',
  'Finite State Machine Error',
  'Cease',
  'ROUTE-REFRESH Message Error',
  'Send Hold Timer Expired',
]

const wordsByPair = new Map(
  Object.values(notifications).map(([code, subcode, words]) => [`${code}/${subcode}`, words]),
)

/** `Cease, Administrative Shutdown (6/2)`; unknown numbers stay readable. */
export function notificationWords(code: number, subcode: number): string {
  const general = codeWords[code] ?? 'unknown error'
  const particular = wordsByPair.get(`${code}/${subcode}`)
  const words =
    particular === undefined || particular === general || code === 4 ? general : `${general}, ${particular}`
  return `${words} (${code}/${subcode})`
}

const systemWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the peer refused the connection: no BGP there, or it does not know this node as a neighbor',
  ECONNRESET: 'the peer reset the connection',
  ETIMEDOUT: 'no answer: wrong address, a firewall, or a password or TTL that does not match',
  EHOSTUNREACH: 'no route to the peer, or nobody answers for its address on the link',
  ENETUNREACH: 'no route to the peer from this node',
  EADDRNOTAVAIL: 'the source address is not on this node',
  EADDRINUSE: 'the source address and port are in use by another BGP speaker',
  EPIPE: 'the peer closed the connection while we wrote',
}

/** Those that mean something else once a connection was open. */
const brokenWords: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'the peer acknowledged nothing any more',
}

/**
 * A system error in the words of somebody who looks for a broken session.
 * @param open the connection was open
 */
export function systemErrorWords(code: string, message: string, open: boolean): string {
  const words = (open ? brokenWords[code] : undefined) ?? systemWords[code] ?? message
  return `${words} (${code})`
}
