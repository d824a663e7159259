import type { Address, Family } from '#inet/address.ts'

/** What a Service wants, in terms of addresses only. */
export interface AllocationRequest {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** of its cluster IPs: [4], [6] or [4, 6] */
  readonly families: readonly Family[]
  /** with both families: one is enough when there are not both */
  readonly preferDual: boolean
  /** which family to take when only one is to be had */
  readonly primary: Family
  /** the one pool that will do, '' for any */
  readonly pool: string
  /** the addresses that alone will do, [] for any; IPv4 first */
  readonly addresses: readonly Address[]
  /** the AddressReservation whose addresses it wants and to which its addresses belong, `namespace/name`; '' for none */
  readonly reservation: string
  readonly claim: Claim
}

/** How a Service uses an address, which decides whether another may use it too. */
export interface Claim {
  /** '' for no sharing */
  readonly sharingKey: string
  /** Services that share must send packets to the same pods, or to all nodes alike (then '') */
  readonly backendKey: string
  /** `TCP/80` */
  readonly ports: readonly string[]
}

const sole = new WeakMap<readonly string[], Claim>()

/** The claim of a Service; those of Services that do not share are one where their ports are one list. */
export function claimOf(sharingKey: string, backendKey: string, ports: readonly string[]): Claim {
  if (sharingKey !== '' || backendKey !== '') return { sharingKey, backendKey, ports }
  const known = sole.get(ports) ?? { sharingKey, backendKey, ports }
  sole.set(ports, known)
  return known
}

/** Every reason for which a Service does not get, or no longer has, its address. */
export type RefusalReason =
  /** no pool is in force */
  | 'NoPools'
  /** no pool may serve this Service */
  | 'NoMatchingPool'
  /** every pool that may serve this Service is full */
  | 'PoolExhausted'
  /** no pool that may serve this Service has addresses of one of its families */
  | 'FamilyNotInPools'
  /** the requested pool does not exist */
  | 'UnknownPool'
  /** the requested pool is in error; or, with addresses, they are kept although their pool is */
  | 'PoolInvalid'
  /** the requested pool, or that of the requested address, is not for this Service */
  | 'PoolNotCompatible'
  /** no pool has the requested address */
  | 'RequestedAddressNotInPool'
  /** the pool of the requested address never gives it out */
  | 'RequestedAddressExcluded'
  /** another Service has the requested address and does not share it, or it is reserved for another */
  | 'RequestedAddressInUse'
  /** the requested addresses are not of the families of the Service */
  | 'FamilyMismatch'
  /** the request contradicts itself or cannot be read */
  | 'InvalidRequest'
  /** another Service has the AddressReservation, or an address of it */
  | 'ReservationInUse'
  /** the addresses of the AddressReservation do not fit the Service, or the configuration does not allow them */
  | 'ReservationMismatch'
  /** the Service has no usable cluster IP */
  | 'NoClusterIP'
  /** the Service requires two families and has cluster IPs of one */
  | 'DualStackImpossible'

export interface Refusal {
  readonly reason: RefusalReason
  readonly message: string
}

export const sameFamilies = (a: readonly Family[], b: readonly Family[]): boolean =>
  a.length === b.length && a.every((family) => b.includes(family))

export const sameClaim = (a: Claim, b: Claim): boolean =>
  a.sharingKey === b.sharingKey && a.backendKey === b.backendKey && a.ports.join() === b.ports.join()
