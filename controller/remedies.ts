import type { RefusalReason } from './allocator/request.ts'
import type { Decision } from './decide.ts'

/** What the owner of a Service, or of the pools, can do about each reason; '' where time alone helps. */
const remedies: Readonly<Record<RefusalReason, string>> = {
  NoPools: 'Create an IPAddressPool in the namespace of Fairlead',
  NoMatchingPool:
    'Change namespace or labels of the Service to what a pool is for, or the serviceAllocation or autoAssign of a pool',
  PoolExhausted: 'Add addresses to a pool, or delete Services that do not need theirs',
  FamilyNotInPools:
    'Add a range of this family to a pool, or change ipFamilies or ipFamilyPolicy of the Service',
  PoolInvalid: 'Correct the IPAddressPool, or delete it',
  UnknownPool: 'Name an IPAddressPool that exists in the annotation metallb.io/address-pool',
  PoolNotCompatible: 'Ask for another pool or address, or change the serviceAllocation of this pool',
  RequestedAddressNotInPool: 'Ask for an address of a pool, or add this one to a pool',
  RequestedAddressExcluded: 'Ask for another address, or change what its pool leaves out',
  RequestedAddressInUse:
    'Ask for another address, or share it: the same metallb.io/allow-shared-ip on both Services, different ports, and with externalTrafficPolicy Local on one of them Local and the same selector on both',
  FamilyMismatch:
    'Ask for one address of each family of the Service and no other (spec.ipFamilies), or change its ipFamilyPolicy',
  InvalidRequest: 'Correct the annotations of the Service, or spec.loadBalancerIP',
  ReservationInUse: 'Name another reservation in fairlead.io/reserve, or take the address from who has it',
  ReservationMismatch: 'Change the AddressReservation, or what the Service asks for',
  NoClusterIP: '',
  DualStackImpossible:
    'Set ipFamilyPolicy to PreferDualStack or SingleStack, or give the cluster both families',
}

const LONGEST = 700

/** What is said to people about a decision: why, and what to do. */
export const told = ({ reason, message }: Decision): string => withRemedy(reason, message)

/** Adds what to do about it to a text that says why. */
export function withRemedy(reason: Decision['reason'], message: string): string {
  const remedy = Object.hasOwn(remedies, reason) ? remedies[reason as RefusalReason] : ''
  if (remedy === '') return message
  // The remedy must survive the limit for the messages of Events.
  const why = message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message
  return `${why}. ${remedy}`
}
