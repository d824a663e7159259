import { addressFromBytes, type Address } from '#inet/address.ts'
import { BgpError, stronger } from '../errors.ts'
import type { Community } from '../route.ts'
import { isAsPath, mergeAs4Path, readAsPath, type AsPathSegment } from './as-path.ts'
import { extendedLength, optional, transitive } from './attribute-flags.ts'
import type { CodecContext } from './context.ts'
import { Reader } from './reader.ts'

/** RFC 4271 4.3 and 5. What is absent is undefined. */
export interface PathAttributes {
  readonly origin?: Origin
  readonly asPath?: readonly AsPathSegment[]
  readonly nextHop?: Address
  readonly med?: number
  readonly localPref?: number
  readonly communities: readonly Community[]
  /** RFC 9234 5: an AS number */
  readonly onlyToCustomer?: number
}

export const origins = ['igp', 'egp', 'incomplete'] as const
type Origin = (typeof origins)[number]

interface Draft {
  origin?: Origin
  asPath?: AsPathSegment[]
  as4Path?: AsPathSegment[]
  nextHop?: Address
  med?: number
  localPref?: number
  communities: Community[]
  onlyToCustomer?: number
}

interface AttributeSpec {
  readonly name: string
  readonly flags: number
  /** valid lengths of the value; a wrong one withdraws unless `discard` (RFC 7606 7) */
  readonly fits: (length: number) => boolean
  readonly discard?: boolean
  /** an eBGP peer has no business sending it: dropped without a word (RFC 7606 7.5, 7.9, 7.10) */
  readonly internalOnly?: boolean
  readonly read?: (value: Uint8Array, draft: Draft, context: CodecContext) => void
  /** whether `read` takes a value that fits, where it does not take all */
  readonly takes?: (bytes: Uint8Array, from: number, to: number, context: CodecContext) => boolean
}

const exactly = (octets: number) => (length: number) => length === octets
const multipleOf = (octets: number) => (length: number) => length > 0 && length % octets === 0

const u32 = (value: Uint8Array): number => Buffer.from(value).readUInt32BE()

/** The attributes we know by code, MP_REACH_NLRI and MP_UNREACH_NLRI apart (`multiprotocol.ts`). */
export const attributeSpecs: ReadonlyMap<number, AttributeSpec> = new Map<number, AttributeSpec>([
  [
    1,
    {
      name: 'ORIGIN',
      flags: transitive,
      fits: exactly(1),
      read: readOrigin,
      takes: (bytes, from) => bytes[from] < origins.length,
    },
  ],
  [
    2,
    {
      name: 'AS_PATH',
      flags: transitive,
      fits: () => true,
      read: (value, draft, { fourOctetAS }) => (draft.asPath = readAsPath(value, fourOctetAS ? 4 : 2)),
      takes: (bytes, from, to, { fourOctetAS }) => isAsPath(bytes, from, to, fourOctetAS ? 4 : 2),
    },
  ],
  [
    3,
    {
      name: 'NEXT_HOP',
      flags: transitive,
      fits: exactly(4),
      read: (value, draft) => (draft.nextHop = addressFromBytes(value)),
    },
  ],
  [
    4,
    { name: 'MULTI_EXIT_DISC', flags: optional, fits: exactly(4), read: (v, draft) => (draft.med = u32(v)) },
  ],
  [
    5,
    {
      name: 'LOCAL_PREF',
      flags: transitive,
      fits: exactly(4),
      internalOnly: true,
      read: (value, draft) => (draft.localPref = u32(value)),
    },
  ],
  [6, { name: 'ATOMIC_AGGREGATE', flags: transitive, fits: exactly(0), discard: true }],
  [
    7,
    {
      name: 'AGGREGATOR',
      flags: optional | transitive,
      fits: (octets) => octets === 6 || octets === 8,
      discard: true,
    },
  ],
  [8, { name: 'COMMUNITIES', flags: optional | transitive, fits: multipleOf(4), read: readStandard }],
  [9, { name: 'ORIGINATOR_ID', flags: optional, fits: exactly(4), internalOnly: true }],
  [10, { name: 'CLUSTER_LIST', flags: optional, fits: multipleOf(4), internalOnly: true }],
  [
    16,
    {
      name: 'EXTENDED_COMMUNITIES',
      flags: optional | transitive,
      // RFC 7606 7.14
      fits: multipleOf(8),
      read: readExtended,
    },
  ],
  [
    17,
    {
      name: 'AS4_PATH',
      flags: optional | transitive,
      fits: () => true,
      // RFC 6793 6: malformed is discarded, and between 4-octet speakers it has no meaning.
      discard: true,
      read: (value, draft, { fourOctetAS }) => {
        if (!fourOctetAS) draft.as4Path = readAsPath(value, 4)
      },
      takes: (bytes, from, to, { fourOctetAS }) => fourOctetAS || isAsPath(bytes, from, to, 4),
    },
  ],
  [18, { name: 'AS4_AGGREGATOR', flags: optional | transitive, fits: exactly(8), discard: true }],
  [32, { name: 'LARGE_COMMUNITY', flags: optional | transitive, fits: multipleOf(12), read: readLarge }],
  [
    35,
    {
      name: 'OTC',
      flags: optional | transitive,
      // RFC 9234 5
      fits: exactly(4),
      read: (value, draft) => (draft.onlyToCustomer = u32(value)),
    },
  ],
])

function readOrigin(value: Uint8Array, draft: Draft): void {
  const origin = origins[value[0]]
  // RFC 7606 7.1
  if (origin === undefined) {
    throw new BgpError('FL_BGP_UPDATE_ORIGIN', `ORIGIN ${value[0]} is undefined`, [], 'withdraw')
  }
  draft.origin = origin
}

