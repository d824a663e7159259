import { addressToBytes } from '#inet/address.ts'
import { BgpUsageError } from './errors.ts'
import type { Exported } from './export.ts'
import { encodeAttributes } from './wire/attribute-writer.ts'
import type { CodecContext } from './wire/context.ts'
import { headerLength, maxMessageLength } from './wire/header.ts'
import { reachOverhead, unreachOverhead } from './wire/multiprotocol.ts'

/** What an UPDATE has for attributes and prefixes besides its header and the two lengths. */
const updateRoom = maxMessageLength - headerLength - 4

/** Octets of a /32 and of a /128. */
export const longestNlri = { 'ipv4-unicast': 5, 'ipv6-unicast': 17 } as const

/** The old fields take an IPv4 next hop for IPv4 prefixes, and nothing else. */
export const isMp = ({ family, nextHop }: Exported): boolean =>
  family !== 'ipv4-unicast' || nextHop.family === 6

/** Octets for prefixes in an UPDATE that withdraws. */
export const withdrawalRoom = (mp: boolean): number => updateRoom - (mp ? unreachOverhead : 0)

/** Octets for prefixes in an UPDATE with these attributes; negative when they alone are too many. */
export function announcementRoom(exported: Exported, context: CodecContext): number {
  const { attributes, nextHop, linkLocal } = exported
  const hops = addressToBytes(nextHop).length * (linkLocal === undefined ? 1 : 2)
  const overhead = isMp(exported) ? reachOverhead(hops) : 0
  try {
    return updateRoom - overhead - encodeAttributes(attributes, context).length
  } catch (error) {
    if (error instanceof BgpUsageError) return -1
    throw error
  }
}
