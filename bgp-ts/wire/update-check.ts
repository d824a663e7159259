import { extendedLength, optional, transitive } from './attribute-flags.ts'
import { attributeSpecs, mpTypes } from './attributes.ts'
import type { CodecContext } from './context.ts'
import { familyCodes, familyOf } from './families.ts'
import type { Span } from './header.ts'
import { isNextHopLength } from './multiprotocol.ts'
import { countPrefixes } from './nlri.ts'

/** What a list of attributes has. */
const has = { origin: 1, asPath: 2, nextHop: 4, reachable: 8, unreachable: 16 } as const
const mandatory = has.origin | has.asPath
const wrong = -1

const u16 = (bytes: Uint8Array, at: number): number => bytes[at] * 256 + bytes[at + 1]

/**
 * Whether the body of an UPDATE has prefixes and nothing wrong: `decodeUpdate` says what is wrong with any other, and
 * which is an End-of-RIB. Looks at every octet that it looks at, in place, and makes nothing: of what a peer sends
 * nothing is kept, and it may send millions.
 */
export function isGoodUpdate({ bytes, from, to }: Span, context: CodecContext): boolean {
  if (to - from < 4) return false
  const attributesAt = from + 2 + u16(bytes, from) + 2
  if (attributesAt > to) return false
  const nlriAt = attributesAt + u16(bytes, attributesAt - 2)
  if (nlriAt > to) return false
  const withdrawn = countPrefixes(bytes, from + 2, attributesAt - 2, 4)
  const nlri = countPrefixes(bytes, nlriAt, to, 4)
  if (withdrawn < 0 || nlri < 0) return false
  const found = checkAttributes(bytes, attributesAt, nlriAt, context)
  if (found === wrong) return false
  // RFC 4271 6.3 and RFC 7606 3(d), as in `decodeUpdate`.
  const needed = nlri > 0 ? mandatory | has.nextHop : found & has.reachable ? mandatory : 0
  const prefixes = withdrawn > 0 || nlri > 0 || (found & (has.reachable | has.unreachable)) !== 0
  return prefixes && (found & needed) === needed
}

/** @returns bits of `has`, or `wrong` */
function checkAttributes(bytes: Uint8Array, from: number, to: number, context: CodecContext): number {
  let found = 0
  let highest = 0
  for (let at = from; at < to;) {
    const flags = bytes[at]
    const valueAt = at + (flags & extendedLength ? 4 : 3)
    if (valueAt > to) return wrong
    const end = endOf(bytes, at)
    if (end > to) return wrong
    const type = bytes[at + 1]
    // Most lists ascend, and then there is no need to look back.
    if (type > highest) highest = type
    else if (occurs(type, bytes, from, at)) return wrong
    const one = checkAttribute(flags, type, bytes, valueAt, end, context)
    if (one === wrong) return wrong
    found |= one
    at = end
  }
  return found
}

/** Where the attribute that begins at `at` ends. */
const endOf = (bytes: Uint8Array, at: number): number =>
  bytes[at] & extendedLength ? at + 4 + u16(bytes, at + 2) : at + 3 + bytes[at + 2]

/** Whether an attribute of this type is between the two places. */
function occurs(type: number, bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at = endOf(bytes, at)) if (bytes[at + 1] === type) return true
  return false
}

function checkAttribute(
  flags: number,
  type: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  context: CodecContext,
): number {
  const kind = flags & (optional | transitive)
  if (type === mpTypes.reach || type === mpTypes.unreach) {
    return kind === optional ? checkMp(type, bytes, from, to, context) : wrong
  }
  const spec = attributeSpecs.get(type)
  if (spec === undefined) return flags & optional ? 0 : wrong
  if (spec.internalOnly && !context.internal) return 0
  if (kind !== spec.flags || !spec.fits(to - from)) return wrong
  if (spec.takes !== undefined && !spec.takes(bytes, from, to, context)) return wrong
  return type === 1 ? has.origin : type === 2 ? has.asPath : type === 3 ? has.nextHop : 0
}

function checkMp(type: number, bytes: Uint8Array, from: number, to: number, context: CodecContext): number {
  // AFI, SAFI; for routes that can be reached the next hop with its length, and an octet.
  let prefixesAt = from + 3
  if (prefixesAt > to) return wrong
  const family = familyOf(u16(bytes, from), bytes[from + 2])
  if (family === undefined || !context.families.includes(family)) return wrong
  if (type === mpTypes.reach) {
    if (prefixesAt === to || !isNextHopLength(bytes[prefixesAt], family)) return wrong
    prefixesAt += 1 + bytes[prefixesAt] + 1
    if (prefixesAt > to) return wrong
  }
  const count = countPrefixes(bytes, prefixesAt, to, familyCodes[family].addresses)
  if (count < 0) return wrong
  return count === 0 ? 0 : type === mpTypes.reach ? has.reachable : has.unreachable
}