function readStandard(value: Uint8Array, draft: Draft): void {
  const view = Buffer.from(value)
  for (let at = 0; at < view.length; at += 4) {
    draft.communities.push({ kind: 'standard', value: [view.readUInt16BE(at), view.readUInt16BE(at + 2)] })
  }
}

function readExtended(value: Uint8Array, draft: Draft): void {
  const view = Buffer.from(value)
  for (let at = 0; at < view.length; at += 8) {
    draft.communities.push({ kind: 'extended', value: [view.readUInt32BE(at), view.readUInt32BE(at + 4)] })
  }
}

function readLarge(value: Uint8Array, draft: Draft): void {
  const view = Buffer.from(value)
  for (let at = 0; at < view.length; at += 12) {
    const parts = [view.readUInt32BE(at), view.readUInt32BE(at + 4), view.readUInt32BE(at + 8)] as const
    draft.communities.push({ kind: 'large', value: parts })
  }
}

/** One attribute as it stands in the list; `whole` is what the data field of a NOTIFICATION repeats. */
export interface RawAttribute {
  readonly flags: number
  readonly type: number
  readonly value: Uint8Array
  readonly whole: Uint8Array
}

/** MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 3 and 4). */
export const mpTypes = { reach: 14, unreach: 15 } as const
export type MpType = keyof typeof mpTypes
const isMp = (type: number): boolean => type === mpTypes.reach || type === mpTypes.unreach

export interface DecodedAttributes {
  readonly attributes: PathAttributes
  /** MP_REACH_NLRI and MP_UNREACH_NLRI, unread */
  readonly mp: readonly RawAttribute[]
  /** the strongest of the errors that leave the session up (RFC 7606 3(h)) */
  readonly problem?: BgpError
}

/** @throws BgpError 3/1 for a second MP_REACH_NLRI or MP_UNREACH_NLRI */
export function decodeAttributes(bytes: Uint8Array, context: CodecContext): DecodedAttributes {
  const draft: Draft = { communities: [] }
  const mp: RawAttribute[] = []
  const seen = new Set<number>()
  let problem: BgpError | undefined
  // RFC 7606 4: an attribute past the end, or octets too few for one, withdraw; the list's own length is believed.
  const list = new Reader(bytes, () =>
    withdraw('FL_BGP_UPDATE_ATTRIBUTE_LIST', 'the attribute list ends early'),
  )
  while (list.remaining > 0) {
    try {
      const raw = readRaw(bytes, list)
      const spec = attributeSpecs.get(raw.type)
      if (seen.has(raw.type)) {
        // RFC 7606 3(g): the first one counts; two of the MP attributes leave no way to know the routes.
        const why = `attribute ${spec?.name ?? raw.type} occurs twice`
        throw new BgpError('FL_BGP_UPDATE_ATTRIBUTE_LIST', why, [], isMp(raw.type) ? 'reset' : 'discard')
      }
      seen.add(raw.type)
      if (isMp(raw.type)) mp.push(checkFlags(raw, optional, 'the MP attribute'))
      else readAttribute(raw, spec, draft, context)
    } catch (error) {
      if (!(error instanceof BgpError) || error.treatment === 'reset') throw error
      problem = stronger(problem, error)
      if (error.code === 'FL_BGP_UPDATE_ATTRIBUTE_LIST' && error.treatment === 'withdraw') break
    }
  }
  return { attributes: finish(draft), mp, problem }
}

function readRaw(bytes: Uint8Array, list: Reader): RawAttribute {
  const start = bytes.length - list.remaining
  const flags = list.u8()
  const type = list.u8()
  const value = list.take(flags & extendedLength ? list.u16() : list.u8())
  return { flags, type, value, whole: bytes.subarray(start, bytes.length - list.remaining) }
}

function readAttribute(
  raw: RawAttribute,
  spec: AttributeSpec | undefined,
  draft: Draft,
  context: CodecContext,
): void {
  if (spec === undefined) {
    if (raw.flags & optional) return
    // RFC 4271 6.3, which RFC 7606 leaves as it is: the peer speaks a protocol that we do not.
    throw new BgpError('FL_BGP_UPDATE_WELL_KNOWN', `well-known attribute ${raw.type} is unknown`, raw.whole)
  }
  if (spec.internalOnly && !context.internal) return
  checkFlags(raw, spec.flags, spec.name)
  const treatment = spec.discard ? 'discard' : 'withdraw'
  if (!spec.fits(raw.value.length)) {
    const why = `${spec.name} has ${raw.value.length} octets`
    throw new BgpError('FL_BGP_UPDATE_LENGTH', why, raw.whole, treatment)
  }
  try {
    spec.read?.(raw.value, draft, context)
  } catch (error) {
    throw error instanceof BgpError ? new BgpError(error.code, error.message, raw.whole, treatment) : error
  }
}

/** RFC 7606 3(c): Optional and Transitive must be as specified; the other bits are not looked at. */
function checkFlags(raw: RawAttribute, expected: number, name: string): RawAttribute {
  if ((raw.flags & (optional | transitive)) === expected) return raw
  throw withdraw('FL_BGP_UPDATE_FLAGS', `${name} has flags ${raw.flags.toString(16)}`, raw.whole)
}

const withdraw = (code: BgpError['code'], why: string, data: Iterable<number> = []): BgpError =>
  new BgpError(code, why, data, 'withdraw')

function finish({ as4Path, asPath, ...draft }: Draft): PathAttributes {
  if (asPath === undefined) return draft
  return { ...draft, asPath: as4Path === undefined ? asPath : mergeAs4Path(asPath, as4Path) }
}
