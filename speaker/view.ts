import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Config, Problem } from '#crds/config.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Node } from '#kube/objects/node.ts'
import type { Service } from '#kube/objects/service.ts'
import type { AddressCounters, WireHolder, WireInterface, WirePeer, WireRoute } from './wire/protocol.ts'
import type { BfdSessionStatus } from './bfd/status.ts'
import type { ForwardingView } from './forwarding/view.ts'
import type { Candidate } from './layer2/elect.ts'

/** What a speaker knows, for the admin API: read-only and cheap to take. */
export interface SpeakerView {
  readonly node: string
  readonly synced: boolean
  /** epoch milliseconds of the last contact with the API server, by resource plural */
  readonly apiContact: Readonly<Record<string, number>>
  readonly config: Config
  readonly problems: readonly Problem[]
  readonly nodes: ReadonlyMap<string, Node>
  /** names of the nodes that run a speaker */
  readonly speakers: ReadonlySet<string>
  readonly interfaces: readonly WireInterface[]
  readonly layer2: readonly Layer2View[]
  /** one of them, by address */
  layer2Of(address: string): Layer2View | undefined
  readonly peers: readonly PeerView[]
  /** all BFD sessions, whoever wants them */
  readonly bfd: readonly BfdSessionStatus[]
  readonly forwarding: ForwardingView
  services(): Iterable<Service>
  service(key: string): Service | undefined
  /** the slices of a Service, by `namespace/name` */
  slices(key: string): readonly EndpointSlice[]
  /** why this node announces a Service or not, protocol by protocol */
  announcement(key: string): AnnouncementView
}

export interface Layer2View {
  readonly address: string
  readonly services: readonly string[]
  readonly candidates: readonly Candidate[]
  readonly served: boolean
  readonly holder?: WireHolder
  readonly counters?: AddressCounters
}

export interface PeerView {
  readonly peer: WirePeer
  readonly session?: SessionStatus
  /** the BFD session that watches the path to it */
  readonly bfd?: BfdSessionStatus
  /** Adj-RIB-Out wanted for this peer */
  readonly routes: readonly WireRoute[]
}

/** `reason` is '' when announced; otherwise one of MetalLB's words (notOwner, noEndpoints …). */
export interface AnnouncementView {
  readonly layer2: {
    readonly announced: boolean
    readonly reason: string
    readonly advertisements: readonly string[]
  }
  readonly bgp: { readonly announced: boolean; readonly reason: string; readonly peers: readonly string[] }
}
