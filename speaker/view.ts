import type { SessionStatus } from '#bgp-ts/status.ts'
import type { Config, Problem } from '#crds/config.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Node } from '#kube/objects/node.ts'
import type { Service } from '#kube/objects/service.ts'
import type {
  AddressCounters,
  Layer2Event,
  WireAnswer,
  WireHolder,
  WireInterface,
  WireNeighbor,
  WirePeer,
  WireQuestion,
  WireRoute,
} from './wire/protocol.ts'
import type { SessionStory } from './bgp-state.ts'
import type { DrainState } from './drain/phase.ts'
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
  /** nothing was heard of the API server for too long */
  readonly stale: boolean
  /** how far this node is out of the traffic from outside */
  readonly drain: DrainState
  /** why no address may be announced from a node, '' when some may */
  refusal(node: string): string
  readonly interfaces: readonly WireInterface[]
  /** the other speakers as this one sees them */
  readonly neighbors: readonly WireNeighbor[]
  /** what happened to an address on this node, or to all, oldest first; the last 2,000 lines are kept */
  layer2Events(address?: string): readonly Layer2Event[]
  readonly layer2: readonly Layer2View[]
  /** one of them, by address */
  layer2Of(address: string): Layer2View | undefined
  readonly peers: readonly PeerView[]
  /** all BFD sessions, whoever wants them */
  readonly bfd: readonly BfdSessionStatus[]
  readonly forwarding: ForwardingView
  /** asks the wire thread; undefined when it does not answer */
  ask(question: WireQuestion): Promise<WireAnswer | undefined>
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
  /** why it is not announced, as far as it is for this node to say */
  readonly problem?: string
}

export interface PeerView {
  readonly peer: WirePeer
  readonly session?: SessionStatus
  readonly story?: SessionStory
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
