import type { AddressFamily } from '../config.ts'

/** What the two sides agreed on and the codec has to know: never a peer, never a session. */
export interface CodecContext {
  /** both sides have capability 65: AS numbers take four octets in UPDATE (RFC 6793) */
  readonly fourOctetAS: boolean
  /** iBGP */
  readonly internal: boolean
  /** what both sides listed; routes of others are not looked at */
  readonly families: readonly AddressFamily[]
  /** both sides offer IPv4 routes with an IPv6 next hop (RFC 8950) */
  readonly extendedNextHop: boolean
}

/** Before the OPENs are exchanged no UPDATE is legal; this context still decodes one. */
export const initialContext: CodecContext = {
  fourOctetAS: false,
  internal: false,
  families: ['ipv4-unicast'],
  extendedNextHop: false,
}
