import { writeMessage } from './header.ts'

/** RFC 4271 4.4: the header alone. */
export interface KeepaliveMessage {
  readonly type: 'keepalive'
}

export const keepalive: KeepaliveMessage = { type: 'keepalive' }

export const encodeKeepalive = (): Uint8Array => writeMessage('keepalive', new Uint8Array())
