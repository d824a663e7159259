import type { Address } from '#inet/address.ts'
import type { AddressRange } from '#inet/range.ts'
import type { LabelSelector } from './selector.ts'

/**
 * The checked configuration: what `parseConfig` (parse.ts) makes of the custom resources. Everything in it is
 * valid by itself and against the rest, so nobody who reads it checks again. Lists are in name order.
 */
export interface Config {
  readonly pools: readonly Pool[]
  readonly l2Advertisements: readonly L2Advertisement[]
  readonly bgpAdvertisements: readonly BgpAdvertisement[]
  readonly peers: readonly BgpPeer[]
  readonly bfdProfiles: readonly BfdProfile[]
  /** alias -> community, from all Community objects */
  readonly communities: ReadonlyMap<string, Community>
  /** alias -> name of the Community object that defines it; parseConfig needs it to keep last good versions */
  readonly communityOwners?: ReadonlyMap<string, string>
}

export const emptyConfig: Config = {
  pools: [],
  l2Advertisements: [],
  bgpAdvertisements: [],
  peers: [],
  bfdProfiles: [],
  communities: new Map(),
}

/** IPAddressPool (metallb.io/v1beta1). */
export interface Pool {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** in spec order, disjoint */
  readonly ranges: readonly AddressRange[]
  /** addresses inside `ranges` that are never given out: ascending, disjoint; undefined when there are none */
  readonly excludes?: readonly AddressRange[]
  readonly autoAssign: boolean
  readonly avoidBuggyIPs: boolean
  /** undefined: any Service may use it */
  readonly allocation?: PoolAllocation
}

export interface PoolAllocation {
  /** 0 is last; otherwise lower numbers go first */
  readonly priority: number
  readonly namespaces: readonly string[]
  readonly namespaceSelectors: readonly LabelSelector[]
  readonly serviceSelectors: readonly LabelSelector[]
}

/** AddressReservation (fairlead.io/v1alpha1), as `parseReservation` reads it. Not part of a Config. */
export interface Reservation {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339 */
  readonly created: string
  /** IPv4 first, at most one of each family; [] when `invalid` */
  readonly addresses: readonly Address[]
  /** names of pools, as written */
  readonly pools: readonly string[]
  /** why the spec cannot be read, '' when it can */
  readonly invalid: string
  /** name of the Service that has the addresses according to the status, '' for none */
  readonly recordedService: string
}

/** L2Advertisement (metallb.io/v1beta1). Empty selector lists mean no restriction. */
export interface L2Advertisement {
  readonly name: string
  /** names of the selected pools: `ipAddressPools` and `ipAddressPoolSelectors` resolved; all pools when both are empty */
  readonly pools: ReadonlySet<string>
  readonly nodeSelectors: readonly LabelSelector[]
  readonly serviceSelectors: readonly LabelSelector[]
  /** [] means all interfaces */
  readonly interfaces: readonly string[]
  readonly preferredNodes: readonly { readonly weight: number; readonly preference: LabelSelector }[]
}

/** BGPAdvertisement (metallb.io/v1beta1). */
export interface BgpAdvertisement {
  readonly name: string
  /** as in L2Advertisement */
  readonly pools: ReadonlySet<string>
  /** ranges of these pools that it does not announce, as they are narrower than its aggregates; undefined for none */
  readonly withheld?: readonly AddressRange[]
  readonly aggregationLength: number
  readonly aggregationLengthV6: number
  /** undefined: not set */
  readonly localPref?: number
  readonly med?: number
  /** undefined: 0 */
  readonly asPathPrepend?: number
  /** of one endpoint, octets per second */
  readonly linkBandwidth?: number
  /** sorted, without duplicates */
  readonly communities: readonly Community[]
  /** BGPPeer names; [] means all peers */
  readonly peers: readonly string[]
  readonly nodeSelectors: readonly LabelSelector[]
  readonly serviceSelectors: readonly LabelSelector[]
}

/** A BGP community as numbers: RFC 1997 (two 16-bit halves), RFC 8092 (three 32-bit parts), RFC 4360 (two halves). */
export type Community =
  | { readonly kind: 'standard'; readonly value: readonly [number, number] }
  | { readonly kind: 'large'; readonly value: readonly [number, number, number] }
  | { readonly kind: 'extended'; readonly value: readonly [number, number] }

/** What a speaker is to its peer (RFC 9234 4.1). */
export const peerRoles = ['provider', 'route-server', 'route-server-client', 'customer', 'peer'] as const

/** BGPPeer (metallb.io/v1beta2, and v1beta1 converted). Durations in milliseconds. */
export interface BgpPeer {
  readonly name: string
  readonly myASN: number
  /** undefined when `dynamicASN` is given */
  readonly peerASN?: number
  readonly dynamicASN?: 'internal' | 'external'
  readonly localASN?: number
  /** undefined when `interface` is given */
  readonly peerAddress?: Address
  readonly interface?: string
  readonly sourceAddress?: Address
  readonly peerPort: number
  /** undefined: the speaker's default (90 s) */
  readonly holdTime?: number
  readonly keepaliveTime?: number
  readonly connectTime?: number
  readonly routerID?: string
  readonly nodeSelectors: readonly LabelSelector[]
  readonly password?: string
  readonly passwordSecret?: { readonly namespace: string; readonly name: string }
  readonly bfdProfile?: string
  readonly enableGracefulRestart: boolean
  readonly ebgpMultiHop: boolean
  readonly vrf: string
  readonly dualStackAddressFamily: boolean
  /** GTSM (RFC 5082): the peer is at most so many hops away */
  readonly ttlSecurity?: number
  /** the peer may connect to us, too; undefined: it may not */
  readonly listen?: boolean
  readonly role?: (typeof peerRoles)[number]
  readonly strictRole?: boolean
}

/** BFDProfile (metallb.io/v1beta1) with FRR's defaults filled in. Intervals in milliseconds. */
export interface BfdProfile {
  readonly name: string
  readonly receiveInterval: number
  readonly transmitInterval: number
  readonly detectMultiplier: number
  readonly echoInterval: number
  readonly echoMode: boolean
  readonly passiveMode: boolean
  /** undefined: not set. FRR's 254 is not filled in, because FRR lets the BGP session's own TTL rule over it */
  readonly minimumTtl?: number
}

/** What is wrong with one object, where a person can find and mend it. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** one of crds/errors.ts */
  readonly code: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** a path such as `spec.addresses[0]`, '' for the object as a whole */
  readonly field: string
  readonly message: string
}
