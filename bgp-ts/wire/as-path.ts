import { BgpError } from '../errors.ts'
import { asTrans } from './open.ts'
import { Reader } from './reader.ts'
import { maxMessageLength } from './header.ts'
import { Writer } from './writer.ts'

/** RFC 4271 4.3 and RFC 5065 3. */
const segmentCodes = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const
type SegmentKind = keyof typeof segmentCodes

export interface AsPathSegment {
  readonly kind: SegmentKind
  readonly as: readonly number[]
}

const kindByCode = new Map(
  Object.entries(segmentCodes).map(([kind, code]) => [code as number, kind as SegmentKind]),
)

const malformed = (why: string) => new BgpError('FL_BGP_UPDATE_AS_PATH', why, [], 'withdraw')

/** @param octets of one AS number: 4 when both sides have capability 65, else 2 (RFC 6793 4.1) */
export function readAsPath(bytes: Uint8Array, octets: 2 | 4): AsPathSegment[] {
  const reader = new Reader(bytes, () => malformed('a segment of AS_PATH runs past its end'))
  const path: AsPathSegment[] = []
  while (reader.remaining > 0) {
    const code = reader.u8()
    const kind = kindByCode.get(code)
    const count = reader.u8()
    // RFC 7606 7.2: unknown segment types and empty segments are malformed.
    if (kind === undefined) throw malformed(`segment type ${code} of AS_PATH is unknown`)
    if (count === 0) throw malformed('AS_PATH has an empty segment')
    const as = Array.from({ length: count }, () => (octets === 4 ? reader.u32() : reader.u16()))
    // RFC 7607 2
    if (as.includes(0)) throw malformed('AS_PATH has AS 0')
    path.push({ kind, as })
  }
  return path
}

/** Whether `readAsPath` would read these octets. */
export function isAsPath(bytes: Uint8Array, from: number, to: number, octets: 2 | 4): boolean {
  let at = from
  while (at < to) {
    if (to - at < 2) return false
    const count = bytes[at + 1]
    const end = at + 2 + count * octets
    if (!kindByCode.has(bytes[at]) || count === 0 || end > to) return false
    for (at += 2; at < end; at += octets) {
      const high = octets === 4 ? bytes[at] | bytes[at + 1] : 0
      if ((high | bytes[at + octets - 2] | bytes[at + octets - 1]) === 0) return false
    }
  }
  return true
}

/** Numbers that do not fit into two octets are written as 23456 (RFC 6793 4.2.2). */
export function writeAsPath(path: readonly AsPathSegment[], octets: 2 | 4): ArrayLike<number> {
  const writer = new Writer(maxMessageLength)
  for (const { kind, as } of path) {
    writer.u8(segmentCodes[kind]).u8(as.length)
    for (const number of as) {
      if (octets === 4) writer.u32(number)
      else writer.u16(number > 65535 ? asTrans : number)
    }
  }
  return writer.octets
}

/** RFC 6793 4.2.2: AS4_PATH goes along only when a number was lost, and never holds confederation segments. */
export const as4PathFor = (path: readonly AsPathSegment[]): readonly AsPathSegment[] | undefined =>
  path.some(({ as }) => as.some((number) => number > 65535)) ? path.filter(isPublic) : undefined

const isPublic = ({ kind }: AsPathSegment): boolean => kind === 'set' || kind === 'sequence'

/** RFC 4271 9.1.2.2: a set counts as one. */
const pathLength = (path: readonly AsPathSegment[]): number =>
  path.reduce((sum, { kind, as }) => sum + (kind === 'sequence' ? as.length : kind === 'set' ? 1 : 0), 0)

/**
 * RFC 6793 4.2.3: the path that a 2-octet peer passed on: the front part of AS_PATH that AS4_PATH does not cover,
 * then AS4_PATH. An AS4_PATH that is longer is ignored.
 */
export function mergeAs4Path(path: readonly AsPathSegment[], as4: readonly AsPathSegment[]): AsPathSegment[] {
  let front = pathLength(path) - pathLength(as4)
  if (front < 0) return [...path]
  const merged: AsPathSegment[] = []
  for (const segment of path) {
    if (!isPublic(segment)) merged.push(segment)
    else if (front > 0) {
      const as = segment.kind === 'set' ? segment.as : segment.as.slice(0, front)
      front -= segment.kind === 'set' ? 1 : as.length
      merged.push({ kind: segment.kind, as })
    }
  }
  const last = merged.at(-1)
  const [first, ...others] = as4
  // One sequence again where the seam cut it, as long as its count fits the octet.
  if (last?.kind === 'sequence' && first?.kind === 'sequence' && last.as.length + first.as.length <= 255) {
    return [...merged.slice(0, -1), { kind: 'sequence', as: [...last.as, ...first.as] }, ...others]
  }
  return [...merged, ...as4]
}
