import { notifications, notificationWords, type Fault } from '../errors.ts'
import { familyOf } from './families.ts'
import { writeMessage } from './header.ts'
import { cutText, printable } from './text.ts'

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

const cease = 6
const hardResetSubcode = 9
/** RFC 8203 allowed 128 octets of text, RFC 9003 allows 255: we send what both sides can take. */
const maxTextSent = 128

/**
 * A Cease with a text for the operator of the peer. RFC 9003 2: only Administrative Shutdown (2) and Reset (4)
 * carry one; a longer text is cut between characters.
 */
export function ceaseMessage(subcode: number, text = ''): NotificationMessage {
  const octets = carriesText(subcode) ? cutText(text, maxTextSent) : []
  const data = octets.length > 0 ? [octets.length, ...octets] : []
  return { type: 'notification', code: cease, subcode, data }
}

const carriesText = (subcode: number): boolean => subcode === 2 || subcode === 4

/** RFC 8538 3.1: what has to end the peer's graceful restart, too, goes inside a Hard Reset. */
export const hardReset = ({ code, subcode, data }: NotificationMessage): NotificationMessage => ({
  type: 'notification',
  code: cease,
  subcode: hardResetSubcode,
  data: [code, subcode, ...data],
})

/** What is inside a Hard Reset; undefined for another message, or for one that holds nothing. */
function insideHardReset({ code, subcode, data }: NotificationMessage): NotificationMessage | undefined {
  if (code !== cease || subcode !== hardResetSubcode || data.length < 2) return undefined
  return { type: 'notification', code: data[0], subcode: data[1], data: data.slice(2) }
}

/**
 * The text of a received Cease (RFC 9003 2), fit for a log. '' when there is none; `malformed` when its length octet
 * promises more than there is.
 */
export function shutdownText(message: NotificationMessage): { text: string; malformed: boolean } {
  const { code, subcode, data } = message
  if (code !== cease || !carriesText(subcode) || data.length === 0) return { text: '', malformed: false }
  if (data[0] > data.length - 1) return { text: '', malformed: true }
  return { text: printable(Uint8Array.from(data.slice(1, 1 + data[0]))), malformed: false }
}

/** What the peer said, in words: `Cease, Administrative Shutdown (6/2): "bye"`. */
export function describeNotification(message: NotificationMessage): string {
  const words = notificationWords(message.code, message.subcode)
  const inner = insideHardReset(message)
  if (inner !== undefined) {
    // One inside another would be nonsense; its data is not looked into.
    return `${words}: ${describeNotification({ ...inner, data: insideHardReset(inner) ? [] : inner.data })}`
  }
  const { text, malformed } = shutdownText(message)
  if (malformed) return `${words}, with a malformed text`
  if (text !== '') return `${words}: "${text}"`
  return words + dataWords(message)
}

function dataWords({ code, subcode, data }: NotificationMessage): string {
  if (code === cease) return subcode === 1 ? prefixLimit(data) : ''
  if (data.length === 0) return ''
  const bytes = Buffer.from(data)
  const as = code === 2 && subcode === 2 ? asNumber(bytes) : undefined
  if (as !== undefined) return `, AS ${as}`
  if (code === 2 && subcode === 1 && data.length === 2) return `, it speaks version ${bytes.readUInt16BE()}`
  return `, data ${bytes.subarray(0, 32).toString('hex')}${data.length > 32 ? '…' : ''}`
}

/**
 * The RFCs leave open what comes with Bad Peer AS; most peers say the AS number, in two octets or in four. Some say the
 * four in the order of their CPU, by which a number below 65536 looks like one that ends in 16 zeros.
 */
function asNumber(bytes: Buffer): number | undefined {
  if (bytes.length !== 2 && bytes.length !== 4) return undefined
  const as = bytes.readUIntBE(0, bytes.length)
  return as === 0 || (bytes.length === 4 && as % 65536 === 0) ? undefined : as
}

/** RFC 4486 4: AFI, SAFI and the limit, if the peer says it. */
function prefixLimit(data: readonly number[]): string {
  if (data.length !== 7) return ''
  const bytes = Buffer.from(data)
  const afi = bytes.readUInt16BE()
  const family = familyOf(afi, bytes[2]) ?? `family ${afi}/${bytes[2]}`
  return `, ${bytes.readUInt32BE(3)} of ${family}`
}
