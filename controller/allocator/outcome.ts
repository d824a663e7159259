import { formatAddress, type Address } from '#inet/address.ts'
import type { Claim, Refusal } from './request.ts'

export interface Assignment {
  /** IPv4 first */
  readonly addresses: readonly Address[]
  /** the pool of each address, '' where none has it any more */
  readonly pools: readonly string[]
  readonly claim: Claim
  /** the reservation under which the Service has them, `namespace/name`; '' for none */
  readonly reservation: string
}

/**
 * The pools of the addresses of a Service as its annotation has them: one name, or two when the addresses are from
 * two pools, comma separated with that of the IPv4 address first; '' when some address has none.
 */
export const poolsText = (pools: readonly string[]): string =>
  pools.includes('') ? '' : [...new Set(pools)].join(',')

export interface Considered {
  readonly pool: string
  /** why */
  readonly refused: string
}

export type AllocationOutcome =
  | { readonly ok: true; readonly assignment: Assignment }
  | { readonly ok: false; readonly refusal: Refusal; readonly considered: readonly Considered[] }

const DETAILS = 8

/** @param reason when pools were looked at; without any it is NoPools */
export function exhausted(considered: readonly Considered[], reason: Refusal['reason']): Refusal {
  if (considered.length === 0) return { reason: 'NoPools', message: 'no available IPs: there are no pools' }
  const details = considered.slice(0, DETAILS).map(({ pool, refused }) => `${pool} ${refused}`)
  const more = considered.length > DETAILS ? `, and ${considered.length - DETAILS} more` : ''
  return {
    reason,
    message: `no available IPs: ${details.join(', ')}${more}`,
  }
}

export const refused = (
  reason: Refusal['reason'],
  message: string,
  considered: readonly Considered[] = [],
): AllocationOutcome => ({ ok: false, refusal: { reason, message }, considered })

/** Lists of addresses as upstream prints them, which people search their logs for: `["1.2.3.0" "1000::"]`. */
export const quoteAddresses = (addresses: readonly Address[]): string =>
  `[${addresses.map(quoteAddress).join(' ')}]`

export const quoteAddress = (address: Address): string => JSON.stringify(formatAddress(address))
