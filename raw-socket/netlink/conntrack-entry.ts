import { addressFromBytes, addressToBytes, formatAddress, parseAddress, type Family } from '#inet/address.ts'
import { SystemError } from '../errors.ts'
import type { NetlinkWriter } from './message.ts'

/**
 * Connections of conntrack as octets (linux/netfilter/nfnetlink_conntrack.h). Everything that ctnetlink says is in
 * network order. A listing may have a million entries of which few matter, so an entry that was read is a view: it
 * decodes what it is asked for, when it is asked.
 */

/** Protocols by their IP number: those whose tuples have ports. */
export const ipProtocols = { tcp: 6, udp: 17, sctp: 132 } as const

/** Who sends to whom, in one direction of a connection. */
export interface ConntrackTuple {
  /** canonical text */
  readonly source: string
  readonly destination: string
  /** 0 for protocols without ports */
  readonly sourcePort: number
  readonly destinationPort: number
  /** the zone, where it holds for this direction only; 0 otherwise */
  readonly zone: number
}

/** One connection. */
export interface ConntrackEntry {
  readonly family: Family
  /** IP protocol number, see `ipProtocols` */
  readonly protocol: number
  /** what the first packet was, before any translation */
  readonly original: ConntrackTuple
  /** what an answer is, before it is translated back: its source is who really answers */
  readonly reply: ConntrackTuple
  /** the zone of both directions; 0 is the default zone */
  readonly zone: number
  /**
   * tells this connection from another one with the same addresses and ports, unless the kernel gave the other the
   * same memory
   */
  readonly id: number
  /** IPS_ bits of linux/netfilter/nf_conntrack_common.h; 0 when not said */
  readonly status: number
}

export const ctAttributes = {
  tupleOriginal: 1,
  tupleReply: 2,
  status: 3,
  id: 12,
  zone: 18,
  filter: 25,
} as const
const tupleAttributes = { ip: 1, protocol: 2, zone: 3 } as const
const protocolAttributes = { number: 1, sourcePort: 2, destinationPort: 3 } as const
/** CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST */
const addressAttributes = { 4: { source: 1, destination: 2 }, 6: { source: 3, destination: 4 } } as const
const CTA_FILTER_ORIG_FLAGS = 1
/** _CTA_FILTER_F(CTA_PROTO_NUM): compare the protocol of the original tuple. */
const FILTER_PROTOCOL = 1 << 3

const NLA_TYPE_MASK = 0x3fff
/** nfgenmsg: family, version, resource */
const HEADER = 4
const AF_INET = 2
const AF_INET6 = 10

export const conntrackFamily = (family: Family): number => (family === 4 ? AF_INET : AF_INET6)

/** A stretch of a buffer: `at` … `end`. */
interface Span {
  readonly at: number
  readonly end: number
}

/**
 * The payload of the first attribute of this type; undefined when there is none.
 * @throws SystemError FL_SYS_TRUNCATED
 */
function find(bytes: Buffer, { at, end }: Span, type: number): Span | undefined {
  while (at < end) {
    const length = end - at < 4 ? 0 : bytes.readUInt16LE(at)
    if (length < 4 || length > end - at) {
      const why = `an attribute says ${length} of ${end - at} octets`
      throw new SystemError('FL_SYS_TRUNCATED', `conntrack: ${why}`)
    }
    if ((bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK) === type) return { at: at + 4, end: at + length }
    at += (length + 3) & ~3
  }
  return undefined
}

const NOTHING: Span = { at: 0, end: 0 }

/** The number in an attribute of at most 4 octets, 0 when it is not there. */
function numberIn(bytes: Buffer, span: Span, type: number): number {
  const found = find(bytes, span, type)
  return found === undefined || found.end - found.at > 4 || found.end === found.at
    ? 0
    : bytes.readUIntBE(found.at, found.end - found.at)
}

/**
 * An entry as it is in an answer of ctnetlink (`IPCTNL_MSG_CT_NEW`): a view, which holds the datagram that it came
 * in. Use `keepEntry` for what must be remembered.
 * @param body what follows the header of the message
 * @throws SystemError FL_SYS_TRUNCATED, also when a property is read
 */
export function readEntry(body: Buffer): ConntrackEntry {
  if (body.length < HEADER) throw new SystemError('FL_SYS_TRUNCATED', 'conntrack: an entry without a header')
  return new EntryView(body)
}

