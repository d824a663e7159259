/** Every way in which this room refuses something. */
export type BfdErrorCode =
  /** more sessions are asked for than a node keeps */
  | 'FL_BFD_TOO_MANY'
  /** the addresses of a session are not addresses, or not of one family */
  | 'FL_BFD_ADDRESS'
  /** the kernel gives no socket for the session */
  | 'FL_BFD_SOCKET'
  /** a profile asks for the echo function, which is not offered */
  | 'FL_BFD_ECHO_NOT_OFFERED'
  /** a profile asks for a detection time that a process on a shared machine cannot keep */
  | 'FL_BFD_FAST'
  /** a recording is empty or not one */
  | 'FL_BFD_RECORDING'

export class BfdError extends Error {
  override readonly name = 'BfdError'
  readonly code: BfdErrorCode

  constructor(code: BfdErrorCode, why: string) {
    super(why)
    this.code = code
  }
}

/**
 * Why a received control packet has no effect, in the order in which they are asked (RFC 5880 6.8.6). Every packet
 * that reaches this node ends at a session or as one of these; each is counted. The words are metric labels.
 */
export const dropReasons = {
  ttl: 'TTL or hop limit below the least (RFC 5881 5, RFC 5883 5), or the socket was full: dropped by the kernel',
  truncated: 'shorter than 24 octets',
  version: 'version is not 1',
  length: 'the length field is below 24, below 26 with authentication, or beyond the payload',
  multiplier: 'Detect Mult is 0',
  multipoint: 'the Multipoint bit is set',
  myDiscriminator: 'My Discriminator is 0',
  pollAndFinal: 'Poll and Final are both set (RFC 5880 6.5)',
  unknownSession: 'Your Discriminator is of no session here, or of one that is heard on the other port',
  stateWithoutSession: 'Your Discriminator is 0 and the state is Init or Up',
  noSession: 'Your Discriminator is 0 and no session is configured for these addresses',
  authentication: 'carries authentication, and the session uses none',
  adminDown: 'the session is administratively down here',
  pollRate: 'a Poll more than the node answers',
} as const satisfies Record<string, string>

export type DropReason = keyof typeof dropReasons

/** RFC 5880 4.1 and RFC 6428: the reason for the last change to a lower state. */
const diagnostics: readonly string[] = [
  'none',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
]

/** The diagnostics that are sent from here. */
export const diagnostic = { none: 0, timeExpired: 1, neighborDown: 3, adminDown: 7 } as const

/** `1 (control detection time expired)`; unknown numbers stay readable. */
export const diagnosticWords = (code: number): string => `${code} (${diagnostics[code] ?? 'unassigned'})`
