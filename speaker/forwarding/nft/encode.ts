import { addressToBytes, parseAddress, tryParseAddress, type Family } from '#inet/address.ts'
import { messageFlags, type NetlinkWriter } from '#raw-socket/netlink/message.ts'
import { nfFamilies, nftMessages, type NetfilterBatch } from '#raw-socket/netlink/netfilter.ts'
import { ForwardingError } from '../errors.ts'
import { collections, isInterval, type Element, type Field, type Operation } from '../model.ts'
import { countClass } from '../balance.ts'
import { MAX_LISTS, MAX_MEMBERS, MAX_TIMEOUT, memberClass, SLOT_BASE } from '../register.ts'
import { setOf, TABLE } from './names.ts'

/** Elements as octets of nf_tables (linux/netfilter/nf_tables.h, enums nft_set_elem_attributes and nft_data_attributes). */
export const attributes = {
  listTable: 1,
  listSet: 2,
  listElements: 3,
  element: 1,
  key: 1,
  data: 2,
  flags: 3,
  timeout: 4,
  expiration: 5,
  value: 1,
  verdict: 2,
} as const

/** NFT_SET_ELEM_INTERVAL_END: the first address after an interval. */
export const INTERVAL_END = 1

export const nfFamily = (family: Family): number => (family === 4 ? nfFamilies.ipv4 : nfFamilies.ipv6)

/** Protocol numbers (IANA). */
export const protocolNumbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 }

/** A list of elements must fit one attribute of 65,535 octets; the longest element takes less than 200. */
const LIST_LIMIT = 65_000

/**
 * Writes the operations, in their order, as messages of one transaction. Neighbours that go the same way in the
 * same set share a message.
 * @throws ForwardingError FL_FORWARDING_ELEMENT
 */
export function encodeOperations(batch: NetfilterBatch, operations: readonly Operation[]): void {
  let writer: NetlinkWriter | undefined
  let open = ''
  const finish = () => {
    if (writer === undefined) return
    writer.close()
    batch.end()
    writer = undefined
    open = ''
  }
  const list = (type: 'newSetElem' | 'delSetElem', element: Element): NetlinkWriter => {
    const set = setOf(element)
    const name = `${type} ${element.family} ${set}`
    if (writer !== undefined && open === name && writer.openLength < LIST_LIMIT) return writer
    finish()
    // Exclusive: an element that is there already means that the kernel is not as we remember it.
    const flags = type === 'newSetElem' ? messageFlags.create | messageFlags.exclusive : 0
    writer = batch.begin(nftMessages[type], flags, nfFamily(element.family))
    writer.attributeString(attributes.listTable, TABLE).attributeString(attributes.listSet, set)
    writer.open(attributes.listElements)
    open = name
    return writer
  }
  for (const operation of operations) {
    // A value cannot be changed in place: the old element goes and the new one comes in the same transaction.
    if (operation.do !== 'add') writeElement(list('delSetElem', operation), operation, false)
    if (operation.do !== 'delete') writeElement(list('newSetElem', operation), operation, true)
  }
  finish()
}

/** The longest key: two IPv6 addresses, protocol and port. */
const scratch = new Uint8Array(48)

function writeElement(writer: NetlinkWriter, element: Element, withValue: boolean): void {
  const { family, collection, key, value } = element
  if (isInterval(collection)) return writeInterval(writer, element)
  const shape = collections[collection]
  writer.open(attributes.element).open(attributes.key)
  writer.attribute(attributes.value, encodeFields(shape.key, key, family, element)).close()
  if (withValue && shape.value.length > 0) {
    writer.open(attributes.data)
    writer.attribute(attributes.value, encodeFields(shape.value, value, family, element)).close()
  }
  writer.close()
}

/** An interval is two elements: its first address, and the first one after it unless that would be beyond the last. */
function writeInterval(writer: NetlinkWriter, element: Element): void {
  const slash = element.key.indexOf('/')
  const address = parseAddress(element.key.slice(0, slash))
  const bits = address.family === 4 ? 32n : 128n
  const end = address.value + (1n << (bits - BigInt(element.key.slice(slash + 1))))
  const put = (value: bigint, flags: number) => {
    writer.open(attributes.element)
    if (flags !== 0) writer.attributeU32be(attributes.flags, flags)
    writer.open(attributes.key)
    writer
      .attribute(attributes.value, addressToBytes({ family: address.family, value }))
      .close()
      .close()
  }
  put(address.value, 0)
  if (end >> bits === 0n) put(end, INTERVAL_END)
}

