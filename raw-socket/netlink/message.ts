import { SystemError } from '../errors.ts'

/**
 * Netlink messages as octets (linux/netlink.h; netlink(7)). Numbers are in host order, which here is little
 * endian, except where a family says otherwise: nf_tables sends its own in network order.
 */

/** Flags of a message header. */
export const messageFlags = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  dumpInterrupted: 0x10,
  /** root | match */
  dump: 0x300,
  /** for "new": fail when it exists */
  exclusive: 0x200,
  replace: 0x100,
  create: 0x400,
  append: 0x800,
} as const

/** Message types that every family shares. */
export const controlTypes = { noop: 1, error: 2, done: 3, overrun: 4 } as const

/** Length of `nlmsghdr`. */
const headerLength = 16

const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const MAX_ATTRIBUTE = 0xffff

const align = (length: number): number => (length + 3) & ~3

/**
 * Writes messages one after another into one growing buffer. `begin` … `end` is a message, `open` … `close` a
 * nested attribute. A writer can be used again after `reset`, which keeps its memory.
 */
export class NetlinkWriter {
  #buffer: Buffer
  #length = 0
  #message = -1
  #count = 0
  readonly #open: number[] = []

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Octets written so far. */
  get length(): number {
    return this.#length
  }

  /** Messages begun so far. */
  get count(): number {
    return this.#count
  }

