import { addressFromBytes, formatAddress, type Family } from '#inet/address.ts'
import { formatPrefix, prefixOf } from '#inet/prefix.ts'
import { rangeToPrefixes } from '#inet/range.ts'
import { collections, isInterval, type Collection, type Field } from '../model.ts'
import { countOfClass } from '../balance.ts'
import { CHOSEN_BASE, indexOf, listOf, SLOT_BASE, SLOT_MAJOR } from '../register.ts'
import { eachElement } from './element-places.ts'
import { INTERVAL_END, protocolNumbers } from './encode.ts'

/** The answers of nf_tables to a listing, as text of `model.ts`. */

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]))

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

/** The elements in answers to NFT_MSG_GETSETELEM. */
export function decodeElements(answers: readonly Buffer[]): RawElement[] {
  const elements: RawElement[] = []
  eachElement(answers, ({ bytes, keyAt, keyEnd, dataAt, dataEnd, chainAt, chainEnd, ...rest }) => {
    const { flags, timeout, expires } = rest
    const chain = bytes.toString('utf8', chainAt, chainEnd).replace(/\0.*/s, '')
    const key = bytes.subarray(keyAt, keyEnd)
    const data = dataEnd > 0 ? { data: bytes.subarray(dataAt, dataEnd) } : {}
    elements.push({ key, ...data, chain, flags, timeout, expires })
  })
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

/** What a set was listed as; with one element `twice` (see `comesTwice`) it is not to be trusted. */
export interface DecodedCollection {
  readonly elements: Map<string, string>
  readonly twice: boolean
}

/**
 * Keys and values of a collection from the answers to a listing; undefined when one of them is something that we never
 * write, which then has no text. `ofSet` is the prefix length or the seconds that the set is for, where a collection is
 * kept in several.
 */
export function decodeCollection(
  family: Family,
  collection: Collection,
  answers: readonly Buffer[],
  ofSet = 0,
): DecodedCollection | undefined {
  const { key, value } = collections[collection]
  if (isInterval(collection)) {
    const raw = decodeElements(answers)
    return { elements: decodeIntervals(family, raw), twice: comesTwice(raw) }
  }
  const found = new Map<string, string>()
  const width = widthOfFields(family, key)
  const valueWidth = widthOfFields(family, value)
  let count = 0
  let known = true
  eachElement(answers, ({ bytes, keyAt, keyEnd, dataAt, dataEnd }) => {
    const keyText = keyEnd - keyAt === width ? textAt(family, key, bytes, keyAt, ofSet) : undefined
    const fits = dataEnd === 0 || dataEnd - dataAt >= valueWidth
    const valueText = dataEnd === 0 ? '' : fits ? textAt(family, value, bytes, dataAt, ofSet) : undefined
    if (keyText === undefined || valueText === undefined) known = false
    else found.set(keyText, valueText)
    count++
  })
  return known ? { elements: found, twice: found.size < count } : undefined
}

/** Fields as text; undefined when one has none. */
export const decodeFields = (
  family: Family,
  fields: readonly Field[],
  bytes: Buffer,
  ofSet = 0,
): string | undefined =>
  bytes.length < widthOfFields(family, fields) ? undefined : textAt(family, fields, bytes, 0, ofSet)

/** Text in the making: strings that are put together piece by piece take more than twice the memory. */
const scratch = Buffer.alloc(256)

function textAt(
  family: Family,
  fields: readonly Field[],
  bytes: Buffer,
  from: number,
  ofSet: number,
): string | undefined {
  let at = from
  let to = 0
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]
    if (index > 0) {
      scratch[to++] = 0x20
      scratch[to++] = 0x2e
      scratch[to++] = 0x20
    }
    if (family === 4 && (field === 'address' || field === 'prefix')) to = writeIPv4(bytes, at, to)
    else if (field === 'port') to = writeDecimal(bytes.readUInt16BE(at), to)
    else {
      const text = fieldText(family, field, bytes, at)
      if (text === undefined) return undefined
      to += scratch.write(text, to, 'latin1')
    }
    if (field === 'prefix') {
      scratch[to++] = 0x2f
      to = writeDecimal(ofSet, to)
    } else if (field === 'seconds') to = writeDecimal(ofSet, to)
    at += widthOf(field, family)
  }
  return scratch.toString('latin1', 0, to)
}

function writeIPv4(bytes: Buffer, at: number, to: number): number {
  let next = to
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0) scratch[next++] = 0x2e
    next = writeDecimal(bytes[at + octet], next)
  }
  return next
}

function writeDecimal(value: number, to: number): number {
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  let rest = value
  for (let at = to + digits - 1; at >= to; at--) {
    const tenth = Math.floor(rest / 10)
    scratch[at] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  return to + digits
}

const widthOfFields = (family: Family, fields: readonly Field[]): number =>
  fields.reduce((sum, field) => sum + widthOf(field, family), 0)

/** Octets of a field in a key or value. */
const widthOf = (field: Field, family: Family): number => {
  if (field === 'address' || field === 'prefix') return family === 4 ? 4 : 16
  return field === 'seconds' ? 0 : 4
}

/** A field that is none of the most frequent; '' for those that the name of their set says. */
function fieldText(family: Family, field: Field, bytes: Buffer, at: number): string | undefined {
  switch (field) {
    case 'address':
    case 'prefix':
      return formatAddress(addressFromBytes(bytes.subarray(at, at + widthOf(field, family))))
    case 'protocol':
      return protocolNames.get(bytes[at])
    case 'port':
      return String(bytes.readUInt16BE(at))
    case 'slot': {
      const number = bytes.readUInt32LE(at)
      return number >>> 16 === SLOT_MAJOR ? String(number - SLOT_BASE) : undefined
    }
    case 'count':
      return countOfClass(bytes.readUInt32LE(at))
    case 'list': {
      const number = bytes.readUInt32LE(at)
      return number >= CHOSEN_BASE && indexOf(number) === 0 ? String(listOf(number)) : undefined
    }
    case 'member': {
      const number = bytes.readUInt32LE(at)
      return number >= CHOSEN_BASE && indexOf(number) > 0 ? `${listOf(number)}/${indexOf(number)}` : undefined
    }
    case 'seconds':
      return ''
  }
}

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