/**
 * Fields one after another, each padded to whole 32-bit words: a view of scratch memory, valid until the next call.
 * @throws ForwardingError FL_FORWARDING_ELEMENT
 */
function encodeFields(fields: readonly Field[], text: string, family: Family, element: Element): Uint8Array {
  let length = 0
  let start = 0
  for (const field of fields) {
    let end = text.indexOf(' . ', start)
    if (end < 0) end = text.length
    const part = text.slice(start, end)
    start = end + 3
    switch (field) {
      case 'address':
      case 'prefix':
        length = encodeAddress(
          field === 'prefix' ? part.slice(0, part.indexOf('/')) : part,
          family,
          length,
          element,
        )
        break
      case 'protocol': {
        const number = protocolNumbers[part]
        if (number === undefined) throw malformed(element)
        length = encodeNumber(number, 8, length)
        break
      }
      case 'port':
        length = encodeNumber(decimal(part, 0xffff, element), 16, length)
        break
      case 'slot':
        length = encodeHostOrder(SLOT_BASE + decimal(part, 0xffff, element), length)
        break
      case 'count': {
        const number = countClass(part)
        if (number === undefined) throw malformed(element)
        length = encodeHostOrder(number, length)
        break
      }
      case 'list':
        length = encodeHostOrder(memberClass(positive(part, MAX_LISTS, element)), length)
        break
      case 'member': {
        const slash = part.indexOf('/')
        const list = positive(part.slice(0, Math.max(slash, 0)), MAX_LISTS, element)
        const index = positive(part.slice(slash + 1), MAX_MEMBERS, element)
        length = encodeHostOrder(memberClass(list, index), length)
        break
      }
      case 'seconds':
        // The set is that of lists with this time.
        positive(part, MAX_TIMEOUT, element)
        break
    }
  }
  // Each field moved `start` behind a separator, the last one behind the end.
  if (start !== text.length + 3) throw malformed(element)
  return scratch.subarray(0, length)
}

function encodeAddress(text: string, family: Family, at: number, element: Element): number {
  if (family === 6) {
    const bytes = addressBytes(text)
    if (bytes.length !== 16) throw malformed(element)
    scratch.set(bytes, at)
    return at + 16
  }
  let octet = -1
  let to = at
  for (let index = 0; index <= text.length; index++) {
    const digit = index < text.length ? text.charCodeAt(index) - 48 : -2
    if (digit >= 0 && digit <= 9) octet = (octet < 0 ? 0 : octet * 10) + digit
    else if (digit === -2 && octet >= 0 && octet < 256 && to < at + 4) {
      scratch[to++] = octet
      octet = -1
    } else throw malformed(element)
  }
  if (to !== at + 4) throw malformed(element)
  return to
}

const CACHE_LIMIT = 8192
const cache = new Map<string, Uint8Array>()

/** IPv6 text takes long to read and the same few thousand addresses come again and again. */
function addressBytes(text: string): Uint8Array {
  const known = cache.get(text)
  if (known) return known
  const address = tryParseAddress(text)
  if (address === undefined) return new Uint8Array(0)
  if (cache.size >= CACHE_LIMIT) cache.clear()
  const bytes = addressToBytes(address)
  cache.set(text, bytes)
  return bytes
}

/** In network order at the start of a word, the rest of which is zero. */
function encodeNumber(value: number, bits: 8 | 16, at: number): number {
  if (bits === 16) scratch[at] = value >>> 8
  scratch[bits === 16 ? at + 1 : at] = value & 255
  if (bits === 8) scratch[at + 1] = 0
  scratch[at + 2] = 0
  scratch[at + 3] = 0
  return at + 4
}

/** Packet priorities are in the machine's own order, which here is little endian. */
function encodeHostOrder(value: number, at: number): number {
  scratch[at] = value & 255
  scratch[at + 1] = (value >>> 8) & 255
  scratch[at + 2] = (value >>> 16) & 255
  scratch[at + 3] = value >>> 24
  return at + 4
}

function decimal(text: string, max: number, element: Element): number {
  const value = text === '' ? -1 : Number(text)
  if (!Number.isInteger(value) || value < 0 || value > max) throw malformed(element)
  return value
}

function positive(part: string, max: number, element: Element): number {
  const value = decimal(part, max, element)
  if (value === 0) throw malformed(element)
  return value
}

const malformed = ({ family, collection, key, value }: Element): ForwardingError =>
  new ForwardingError('FL_FORWARDING_ELEMENT', `${collection} (IPv${family}) { ${key} : ${value} }`)