  /** Starts a message. The family's own header (nfgenmsg, ifinfomsg …) follows with `u8`, `u16` …. */
  begin(type: number, flags: number, seq: number): this {
    if (this.#message >= 0) throw misuse('begin inside a message')
    const at = this.#grow(headerLength)
    this.#message = at
    this.#count++
    this.#buffer.writeUInt32LE(0, at)
    this.#buffer.writeUInt16LE(type, at + 4)
    this.#buffer.writeUInt16LE(flags, at + 6)
    this.#buffer.writeUInt32LE(seq, at + 8)
    this.#buffer.writeUInt32LE(0, at + 12)
    return this
  }

  /** Raw octets, not padded. */
  bytes(payload: Uint8Array): this {
    this.#copy(payload, this.#grow(payload.length))
    return this
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#buffer[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#buffer.writeUInt16LE(value, at)
    return this
  }

  u16be(value: number): this {
    const at = this.#grow(2)
    this.#buffer.writeUInt16BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#grow(4)
    this.#buffer.writeUInt32LE(value, at)
    return this
  }

  u32be(value: number): this {
    const at = this.#grow(4)
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  attribute(type: number, payload: Uint8Array): this {
    this.#copy(payload, this.#header(type, payload.length))
    return this
  }

  /** Text with the NUL that the kernel wants at its end. */
  attributeString(type: number, text: string): this {
    const length = Buffer.byteLength(text)
    const at = this.#header(type, length + 1)
    this.#buffer.write(text, at)
    this.#buffer[at + length] = 0
    return this
  }

  attributeU8(type: number, value: number): this {
    const at = this.#header(type, 1)
    this.#buffer[at] = value
    return this
  }

  attributeU32(type: number, value: number): this {
    const at = this.#header(type, 4)
    this.#buffer.writeUInt32LE(value, at)
    return this
  }

  attributeU32be(type: number, value: number): this {
    const at = this.#header(type, 4)
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  attributeU64be(type: number, value: bigint): this {
    const at = this.#header(type, 8)
    this.#buffer.writeBigUInt64BE(value, at)
    return this
  }

  /** Starts a nested attribute. */
  open(type: number): this {
    const at = this.#grow(4)
    this.#buffer.writeUInt16LE(type | NLA_F_NESTED, at + 2)
    this.#open.push(at)
    return this
  }

  /** Octets of the innermost open attribute so far, header included; at most 65,535 when it closes. */
  get openLength(): number {
    const start = this.#open.at(-1)
    return start === undefined ? 0 : this.#length - start
  }

  /**
   * Ends the innermost nested attribute.
   * @throws SystemError FL_SYS_TOO_LONG when it is longer than its length field can say
   */
  close(): this {
    const at = this.#open.pop()
    if (at === undefined) throw misuse('close without open')
    const length = this.#length - at
    if (length > MAX_ATTRIBUTE) throw tooLong(length)
    this.#buffer.writeUInt16LE(length, at)
    this.#pad()
    return this
  }

  /** Ends the message. */
  end(): this {
    if (this.#message < 0) throw misuse('end without begin')
    if (this.#open.length > 0) throw misuse('end inside a nested attribute')
    this.#pad()
    this.#buffer.writeUInt32LE(this.#length - this.#message, this.#message)
    this.#message = -1
    return this
  }

  /** Everything written: a view that is valid until the next write or `reset`. */
  finish(): Uint8Array {
    if (this.#message >= 0) throw misuse('finish inside a message')
    return this.#buffer.subarray(0, this.#length)
  }

  /** Forgets what was written and keeps the memory. */
  reset(): this {
    this.#length = 0
    this.#message = -1
    this.#count = 0
    this.#open.length = 0
    return this
  }

  /** Room for one attribute, padding included; returns where its payload goes. */
  #header(type: number, payload: number): number {
    const length = payload + 4
    if (length > MAX_ATTRIBUTE) throw tooLong(length)
    const at = this.#grow(align(length))
    this.#buffer.writeUInt16LE(length, at)
    this.#buffer.writeUInt16LE(type, at + 2)
    this.#buffer.fill(0, at + length, this.#length)
    return at + 4
  }

  #pad(): void {
    const missing = align(this.#length) - this.#length
    if (missing > 0) this.#buffer.fill(0, this.#grow(missing), this.#length)
  }

  #copy(payload: Uint8Array, at: number): void {
    // Most payloads are a few octets, where a loop is quicker than TypedArray.set.
    if (payload.length > 32) this.#buffer.set(payload, at)
    else for (let index = 0; index < payload.length; index++) this.#buffer[at + index] = payload[index]
  }

  #grow(by: number): number {
    const at = this.#length
    const needed = at + by
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.#length = needed
    return at
  }
}

const misuse = (what: string): SystemError => new SystemError('FL_SYS_ARGUMENT', `netlink writer: ${what}`)

const tooLong = (length: number): SystemError =>
  new SystemError('FL_SYS_TOO_LONG', `netlink attribute of ${length} octets; at most ${MAX_ATTRIBUTE} fit`)

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly seq: number
  readonly pid: number
  /** what follows the header: a view into the buffer that was parsed */
  readonly body: Buffer
}

/**
 * The messages of one datagram.
 * @throws SystemError FL_SYS_TRUNCATED when a length reaches beyond the end or is shorter than a header
 */
export function parseMessages(bytes: Uint8Array): NetlinkMessage[] {
  const buffer = view(bytes)
  const messages: NetlinkMessage[] = []
  let at = 0
  while (at < buffer.length) {
    const left = buffer.length - at
    if (left < headerLength) throw truncated(`${left} octets left where a message header should be`)
    const length = buffer.readUInt32LE(at)
    if (length < headerLength || length > left) throw truncated(`a message says ${length} of ${left} octets`)
    messages.push({
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      seq: buffer.readUInt32LE(at + 8),
      pid: buffer.readUInt32LE(at + 12),
      body: buffer.subarray(at + headerLength, at + length),
    })
    at += align(length)
  }
  return messages
}

export interface NetlinkAttribute {
  /** without the flag bits "nested" and "network order" */
  readonly type: number
  readonly payload: Buffer
}

/**
 * Attributes in their order, for lists in which a type occurs often.
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function parseAttributeList(bytes: Uint8Array): NetlinkAttribute[] {
  const buffer = view(bytes)
  const attributes: NetlinkAttribute[] = []
  let at = 0
  while (at < buffer.length) {
    const left = buffer.length - at
    if (left < 4) throw truncated(`${left} octets left where an attribute header should be`)
    const length = buffer.readUInt16LE(at)
    if (length < 4 || length > left) throw truncated(`an attribute says ${length} of ${left} octets`)
    const type = buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK
    attributes.push({ type, payload: buffer.subarray(at + 4, at + length) })
    at += align(length)
  }
  return attributes
}

/**
 * Attributes by type; of several with one type the last counts, as in the kernel's nla_parse.
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function parseAttributes(bytes: Uint8Array): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>()
  for (const { type, payload } of parseAttributeList(bytes)) attributes.set(type, payload)
  return attributes
}

/** The attributes inside the attribute `type`; empty when there is no such attribute. */
export function parseNested(attributes: ReadonlyMap<number, Buffer>, type: number): Map<number, Buffer> {
  const payload = attributes.get(type)
  return payload === undefined ? new Map() : parseAttributes(payload)
}

/** Text up to its first NUL, or to the end. */
export function attributeText(payload: Uint8Array): string {
  const buffer = view(payload)
  const end = buffer.indexOf(0)
  return buffer.toString('utf8', 0, end < 0 ? buffer.length : end)
}

/** What an NLMSG_ERROR message says; errno 0 is an acknowledgement. */
export interface Acknowledgement {
  readonly errno: number
  /** of the message that is answered */
  readonly seq: number
  /** the kernel's own words, often '' */
  readonly text: string
}

const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1

/**
 * Reads the body of an NLMSG_ERROR message (struct nlmsgerr, then attributes when NETLINK_EXT_ACK is on).
 * @throws SystemError FL_SYS_TRUNCATED
 */
export function parseAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { body, flags } = message
  if (body.length < 4 + headerLength) throw truncated(`an acknowledgement of ${body.length} octets`)
  const errno = 0 - body.readInt32LE(0)
  const seq = body.readUInt32LE(4 + 8)
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, seq, text: '' }
  // Without "capped" the whole refused message lies between the error and the attributes.
  const echoed = (flags & NLM_F_CAPPED) === 0 ? align(body.readUInt32LE(4)) : headerLength
  const text = parseAttributes(body.subarray(4 + echoed)).get(NLMSGERR_ATTR_MSG)
  return { errno, seq, text: text === undefined ? '' : attributeText(text) }
}

const view = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const truncated = (why: string): SystemError => new SystemError('FL_SYS_TRUNCATED', `netlink: ${why}`)
