import type { Address, Family } from '#inet/address.ts'
import type { PoolState } from './pool-state.ts'
import type { AllocationRequest, Claim } from './request.ts'

/** An address and the pool that it is from. */
export interface Choice {
  readonly address: Address
  readonly state: PoolState
}

/** The sets of families that will do, best first. */
export function alternatives({ families, preferDual, primary }: AllocationRequest): (readonly Family[])[] {
  if (families.length < 2 || !preferDual) return [families]
  return [families, [primary], [primary === 4 ? 6 : 4]]
}

/**
 * One address of each family: from the first pool that has all of them, and when none has, each from the first pool
 * that has one.
 * @param states in the order in which they are to be tried
 */
export function choose(
  states: readonly PoolState[],
  families: readonly Family[],
  claim: Claim,
): Choice[] | undefined {
  for (const state of states) {
    const picked = families.map((family) => pickFrom([state], family, claim))
    if (picked.every((choice) => choice !== undefined)) return picked
  }
  if (families.length < 2) return undefined
  const picked = families.map((family) => pickFrom(states, family, claim))
  return picked.every((choice) => choice !== undefined) ? picked : undefined
}

export function pickFrom(states: readonly PoolState[], family: Family, claim: Claim): Choice | undefined {
  for (const state of states) {
    const address = state.pick(family, claim)
    if (address !== undefined) return { address, state }
  }
  return undefined
}

/** What a pool that may serve the Service has not, '' when it has all. */
export function shortage(state: PoolState, { families, claim }: AllocationRequest): string {
  const absent = families.filter((family) => !state.hasFamily(family))
  const full = families.filter((family) => state.hasFamily(family) && state.pick(family, claim) === undefined)
  if (full.length === families.length) return 'has no free address'
  return [
    ...absent.map((family) => `has no IPv${family} addresses`),
    ...full.map((family) => `has no free IPv${family} address`),
  ].join(' and ')
}
