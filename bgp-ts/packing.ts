import { BgpUsageError } from './errors.ts'
import type { AddressFamily } from './config.ts'
import type { Exported } from './export.ts'
import type { UnsentReason } from './status.ts'
import { encodeAttributes } from './wire/attribute-writer.ts'
import type { CodecContext } from './wire/context.ts'
import { headerLength, maxMessageLength } from './wire/header.ts'
import { mpOverhead, mpParts, reachHead, unreachHead } from './wire/multiprotocol.ts'
import type { UpdateParts } from './wire/update.ts'

/** What an UPDATE has for attributes and prefixes besides its header and the two lengths. */
const updateRoom = maxMessageLength - headerLength - 4

/** Octets of a /32 and of a /128. */
const longestNlri = { 'ipv4-unicast': 5, 'ipv6-unicast': 17 } as const

/** All UPDATEs that say the same of their prefixes. */
export interface Packing {
  /** equal keys: the same is said */
  readonly key: string
  readonly family: AddressFamily
  /** octets for prefixes in one message */
  readonly room: number
  /** the message with these prefixes in it */
  parts(nlri: Uint8Array): UpdateParts
}

/** A set of attributes, encoded. */
export interface Advertisement extends Exported, Packing {}

const none = new Uint8Array()

/** Encodes what an UPDATE says of its prefixes, or says why no UPDATE can. */
export function packAttributes(exported: Exported, context: CodecContext): Advertisement | UnsentReason {
  const { family, nextHop } = exported
  // The old fields take an IPv4 next hop for IPv4 prefixes, and nothing else.
  const head = family !== 'ipv4-unicast' || nextHop.family === 6 ? reachHead(exported) : undefined
  const octets = encodedOrNothing(exported, context)
  const room = updateRoom - (head === undefined ? 0 : mpOverhead(head)) - (octets?.length ?? 0)
  if (octets === undefined || room < longestNlri[family]) return 'attributes-too-long'
  const parts = (nlri: Uint8Array): UpdateParts =>
    head === undefined
      ? { withdrawn: none, attributes: [octets], nlri }
      : { withdrawn: none, attributes: [...mpParts('reach', head, nlri), octets], nlri: none }
  return { ...exported, room, parts }
}

/** UPDATEs that withdraw. */
export function packWithdrawal(family: AddressFamily, context: CodecContext): Packing {
  const key = `withdraw ${family}`
  // Where IPv4 routes may have come in MP_REACH_NLRI they go by MP_UNREACH_NLRI, as FRR does it.
  if (family === 'ipv4-unicast' && !context.extendedNextHop) {
    return {
      key,
      family,
      room: updateRoom,
      parts: (withdrawn) => ({ withdrawn, attributes: [], nlri: none }),
    }
  }
  const head = unreachHead(family)
  const parts = (nlri: Uint8Array): UpdateParts => {
    return { withdrawn: none, attributes: mpParts('unreach', head, nlri), nlri: none }
  }
  return { key, family, room: updateRoom - mpOverhead(head), parts }
}

function encodedOrNothing({ attributes }: Exported, context: CodecContext): Uint8Array | undefined {
  try {
    return encodeAttributes(attributes, context)
  } catch (error) {
    if (error instanceof BgpUsageError) return undefined
    throw error
  }
}
