import type { BgpError } from '../errors.ts'
import type { CodecContext } from './context.ts'
import type { Frame } from './header.ts'
import { encodeKeepalive, keepalive, type KeepaliveMessage } from './keepalive.ts'
import { decodeNotification, encodeNotification, type NotificationMessage } from './notification.ts'
import { decodeOpen, encodeOpen, type OpenMessage } from './open.ts'
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefreshMessage } from './route-refresh.ts'
import { decodeUpdate, encodeUpdate, type UpdateMessage } from './update.ts'

export type Message =
  OpenMessage | UpdateMessage | NotificationMessage | KeepaliveMessage | RouteRefreshMessage

export interface DecodedMessage {
  readonly message: Message
  /** only for an UPDATE: an error that leaves the session up */
  readonly problem?: BgpError
}

/** @throws BgpError with treatment reset */
export function decodeMessage({ type, body }: Frame, context: CodecContext): DecodedMessage {
  switch (type) {
    case 'open':
      return { message: decodeOpen(body) }
    case 'update':
      return decodeUpdate(body, context)
    case 'notification':
      return { message: decodeNotification(body) }
    case 'keepalive':
      return { message: keepalive }
    case 'routeRefresh':
      return { message: decodeRouteRefresh(body) }
  }
}

/** A whole message, header included. */
export function encodeMessage(message: Message, context: CodecContext): Uint8Array {
  switch (message.type) {
    case 'open':
      return encodeOpen(message)
    case 'update':
      return encodeUpdate(message, context)
    case 'notification':
      return encodeNotification(message)
    case 'keepalive':
      return encodeKeepalive()
    case 'routeRefresh':
      return encodeRouteRefresh(message)
  }
}
