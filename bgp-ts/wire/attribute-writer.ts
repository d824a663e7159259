import { addressToBytes } from '#inet/address.ts'
import type { Community } from '../route.ts'
import { as4PathFor, writeAsPath } from './as-path.ts'
import { extendedLength, optional, transitive } from './attribute-flags.ts'
import { origins, type PathAttributes } from './attributes.ts'
import { canonicalCommunities } from './communities.ts'
import type { CodecContext } from './context.ts'
import { maxMessageLength } from './header.ts'
import { Writer } from './writer.ts'

/** The attributes in ascending order of type, each with the flags of its definition. */
export function encodeAttributes(attributes: PathAttributes, { fourOctetAS }: CodecContext): Uint8Array {
  const writer = new Writer(maxMessageLength)
  const { origin, asPath, nextHop, med, localPref } = attributes
  if (origin !== undefined) writeAttribute(writer, transitive, 1, [origins.indexOf(origin)])
  if (asPath !== undefined) writeAttribute(writer, transitive, 2, writeAsPath(asPath, fourOctetAS ? 4 : 2))
  if (nextHop !== undefined) writeAttribute(writer, transitive, 3, addressToBytes(nextHop))
  if (med !== undefined) writeAttribute(writer, optional, 4, new Writer(4).u32(med).octets)
  if (localPref !== undefined) writeAttribute(writer, transitive, 5, new Writer(4).u32(localPref).octets)
  const communities = canonicalCommunities(attributes.communities)
  writeCommunities(writer, 8, communities, 'standard')
  writeCommunities(writer, 16, communities, 'extended')
  const as4Path = asPath === undefined || fourOctetAS ? undefined : as4PathFor(asPath)
  if (as4Path !== undefined) writeAttribute(writer, optional | transitive, 17, writeAsPath(as4Path, 4))
  writeCommunities(writer, 32, communities, 'large')
  const { onlyToCustomer } = attributes
  if (onlyToCustomer !== undefined) {
    writeAttribute(writer, optional | transitive, 35, new Writer(4).u32(onlyToCustomer).octets)
  }
  return writer.bytes()
}

/** Those of one kind, which have an attribute of their own; none when there are none. */
function writeCommunities(
  writer: Writer,
  type: number,
  communities: readonly Community[],
  kind: Community['kind'],
): void {
  const parts = communities.filter((community) => community.kind === kind).flatMap(({ value }) => value)
  if (parts.length === 0) return
  const value = new Writer(maxMessageLength)
  for (const part of parts) {
    if (kind === 'standard') value.u16(part)
    else value.u32(part)
  }
  writeAttribute(writer, optional | transitive, type, value.octets)
}

function writeAttribute(writer: Writer, flags: number, type: number, value: ArrayLike<number>): void {
  writer.put(attributeHead(flags, type, value.length)).put(value)
}

/** What stands before a value of this length: the extended-length flag only when it needs it. */
export const attributeHead = (flags: number, type: number, length: number): readonly number[] =>
  length > 255 ? [flags | extendedLength, type, length >>> 8, length & 255] : [flags, type, length]
