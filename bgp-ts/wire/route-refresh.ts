import { BgpError } from '../errors.ts'
import { writeMessage } from './header.ts'
import { Reader } from './reader.ts'

/** RFC 2918 3: AFI, an octet that RFC 7313 uses as subtype (0 for a plain request), SAFI. */
export interface RouteRefreshMessage {
  readonly type: 'routeRefresh'
  readonly afi: number
  readonly safi: number
  readonly subtype: number
}

/** Requests, and the subtypes 1 and 2 of RFC 7313, have exactly four octets. */
const bodyLength = 4
const knownSubtypes = 2
/** What of a wrong message fits into the NOTIFICATION that answers it. */
const maxData = 4096 - 21

/**
 * A longer message would be one with outbound route filters (RFC 5291), which are never offered. What an unknown
 * subtype brings along is its own affair: RFC 7313 5 has it ignored.
 * @throws BgpError 7/1 (data: the whole message)
 */
export function decodeRouteRefresh(body: Uint8Array): RouteRefreshMessage {
  const wrongLength = () => {
    const why = `a ROUTE-REFRESH has ${body.length} octets behind its header, not ${bodyLength}`
    return new BgpError('FL_BGP_REFRESH_LENGTH', why, writeMessage('routeRefresh', body).slice(0, maxData))
  }
  const reader = new Reader(body, wrongLength)
  const afi = reader.u16()
  const subtype = reader.u8()
  const safi = reader.u8()
  if (reader.remaining > 0 && subtype <= knownSubtypes) throw wrongLength()
  return { type: 'routeRefresh', afi, safi, subtype }
}

export const encodeRouteRefresh = ({ afi, subtype, safi }: RouteRefreshMessage): Uint8Array =>
  writeMessage('routeRefresh', Uint8Array.of(afi >>> 8, afi & 255, subtype, safi))
