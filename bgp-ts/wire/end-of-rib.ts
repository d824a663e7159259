import type { AddressFamily } from '../config.ts'
import type { UpdateMessage } from './update.ts'

/** The family whose End-of-RIB this UPDATE is (RFC 4724 2); undefined for any other UPDATE. */
export function endOfRibOf({
  withdrawn,
  attributes,
  nlri,
  reach,
  unreach,
}: UpdateMessage): AddressFamily | undefined {
  if (withdrawn.length > 0 || nlri.length > 0 || reach !== undefined) return undefined
  if (unreach !== undefined && unreach.prefixes.length > 0) return undefined
  const values: readonly unknown[] = Object.values(attributes)
  const empty = values.every((value) => value === undefined || (Array.isArray(value) && value.length === 0))
  return empty ? (unreach?.family ?? 'ipv4-unicast') : undefined
}
