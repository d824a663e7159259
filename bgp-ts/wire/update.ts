import type { Prefix } from '#inet/prefix.ts'
import type { AddressFamily } from '../config.ts'
import { BgpError, BgpUsageError, stronger } from '../errors.ts'
import { decodeAttributes, mpTypes, type DecodedAttributes, type PathAttributes } from './attributes.ts'
import { encodeAttributes } from './attribute-writer.ts'
import type { CodecContext } from './context.ts'
import { headerLength, maxMessageLength, writeHeader } from './header.ts'
import {
  mpParts,
  reachHead,
  readReach,
  readUnreach,
  unreachHead,
  type Reach,
  type Unreach,
} from './multiprotocol.ts'
import { encodePrefixes, readPrefixes } from './nlri.ts'
import { Reader } from './reader.ts'

/**
 * RFC 4271 4.3
 *
 *      withdrawn length (2)   withdrawn IPv4 prefixes
 *      attribute length (2)   path attributes, among them MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760)
 *      IPv4 prefixes up to the end of the message
 */
export interface UpdateMessage {
  readonly type: 'update'
  readonly withdrawn: readonly Prefix[]
  readonly attributes: PathAttributes
  readonly nlri: readonly Prefix[]
  readonly reach?: Reach
  readonly unreach?: Unreach
}

const noAttributes: PathAttributes = { communities: [] }

/** An UPDATE with these parts and nothing else. */
export const updateMessage = (parts: Partial<Omit<UpdateMessage, 'type'>>): UpdateMessage => ({
  type: 'update',
  withdrawn: [],
  attributes: noAttributes,
  nlri: [],
  ...parts,
})

/** RFC 4724 2: for IPv4 an UPDATE of 23 octets, else MP_UNREACH_NLRI without a prefix. */
export const endOfRib = (family: AddressFamily): UpdateMessage =>
  updateMessage(family === 'ipv4-unicast' ? {} : { unreach: { family, prefixes: [] } })

export interface DecodedUpdate {
  readonly message: UpdateMessage
  /** an error that does not end the session: the routes are not to be used (RFC 7606) */
  readonly problem?: BgpError
}

const badNetwork = (): BgpError => new BgpError('FL_BGP_UPDATE_NETWORK', 'the UPDATE has a bad prefix')

/** @throws BgpError, always with treatment reset */
export function decodeUpdate(body: Uint8Array, context: CodecContext): DecodedUpdate {
  // RFC 4271 6.3: withdrawn length + attribute length + 23 must not exceed the length of the message.
  const reader = new Reader(
    body,
    () => new BgpError('FL_BGP_UPDATE_ATTRIBUTE_LIST', 'a length in the UPDATE runs past its end'),
  )
  const withdrawnBytes = reader.take(reader.u16())
  const decoded = decodeAttributes(reader.take(reader.u16()), context)
  const withdrawn = readPrefixes(withdrawnBytes, 4, badNetwork)
  const nlri = readPrefixes(reader.rest(), 4, badNetwork)
  const { reach, unreach, problem } = readMp(decoded, context)
  const message: UpdateMessage = {
    type: 'update',
    withdrawn,
    attributes: decoded.attributes,
    nlri,
    ...(reach && { reach }),
    ...(unreach && { unreach }),
  }
  const missing = missingAttribute(message)
  return { message, problem: missing === undefined ? problem : stronger(problem, missing) }
}

function readMp(
  { mp, problem }: DecodedAttributes,
  context: CodecContext,
): { reach?: Reach; unreach?: Unreach; problem?: BgpError } {
  const found: { reach?: Reach; unreach?: Unreach; problem?: BgpError } = { problem }
  for (const raw of mp) {
    try {
      if (raw.type === mpTypes.reach) found.reach = readReach(raw, context)
      else found.unreach = readUnreach(raw, context)
    } catch (error) {
      if (!(error instanceof BgpError) || error.treatment === 'reset') throw error
      found.problem = stronger(found.problem, error)
    }
  }
  return found
}

/** RFC 4271 6.3 and RFC 7606 3(d): ORIGIN and AS_PATH with any route, NEXT_HOP with those of the old field. */
function missingAttribute({ attributes, nlri, reach }: UpdateMessage): BgpError | undefined {
  if (nlri.length === 0 && (reach === undefined || reach.prefixes.length === 0)) return undefined
  const type =
    attributes.origin === undefined
      ? 1
      : attributes.asPath === undefined
        ? 2
        : nlri.length > 0 && attributes.nextHop === undefined
          ? 3
          : undefined
  if (type === undefined) return undefined
  return new BgpError('FL_BGP_UPDATE_MISSING', `mandatory attribute ${type} is missing`, [type], 'withdraw')
}

/** MP attributes come first (RFC 7606 5.1). @throws BgpUsageError FL_BGP_MESSAGE_TOO_LONG */
export function encodeUpdate(message: UpdateMessage, context: CodecContext): Uint8Array {
  const { reach, unreach } = message
  const parts: UpdateParts = {
    withdrawn: encodePrefixes(message.withdrawn),
    attributes: [
      ...(reach === undefined ? [] : mpParts('reach', reachHead(reach), encodePrefixes(reach.prefixes))),
      ...(unreach === undefined
        ? []
        : mpParts('unreach', unreachHead(unreach.family), encodePrefixes(unreach.prefixes))),
      encodeAttributes(message.attributes, context),
    ],
    nlri: encodePrefixes(message.nlri),
  }
  const bytes = new Uint8Array(maxMessageLength)
  return bytes.slice(0, writeUpdate(bytes, 0, parts))
}

/** An UPDATE in encoded parts; those of the attributes follow each other as they are. */
export interface UpdateParts {
  readonly withdrawn: Uint8Array
  readonly attributes: readonly ArrayLike<number>[]
  readonly nlri: Uint8Array
}

/**
 * Writes the message from `at` on.
 * @returns where it ends
 * @throws BgpUsageError FL_BGP_MESSAGE_TOO_LONG
 */
export function writeUpdate(target: Uint8Array, at: number, parts: UpdateParts): number {
  const { withdrawn, attributes, nlri } = parts
  let attributesLength = 0
  for (const part of attributes) attributesLength += part.length
  const length = headerLength + 2 + withdrawn.length + 2 + attributesLength + nlri.length
  if (length > maxMessageLength) {
    throw new BgpUsageError('FL_BGP_MESSAGE_TOO_LONG', `more than ${maxMessageLength} octets`)
  }
  writeHeader(target, at, 'update', length)
  let next = writeCounted(target, at + headerLength, withdrawn.length, [withdrawn])
  next = writeCounted(target, next, attributesLength, attributes)
  target.set(nlri, next)
  return next + nlri.length
}

/** Octets with their number, in two octets, before them. */
function writeCounted(
  target: Uint8Array,
  at: number,
  length: number,
  parts: readonly ArrayLike<number>[],
): number {
  target[at] = length >>> 8
  target[at + 1] = length & 255
  let next = at + 2
  for (const part of parts) {
    target.set(part, next)
    next += part.length
  }
  return next
}
