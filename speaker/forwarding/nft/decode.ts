import { addressFromBytes, formatAddress, type Family } from '#inet/address.ts'
import { formatPrefix, prefixOf } from '#inet/prefix.ts'
import {
  attributeText,
  parseAttributeList,
  parseAttributes,
  parseNested,
} from '#raw-socket/netlink/message.ts'
import { rangeToPrefixes } from '#inet/range.ts'
import { collections, isInterval, tuple, type Collection, type Field } from '../model.ts'
import { countOfClass } from '../balance.ts'
import { CHOSEN_BASE, indexOf, listOf, SLOT_BASE, SLOT_MAJOR } from '../register.ts'
import { attributes, INTERVAL_END, protocolNumbers } from './encode.ts'

/** The answers of nf_tables to a listing, as text of `model.ts`. */

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]))

/** struct nfgenmsg in front of the attributes of every answer. */
const HEADER = 4

export interface RawElement {
  readonly key: Buffer
  /** undefined in sets */
  readonly data?: Buffer
  /** chain that the element leads to; '' for data */
  readonly chain: string
  readonly flags: number
  /** milliseconds; 0 for what stays */
  readonly timeout: number
  /** milliseconds until it goes */
  readonly expires: number
}

const wide = (octets: Buffer | undefined): number =>
  octets === undefined ? 0 : Number(octets.readBigUInt64BE(0))

/** The elements in answers to NFT_MSG_GETSETELEM. */
export function decodeElements(answers: readonly Buffer[]): RawElement[] {
  const elements: RawElement[] = []
  for (const answer of answers) {
    const list = parseAttributes(answer.subarray(HEADER)).get(attributes.listElements)
    if (list === undefined) continue
    for (const { payload } of parseAttributeList(list)) {
      const element = parseAttributes(payload)
      const key = parseNested(element, attributes.key).get(attributes.value)
      if (key === undefined) continue
      const data = parseNested(element, attributes.data)
      const verdict = data.get(attributes.verdict)
      const value = data.get(attributes.value)
      elements.push({
        key,
        ...(value === undefined ? {} : { data: value }),
        chain: verdict === undefined ? '' : attributeText(parseAttributes(verdict).get(2) ?? Buffer.alloc(0)),
        flags: element.get(attributes.flags)?.readUInt32BE(0) ?? 0,
        timeout: wide(element.get(attributes.timeout)),
        expires: wide(element.get(attributes.expiration)),
      })
    }
  }
  return elements
}

/**
 * One element is there twice: the kernel was moving them to a larger or smaller hash table while it listed them, and
 * others may be missing.
 */
export function comesTwice(elements: readonly RawElement[]): boolean {
  const keys = new Set<string>()
  for (const { key, flags } of elements) {
    const text = key.toString('latin1')
    // The end of one interval may be the start of another.
    keys.add((flags & INTERVAL_END) === 0 ? text : `${text} end`)
  }
  return keys.size < elements.length
}

/**
 * Keys and values of a collection; undefined when one of them is something that we never write, which then has no
 * text. `ofSet` is the prefix length or the seconds that the set is for, where a collection is kept in several.
 */
export function decodeCollection(
  family: Family,
  collection: Collection,
  elements: readonly RawElement[],
  ofSet = 0,
): Map<string, string> | undefined {
  const { key, value } = collections[collection]
  if (isInterval(collection)) return decodeIntervals(family, elements)
  const found = new Map<string, string>()
  const width = widthOfFields(family, key)
  for (const element of elements) {
    if (element.key.length !== width) return undefined
    const keyText = decodeFields(family, key, element.key, ofSet)
    const valueText = element.data ? decodeFields(family, value, element.data, ofSet) : ''
    if (keyText === undefined || valueText === undefined) return undefined
    found.set(keyText, valueText)
  }
  return found
}

/** Fields as text; undefined when one has none. */
export function decodeFields(
  family: Family,
  fields: readonly Field[],
  bytes: Buffer,
  ofSet = 0,
): string | undefined {
  const texts: (string | number)[] = []
  let at = 0
  for (const field of fields) {
    const text = decodeField(family, field, bytes, at, ofSet)
    if (text === undefined) return undefined
    texts.push(text)
    at += widthOf(field, family)
  }
  return tuple(...texts)
}

const widthOfFields = (family: Family, fields: readonly Field[]): number =>
  fields.reduce((sum, field) => sum + widthOf(field, family), 0)

/** Octets of a field in a key or value. */
const widthOf = (field: Field, family: Family): number => {
  if (field === 'address' || field === 'prefix') return family === 4 ? 4 : 16
  return field === 'seconds' ? 0 : 4
}

function decodeField(
  family: Family,
  field: Field,
  bytes: Buffer,
  at: number,
  ofSet: number,
): string | number | undefined {
  if (bytes.length < at + widthOf(field, family)) return undefined
  switch (field) {
    case 'address':
      return addressText(family, bytes.subarray(at, at + widthOf(field, family)))
    case 'prefix':
      return `${addressText(family, bytes.subarray(at, at + widthOf(field, family)))}/${ofSet}`
    case 'protocol':
      return protocolNames.get(bytes[at])
    case 'port':
      return bytes.readUInt16BE(at)
    case 'slot': {
      const number = bytes.readUInt32LE(at)
      return number >>> 16 === SLOT_MAJOR ? number - SLOT_BASE : undefined
    }
    case 'count':
      return countOfClass(bytes.readUInt32LE(at))
    case 'list': {
      const number = bytes.readUInt32LE(at)
      return number >= CHOSEN_BASE && indexOf(number) === 0 ? listOf(number) : undefined
    }
    case 'member': {
      const number = bytes.readUInt32LE(at)
      return number >= CHOSEN_BASE && indexOf(number) > 0 ? `${listOf(number)}/${indexOf(number)}` : undefined
    }
    case 'seconds':
      return ofSet
  }
}

const addressText = (family: Family, bytes: Buffer): string =>
  family === 4 ? `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` : formatAddress(addressFromBytes(bytes))

/** Pairs of first address and first address after; a last interval without an end reaches the last address. */
function decodeIntervals(family: Family, elements: readonly RawElement[]): Map<string, string> {
  const bits = family === 4 ? 32 : 128
  const points = elements
    .map(({ key, flags }) => ({ value: addressFromBytes(key).value, end: (flags & INTERVAL_END) !== 0 }))
    // Where one interval ends another may begin: the end comes first.
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : Number(b.end) - Number(a.end)))
  const found = new Map<string, string>()
  let first: bigint | undefined
  const add = (last: bigint) => {
    if (first === undefined) return
    for (const prefix of rangeToPrefixes({ family, first, last })) found.set(formatPrefix(prefix), '')
    first = undefined
  }
  for (const { value, end } of points) {
    if (end) add(value - 1n)
    else first = value
  }
  if (first !== undefined) {
    if (first === 0n) found.set(formatPrefix(prefixOf({ family, value: 0n }, 0)), '')
    else add((1n << BigInt(bits)) - 1n)
  }
  return found
}
