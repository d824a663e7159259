import { formatAddress, type Address, type Family } from '#inet/address.ts'

/** What a Service wants, in terms of addresses only. */
export interface AllocationRequest {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** of its cluster IPs: [4], [6] or [4, 6] */
  readonly families: readonly Family[]
  /** with both families: one is enough when no pool has both */
  readonly preferDual: boolean
  /** which family to take when only one is to be had */
  readonly primary: Family
  /** the one pool that will do, '' for any */
  readonly pool: string
  /** the addresses that alone will do, [] for any; IPv4 first */
  readonly addresses: readonly Address[]
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

/** Every reason for which a Service does not get, or no longer has, its address. */
export type RefusalReason =
  /** no pool is in force */
  | 'NoPools'
  /** no pool may serve this Service */
  | 'NoMatchingPool'
  /** every pool that may serve this Service is full */
  | 'PoolExhausted'
  /** the requested pool does not exist */
  | 'UnknownPool'
  /** the requested pool, or that of the requested address, is not for this Service */
  | 'PoolNotCompatible'
  /** no pool has the requested address, or one pool not both */
  | 'RequestedAddressNotInPool'
  /** another Service has the requested address and does not share it */
  | 'RequestedAddressInUse'
  /** the requested addresses are not of the families of the Service */
  | 'RequestedFamilyMismatch'
  /** the request contradicts itself or cannot be read */
  | 'InvalidRequest'
  /** the Service has no usable cluster IP */
  | 'NoClusterIP'
  /** the Service requires two families and has cluster IPs of one */
  | 'DualStackImpossible'

export interface Refusal {
  readonly reason: RefusalReason
  readonly message: string
}

/** Lists of addresses as upstream prints them, which people search their logs for: `["1.2.3.0" "1000::"]`. */
export const quoteAddresses = (addresses: readonly Address[]): string =>
  `[${addresses.map((address) => JSON.stringify(formatAddress(address))).join(' ')}]`

export const sameFamilies = (a: readonly Family[], b: readonly Family[]): boolean =>
  a.length === b.length && a.every((family) => b.includes(family))
