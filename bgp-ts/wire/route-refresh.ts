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

/** What follows the four octets (outbound route filters, RFC 5291) was never offered and is left alone. */
export function decodeRouteRefresh(body: Uint8Array): RouteRefreshMessage {
  const reader = new Reader(body, () => new BgpError('FL_BGP_REFRESH_LENGTH', 'the ROUTE-REFRESH ends early'))
  const afi = reader.u16()
  const subtype = reader.u8()
  return { type: 'routeRefresh', afi, safi: reader.u8(), subtype }
}

export const encodeRouteRefresh = ({ afi, subtype, safi }: RouteRefreshMessage): Uint8Array =>
  writeMessage('routeRefresh', Uint8Array.of(afi >>> 8, afi & 255, subtype, safi))
