import { notifications, notificationWords, type Fault } from '../errors.ts'
import { writeMessage } from './header.ts'

/** RFC 4271 4.5 */
export interface NotificationMessage {
  readonly type: 'notification'
  readonly code: number
  readonly subcode: number
  /** octets */
  readonly data: readonly number[]
}

/** The header check has made sure of the two octets; a NOTIFICATION is never answered (RFC 4271 6.4). */
export const decodeNotification = (body: Uint8Array): NotificationMessage => ({
  type: 'notification',
  code: body[0],
  subcode: body[1],
  data: [...body.subarray(2)],
})

export const encodeNotification = ({ code, subcode, data }: NotificationMessage): Uint8Array =>
  writeMessage('notification', Uint8Array.of(code, subcode, ...data))

/** The NOTIFICATION that answers a fault. */
export function notificationOf({ error, data }: Pick<Fault, 'error' | 'data'>): NotificationMessage {
  const [code, subcode] = notifications[error]
  return { type: 'notification', code, subcode, data }
}

/** RFC 8203 allowed 128 octets of text, RFC 9003 allows 255: we send what both sides can take. */
const maxTextSent = 128

/**
 * A Cease with a text for the operator of the peer. RFC 9003 2: only Administrative Shutdown (2) and Reset (4)
 * carry one; a longer text is cut between characters.
 */
export function ceaseMessage(subcode: number, text = ''): NotificationMessage {
  const carriesText = subcode === 2 || subcode === 4
  return { type: 'notification', code: 6, subcode, data: carriesText && text !== '' ? writeText(text) : [] }
}

function writeText(text: string): number[] {
  const octets = new Uint8Array(maxTextSent)
  const { written } = new TextEncoder().encodeInto(text.toWellFormed(), octets)
  return [written, ...octets.subarray(0, written)]
}

/**
 * The text of a received Cease (RFC 9003 2), fit for a log: what could break a line or disguise it is replaced.
 * '' when there is none; `malformed` when its length octet promises more than there is.
 */
export function shutdownText(message: NotificationMessage): { text: string; malformed: boolean } {
  const { code, subcode, data } = message
  if (code !== 6 || (subcode !== 2 && subcode !== 4) || data.length === 0)
    return { text: '', malformed: false }
  if (data[0] > data.length - 1) return { text: '', malformed: true }
  const text = new TextDecoder().decode(Uint8Array.from(data.slice(1, 1 + data[0])))
  // Control and format characters, separators of lines and paragraphs.
  return { text: text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd'), malformed: false }
}

/** What the peer said, in words: `Cease, Administrative Shutdown (6/2): "bye"`. */
export function describeNotification(message: NotificationMessage): string {
  const words = notificationWords(message.code, message.subcode)
  const { text, malformed } = shutdownText(message)
  if (malformed) return `${words}, with a malformed text`
  if (text !== '') return `${words}: "${text}"`
  if (message.data.length === 0 || message.code === 6) return words
  const hex = Buffer.from(message.data.slice(0, 32)).toString('hex')
  return `${words}, data ${hex}${message.data.length > 32 ? '…' : ''}`
}
