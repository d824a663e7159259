import { BgpError } from '../errors.ts'

/** RFC 4271 4.1: marker of sixteen ones, length (2 octets, header included), type. */
export const headerLength = 19
export const maxMessageLength = 4096

/** RFC 4271 4.1, RFC 2918. The order of the keys is the order of the codes. */
export const messageTypes = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const
export type MessageType = keyof typeof messageTypes

const typeByCode: (MessageType | undefined)[] = []
for (const [name, code] of Object.entries(messageTypes)) typeByCode[code] = name as MessageType

/** Smallest whole message of each type (RFC 4271 4.2 to 4.5, RFC 2918 3). */
const minLength = { open: 29, update: 23, notification: 21, keepalive: 19, routeRefresh: 23 } as const

/** One message cut out of the stream: its type and what follows the header. */
export interface Frame {
  readonly type: MessageType
  readonly body: Uint8Array
}

/** Octets where they lie. */
export interface Span {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

/** The whole length of the message whose header begins at `at`. */
export const lengthAt = (bytes: Uint8Array, at: number): number => bytes[at + 16] * 256 + bytes[at + 17]

/**
 * Checks the 19 octets from `at` on: marker, then type, then length. The order is not in the RFC; type before length is
 * what FRR does, and it decides which error a type 0 with an odd length is.
 * @throws BgpError 1/1, 1/2 (data: the length), 1/3 (data: the type)
 */
export function readType(bytes: Uint8Array, at: number): MessageType {
  // RFC 4271 6.1: the marker is all ones.
  for (let index = at; index < at + 16; index++) {
    if (bytes[index] !== 255)
      throw new BgpError('FL_BGP_HEADER_SYNC', 'the marker of a message is not all ones')
  }
  const code = bytes[at + 18]
  const length = lengthAt(bytes, at)
  const type = typeByCode[code]
  if (type === undefined) throw new BgpError('FL_BGP_HEADER_TYPE', `message type ${code} is unknown`, [code])
  // RFC 4271 6.1: the limits of all messages, then those of the type; KEEPALIVE has exactly one length.
  const bad =
    length > maxMessageLength || length < minLength[type] || (type === 'keepalive' && length !== headerLength)
  if (bad) {
    const data = [length >>> 8, length & 255]
    throw new BgpError('FL_BGP_HEADER_LENGTH', `length ${length} is impossible for ${type}`, data)
  }
  return type
}

/** A whole message of our own as a frame. */
export const frameOf = (type: MessageType, message: Uint8Array): Frame => ({
  type,
  body: message.subarray(headerLength),
})

/** The message around a body. */
export function writeMessage(type: MessageType, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerLength + body.length)
  writeHeader(bytes, 0, type, bytes.length)
  bytes.set(body, headerLength)
  return bytes
}

/** The header of a message with this length, which begins at `at`. */
export function writeHeader(target: Uint8Array, at: number, type: MessageType, length: number): void {
  target.fill(255, at, at + 16)
  target[at + 16] = length >>> 8
  target[at + 17] = length & 255
  target[at + 18] = messageTypes[type]
}
