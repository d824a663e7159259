import type { Address, Family } from '#inet/address.ts'
import type { PoolState } from './pool-state.ts'
import type { AllocationRequest, Claim, Refusal } from './request.ts'

export interface Assignment {
  /** IPv4 first */
  readonly addresses: readonly Address[]
  /** the pool that has all of them, '' when none has any more */
  readonly pool: string
  readonly claim: Claim
}

export interface Considered {
  readonly pool: string
  /** '' for the pool that was chosen */
  readonly refused: string
}

export type AllocationOutcome =
  | { readonly ok: true; readonly assignment: Assignment; readonly considered: readonly Considered[] }
  | { readonly ok: false; readonly refusal: Refusal; readonly considered: readonly Considered[] }

/** The sets of families that will do, best first. */
export function alternatives({ families, preferDual, primary }: AllocationRequest): (readonly Family[])[] {
  if (families.length < 2 || !preferDual) return [families]
  return [families, [primary], [primary === 4 ? 6 : 4]]
}

/** Why a pool that may serve the Service did not. */
export function shortage(state: PoolState, { families }: AllocationRequest): string {
  const absent = families.find((family) => !state.hasFamily(family))
  return absent === undefined ? 'has no free address' : `has no IPv${absent} addresses`
}

const DETAILS = 8

export function exhausted(considered: readonly Considered[], anyFits: boolean): Refusal {
  if (considered.length === 0) return { reason: 'NoPools', message: 'no available IPs: there are no pools' }
  const details = considered.slice(0, DETAILS).map(({ pool, refused }) => `${pool} ${refused}`)
  const more = considered.length > DETAILS ? `, and ${considered.length - DETAILS} more` : ''
  return {
    reason: anyFits ? 'PoolExhausted' : 'NoMatchingPool',
    message: `no available IPs: ${details.join(', ')}${more}`,
  }
}

export const refused = (
  reason: Refusal['reason'],
  message: string,
  considered: readonly Considered[] = [],
): AllocationOutcome => ({ ok: false, refusal: { reason, message }, considered })
