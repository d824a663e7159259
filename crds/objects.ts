import type { LabelSelector } from './selector.ts'

/** The custom resources as a person writes them: field names and types of the CRDs, before any check. */
export interface IPAddressPoolSpec {
  addresses: string[]
  excludes?: string[]
  autoAssign?: boolean
  avoidBuggyIPs?: boolean
  serviceAllocation?: {
    priority?: number
    namespaces?: string[]
    namespaceSelectors?: LabelSelector[]
    serviceSelectors?: LabelSelector[]
  }
}

/** Counts are capped below 2^63, of which JavaScript numbers have 53 bits. */
export interface IPAddressPoolStatus {
  assignedIPv4: number
  assignedIPv6: number
  availableIPv4: number
  availableIPv6: number
  /** type Conflicting */
  conditions?: ObjectCondition[]
}

export interface L2AdvertisementSpec {
  ipAddressPools?: string[]
  ipAddressPoolSelectors?: LabelSelector[]
  nodeSelectors?: LabelSelector[]
  serviceSelectors?: LabelSelector[]
  interfaces?: string[]
  preferredNodeSelectors?: { weight: number; preference: LabelSelector }[]
}

export interface BGPAdvertisementSpec {
  ipAddressPools?: string[]
  ipAddressPoolSelectors?: LabelSelector[]
  nodeSelectors?: LabelSelector[]
  serviceSelectors?: LabelSelector[]
  aggregationLength?: number
  aggregationLengthV6?: number
  localPref?: number
  med?: number
  asPathPrepend?: number
  /** of one endpoint, bits per second: `1G` */
  linkBandwidth?: string
  communities?: string[]
  peers?: string[]
}

/** v1beta2. Durations in Go's notation. */
export interface BGPPeerSpec {
  myASN: number
  peerASN?: number
  dynamicASN?: 'internal' | 'external'
  localASN?: number
  peerAddress?: string
  interface?: string
  sourceAddress?: string
  peerPort?: number
  holdTime?: string
  keepaliveTime?: string
  connectTime?: string
  routerID?: string
  nodeSelectors?: LabelSelector[]
  password?: string
  passwordSecret?: { name?: string; namespace?: string }
  bfdProfile?: string
  enableGracefulRestart?: boolean
  ebgpMultiHop?: boolean
  vrf?: string
  disableMP?: boolean
  dualStackAddressFamily?: boolean
  ttlSecurity?: number
  listen?: boolean
  role?: 'provider' | 'route-server' | 'route-server-client' | 'customer' | 'peer'
  strictRole?: boolean
}

export interface BFDProfileSpec {
  receiveInterval?: number
  transmitInterval?: number
  detectMultiplier?: number
  echoInterval?: number
  echoMode?: boolean
  passiveMode?: boolean
  minimumTtl?: number
}

export interface CommunitySpec {
  communities?: { name?: string; value?: string }[]
}

/** Labels of ServiceL2Status and ServiceBGPStatus objects, by which they are found. */
export const statusLabels = {
  node: 'metallb.io/node',
  serviceName: 'metallb.io/service-name',
  serviceNamespace: 'metallb.io/service-namespace',
} as const

export interface ServiceL2StatusStatus {
  node?: string
  serviceName?: string
  serviceNamespace?: string
  /** empty: all interfaces */
  interfaces?: { name: string }[]
}

export interface ServiceBGPStatusStatus {
  node?: string
  serviceName?: string
  serviceNamespace?: string
  /** BGPPeer names, sorted: the intended targets, not the state of their sessions */
  peers?: string[]
}

export interface ConfigurationStateStatus {
  result?: 'Valid' | 'Invalid' | 'Unknown'
  errorSummary?: string
  conditions?: ObjectCondition[]
}

/** fairlead.io/v1alpha1, in the namespace of the Services that it is for. */
export interface AddressReservationSpec {
  /** one, or one of each family */
  addresses: string[]
  /** the pools that they are from, for people to read */
  pools?: string[]
}

export interface AddressReservationStatus {
  /** the Service of the same namespace that has the addresses */
  service?: string
  phase?: 'Bound' | 'Released'
  /** type Reserved */
  conditions?: ObjectCondition[]
}

export interface SpeakerStatusStatus {
  node?: string
  interfaces?: { name: string; mac?: string; up?: boolean; usable?: boolean; prefixes?: string[] }[]
  sessions?: SpeakerSession[]
  /** `2/3` */
  sessionsUp?: string
  /** the first of what is wrong */
  firstError?: string
  heldAddresses?: number
  held?: { address: string; since?: string; interfaces?: string[] }[]
  problems?: { address: string; reason: string; message?: string; mac?: string }[]
  neighbors?: { node: string; state?: 'alive' | 'dead' | 'left' | 'unknown'; since?: string }[]
  unreachable?: string[]
  forwarding?: { mode?: 'full' | 'off'; synced?: boolean; generation?: number }
  /**
   * types Ready, ForwardingSynced and Drained (the speaker's), ApiReachable (the controller's, which with False there
   * says that Ready is Unknown)
   */
  conditions?: ObjectCondition[]
}

/** A BGP session in a SpeakerStatus. */
interface SpeakerSession {
  peer: string
  address?: string
  state?: string
  since?: string
  peerASN?: number
  routerID?: string
  holdTime?: string
  keepaliveTime?: string
  capabilities?: string[]
  lastError?: string
  notificationSent?: { at?: string; text?: string }
  notificationReceived?: { at?: string; text?: string }
  announced?: { ipv4?: number; ipv6?: number }
  unsent?: { reason: string; message?: string; routes?: number }[]
  bfd?: 'Up' | 'Down'
  restarting?: boolean
}

/** metav1.Condition. */
export interface ObjectCondition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  lastTransitionTime: string
  observedGeneration?: number
}
