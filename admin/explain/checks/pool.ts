import { fail, ok, unknown, type Check } from '../check.ts'
import { addressElsewhere } from './elsewhere.ts'

/** Check 2: is there a pool that may give it an address, with room? */
export const poolCheck: Check = {
  id: 'pool',
  question: 'Is there a pool for it, and room?',
  run(evidence) {
    const elsewhere = addressElsewhere(evidence)
    if (elsewhere !== undefined) return elsewhere
    const { allocation, pools } = evidence
    if (allocation === undefined || pools === undefined) return unknown('only the controller knows the pools')
    if (allocation.addresses.length > 0) {
      return ok(`${allocation.addresses.join(', ')} from pool ${allocation.pool}`)
    }
    if (allocation.reason.startsWith('RequestedAddress'))
      return ok('a particular address was asked for: see the next check')
    if (pools.length === 0) {
      return fail(
        'there is no valid IPAddressPool',
        "create an IPAddressPool in Fairlead's namespace, or see its events if you did",
      )
    }
    const refused = allocation.considered.map(({ pool, refused }) => `${pool}: ${refused || 'chosen'}`)
    const why = refused.length > 0 ? refused.join('; ') : allocation.message || allocation.reason
    return fail(`no address: ${why}`, remedyFor(allocation.reason))
  },
}

function remedyFor(reason: string): string {
  switch (reason) {
    case 'PoolExhausted':
      return 'enlarge the pool (spec.addresses) or delete Services that no longer need their address'
    case 'FamilyNotInPools':
      return 'add a range of this family to a pool, or change ipFamilies or ipFamilyPolicy of the Service'
    case 'NoMatchingPool':
      return 'change serviceAllocation or autoAssign of a pool, or name one with the annotation metallb.io/address-pool'
    default:
      return 'see the condition fairlead.io/AddressAssigned: kubectl describe service'
  }
}
