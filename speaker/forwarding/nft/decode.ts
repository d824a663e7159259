import { addressFromBytes, formatAddress, type Family } from '#inet/address.ts'
import { formatPrefix, prefixOf } from '#inet/prefix.ts'
import {
  attributeText,
  parseAttributeList,
  parseAttributes,
  parseNested,
} from '#raw-socket/netlink/message.ts'
import { rangeToPrefixes } from '#inet/range.ts'
import { collections, tuple, type Collection, type Field } from '../model.ts'
import { attributes, INTERVAL_END, protocolNumbers, SLOT_BASE } from './encode.ts'

/** The answers of nf_tables to a listing, as text of `model.ts`. */

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]))

/** struct nfgenmsg in front of the attributes of every answer. */
const HEADER = 4

interface RawElement {
  readonly key: Buffer
  /** undefined in sets */
  readonly data?: Buffer
  /** chain that the element leads to; '' for data */
  readonly chain: string
  readonly flags: number
}

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
      })
    }
  }
  return elements
}

/**
 * Keys and values of a collection. `prefixLength` is that of the set, for a collection that is kept in a set for each
 * length.
 */
export function decodeCollection(
  family: Family,
  collection: Collection,
  answers: readonly Buffer[],
  prefixLength = 0,
): Map<string, string> {
  const { key, value } = collections[collection]
  const elements = decodeElements(answers)
  if (key.length === 1 && key[0] === 'prefix') return decodeIntervals(family, elements)
  const found = new Map<string, string>()
  for (const element of elements) {
    const keyText = decodeFields(family, key, element.key, prefixLength)
    found.set(keyText, element.data ? decodeFields(family, value, element.data, prefixLength) : '')
  }
  return found
}

function decodeFields(family: Family, fields: readonly Field[], bytes: Buffer, prefixLength: number): string {
  const texts: (string | number)[] = []
  let at = 0
  for (const field of fields) {
    switch (field) {
      case 'address':
      case 'prefix': {
        const length = family === 4 ? 4 : 16
        const text = addressText(family, bytes.subarray(at, at + length))
        texts.push(field === 'prefix' ? `${text}/${prefixLength}` : text)
        at += length
        break
      }
      case 'protocol':
        texts.push(protocolNames.get(bytes[at]) ?? bytes[at])
        at += 4
        break
      case 'port':
        texts.push(bytes.readUInt16BE(at))
        at += 4
        break
      case 'slot':
        texts.push(bytes.readUInt32LE(at) - SLOT_BASE)
        at += 4
        break
      case 'count':
        texts.push(bytes.readUInt32LE(at))
        at += 4
        break
    }
  }
  return tuple(...texts)
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
