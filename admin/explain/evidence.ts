import type { ServiceView } from '#controller/view.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { FrontendView } from '#speaker/forwarding/view.ts'

/**
 * What is known of one Service. Every part may be missing, because each process knows its own part only; a check
 * that needs a missing part answers `unknown`.
 */
export interface Evidence {
  /** `namespace/name` as asked for */
  readonly key: string
  /** false before the first lists are complete: what is missing may only not be known yet */
  readonly synced?: boolean
  /** undefined: there is no such Service */
  readonly service: Service | undefined
  readonly loadBalancerClass: string
  /** field managers other than ours that own status.loadBalancer */
  readonly statusManagers?: readonly string[]
  /** from the controller */
  readonly allocation?: ServiceView
  /** names of the pools that exist, from the controller */
  readonly pools?: readonly PoolEvidence[]
  readonly slices?: readonly EndpointSlice[]
  /** from a speaker: what its node does with the traffic of the Service */
  readonly forwarding?: ForwardingEvidence
  /** from the controller: what the speakers say of their forwarding */
  readonly speakers?: readonly SpeakerForwarding[]
  /** the address of a client that was asked about */
  readonly client?: string
}

export interface ForwardingEvidence {
  readonly node: string
  readonly mode: 'full' | 'off'
  /** packets are this node's to forward */
  readonly forwarding: boolean
  /** why it is so, '' when there is nothing to say */
  readonly reason: string
  /** of the last attempt to program, '' when it succeeded */
  readonly lastError: string
  /** the Service's frontends are in the kernel */
  readonly programmed: boolean
  readonly frontends: readonly FrontendView[]
  /** its frontends that an older Service has, in words */
  readonly taken: readonly string[]
  /** what is wrong with the Service or its slices, in words */
  readonly problems: readonly string[]
}

export interface SpeakerForwarding {
  readonly node: string
  /** full, off, or standby while another proxy is on the node */
  readonly mode: string
  readonly synced: boolean
  readonly reason: string
}

export interface PoolEvidence {
  readonly name: string
  readonly ranges: readonly string[]
  readonly families: readonly (4 | 6)[]
  readonly free: bigint
}
