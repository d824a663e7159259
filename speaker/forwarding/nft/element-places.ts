import { SystemError } from '#raw-socket/errors.ts'
import { attributes } from './encode.ts'

/**
 * Finds the elements in the answers of nf_tables to a listing. After a restart there are hundreds of thousands of them,
 * so they are read where they lie: nothing is cut out of an answer and no map of attributes is made.
 */

/** struct nfgenmsg in front of the attributes of every answer. */
const HEADER = 4

const NLA_TYPE_MASK = 0x3fff
const NFTA_VERDICT_CHAIN = 2

/** Where the parts of one element lie in an answer; from 0 to 0 for what it does not have. */
interface Place {
  bytes: Buffer
  keyAt: number
  keyEnd: number
  dataAt: number
  dataEnd: number
  chainAt: number
  chainEnd: number
  flags: number
  timeout: number
  expires: number
}

/** Calls for each attribute between two positions, with those of its payload. */
function eachAttribute(
  bytes: Buffer,
  from: number,
  to: number,
  visit: (type: number, at: number, end: number) => void,
): void {
  let at = from
  while (at < to) {
    const length = at + 4 <= to ? bytes.readUInt16LE(at) : 0
    if (length < 4 || at + length > to) {
      throw new SystemError('FL_SYS_TRUNCATED', `nf_tables: an attribute says ${length} of ${to - at} octets`)
    }
    visit(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, at + 4, at + length)
    at += (length + 3) & ~3
  }
}

/** Calls for each element in answers to NFT_MSG_GETSETELEM that has a key; the place is valid until it returns. */
export function eachElement(answers: readonly Buffer[], visit: (place: Readonly<Place>) => void): void {
  const place: Place = { bytes: Buffer.alloc(0), ...nowhere }
  const inKey = (type: number, at: number, end: number) => {
    if (type !== attributes.value) return
    place.keyAt = at
    place.keyEnd = end
  }
  const inVerdict = (type: number, at: number, end: number) => {
    if (type !== NFTA_VERDICT_CHAIN) return
    place.chainAt = at
    place.chainEnd = end
  }
  const inData = (type: number, at: number, end: number) => {
    if (type === attributes.value) {
      place.dataAt = at
      place.dataEnd = end
    } else if (type === attributes.verdict) eachAttribute(place.bytes, at, end, inVerdict)
  }
  const inElement = (type: number, at: number, end: number) => {
    const { bytes } = place
    if (type === attributes.key) eachAttribute(bytes, at, end, inKey)
    else if (type === attributes.data) eachAttribute(bytes, at, end, inData)
    else if (type === attributes.flags) place.flags = bytes.readUInt32BE(at)
    else if (type === attributes.timeout) place.timeout = Number(bytes.readBigUInt64BE(at))
    else if (type === attributes.expiration) place.expires = Number(bytes.readBigUInt64BE(at))
  }
  const inList = (_type: number, at: number, end: number) => {
    Object.assign(place, nowhere)
    eachAttribute(place.bytes, at, end, inElement)
    if (place.keyEnd > 0) visit(place)
  }
  for (const answer of answers) {
    place.bytes = answer
    eachAttribute(answer, HEADER, answer.length, (type, at, end) => {
      if (type === attributes.listElements) eachAttribute(answer, at, end, inList)
    })
  }
}

const nowhere: Omit<Place, 'bytes'> = {
  keyAt: 0,
  keyEnd: 0,
  dataAt: 0,
  dataEnd: 0,
  chainAt: 0,
  chainEnd: 0,
  flags: 0,
  timeout: 0,
  expires: 0,
}