class EntryView implements ConntrackEntry {
  readonly family: Family
  readonly #bytes: Buffer
  readonly #all: Span

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#all = { at: HEADER, end: bytes.length }
    this.family = bytes[0] === AF_INET6 ? 6 : 4
  }

  get original(): TupleView {
    return new TupleView(this.#bytes, this.family, this.#find(ctAttributes.tupleOriginal))
  }

  get reply(): TupleView {
    return new TupleView(this.#bytes, this.family, this.#find(ctAttributes.tupleReply))
  }

  get protocol(): number {
    return this.original.protocol
  }

  get zone(): number {
    return numberIn(this.#bytes, this.#all, ctAttributes.zone)
  }

  get id(): number {
    return numberIn(this.#bytes, this.#all, ctAttributes.id)
  }

  get status(): number {
    return numberIn(this.#bytes, this.#all, ctAttributes.status)
  }

  #find(type: number): Span {
    return find(this.#bytes, this.#all, type) ?? NOTHING
  }
}

class TupleView implements ConntrackTuple {
  readonly #bytes: Buffer
  readonly #family: Family
  readonly #span: Span

  constructor(bytes: Buffer, family: Family, span: Span) {
    this.#bytes = bytes
    this.#family = family
    this.#span = span
  }

  get source(): string {
    return this.#address(addressAttributes[this.#family].source)
  }

  get destination(): string {
    return this.#address(addressAttributes[this.#family].destination)
  }

  get sourcePort(): number {
    return this.#ofProtocol(protocolAttributes.sourcePort)
  }

  get destinationPort(): number {
    return this.#ofProtocol(protocolAttributes.destinationPort)
  }

  get protocol(): number {
    return this.#ofProtocol(protocolAttributes.number)
  }

  get zone(): number {
    return numberIn(this.#bytes, this.#span, tupleAttributes.zone)
  }

  #ofProtocol(type: number): number {
    const protocol = find(this.#bytes, this.#span, tupleAttributes.protocol) ?? NOTHING
    return numberIn(this.#bytes, protocol, type)
  }

  #address(type: number): string {
    const ip = find(this.#bytes, this.#span, tupleAttributes.ip)
    const found = ip && find(this.#bytes, ip, type)
    return found === undefined ? '' : addressText(this.#bytes, found)
  }
}

/** Texts of addresses seen before: virtual addresses and endpoints come in many entries. */
const texts = new Map<string, string>()
const MAX_TEXTS = 4096

function addressText(bytes: Buffer, { at, end }: Span): string {
  if (end - at === 4) return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
  if (end - at !== 16) {
    throw new SystemError('FL_SYS_TRUNCATED', `conntrack: an address of ${end - at} octets`)
  }
  const key = bytes.toString('latin1', at, end)
  const known = texts.get(key)
  if (known !== undefined) return known
  const text = formatAddress(addressFromBytes(bytes.subarray(at, end)))
  if (texts.size >= MAX_TEXTS) texts.clear()
  texts.set(key, text)
  return text
}

const keepTuple = (tuple: ConntrackTuple): ConntrackTuple => ({
  source: tuple.source,
  destination: tuple.destination,
  sourcePort: tuple.sourcePort,
  destinationPort: tuple.destinationPort,
  zone: tuple.zone,
})

/** A copy that holds nothing else in memory. */
export const keepEntry = (entry: ConntrackEntry): ConntrackEntry => ({
  family: entry.family,
  protocol: entry.protocol,
  original: keepTuple(entry.original),
  reply: keepTuple(entry.reply),
  zone: entry.zone,
  id: entry.id,
  status: entry.status,
})

/** Asks a listing for entries of one protocol only (CTA_FILTER, since Linux 5.8; ignored before). */
export function writeProtocolFilter(writer: NetlinkWriter, protocol: number): void {
  writer.open(ctAttributes.tupleOriginal).open(tupleAttributes.protocol)
  writer.attributeU8(protocolAttributes.number, protocol).close().close()
  writer.open(ctAttributes.filter).attributeU32(CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL).close()
}

/**
 * Names one entry: its original tuple, its zone and its id.
 * @throws InetError FL_INET_ADDRESS for what is no address
 */
export function writeEntry(writer: NetlinkWriter, entry: ConntrackEntry): void {
  const { original, family } = entry
  writer.open(ctAttributes.tupleOriginal)
  writer.open(tupleAttributes.ip)
  for (const end of ['source', 'destination'] as const) {
    writer.attribute(addressAttributes[family][end], addressToBytes(parseAddress(original[end])))
  }
  writer.close().open(tupleAttributes.protocol)
  writer.attributeU8(protocolAttributes.number, entry.protocol)
  writer.attribute(protocolAttributes.sourcePort, u16be(original.sourcePort))
  writer.attribute(protocolAttributes.destinationPort, u16be(original.destinationPort))
  writer.close()
  if (original.zone !== 0) writer.attribute(tupleAttributes.zone, u16be(original.zone))
  writer.close()
  if (entry.zone !== 0) writer.attribute(ctAttributes.zone, u16be(entry.zone))
  writer.attributeU32be(ctAttributes.id, entry.id)
}

const u16be = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff)
