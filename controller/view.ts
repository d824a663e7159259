import type { Config, Problem } from '#crds/config.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Namespace } from '#kube/objects/node.ts'
import type { SimulationAnswer, SimulationRequest } from './simulate-request.ts'

/** What the controller knows, for the admin API: read-only, cheap to take, never older than the last event. */
export interface ControllerView {
  readonly identity: string
  /** holds the Lease */
  readonly leader: boolean
  /** all first lists complete */
  readonly synced: boolean
  /** epoch milliseconds of the last contact with the API server, by resource plural */
  readonly apiContact: Readonly<Record<string, number>>
  readonly loadBalancerClass: string
  readonly config: Config
  readonly problems: readonly Problem[]
  readonly pools: readonly PoolView[]
  readonly namespaces: ReadonlyMap<string, Namespace>
  services(): Iterable<ServiceView>
  service(key: string): ServiceView | undefined
  /** What would become of the Services if this were applied and that deleted; computed on copies. */
  simulate(request: SimulationRequest): SimulationAnswer
}

export interface PoolView {
  readonly name: string
  readonly ranges: readonly string[]
  /** inside `ranges`, never given out */
  readonly excludes: readonly string[]
  readonly autoAssign: boolean
  /** by family: addresses that exist, and those in use */
  readonly capacity: { readonly v4: bigint; readonly v6: bigint }
  readonly assigned: { readonly v4: bigint; readonly v6: bigint }
}

export interface ServiceView {
  readonly service: Service
  /** false: not of type LoadBalancer, or another class; `reason` says which */
  readonly ours: boolean
  readonly addresses: readonly string[]
  /** of the addresses; two names with a comma between when they are from two pools, that of IPv4 first */
  readonly pool: string
  /** closed list: Assigned, NoPools, PoolExhausted, NoMatchingPool, RequestedAddressInUse, ReservationInUse, … */
  readonly reason: string
  readonly message: string
  /** of one without an address every pool that was considered and why it was refused, else the pool chosen, '' */
  readonly considered: readonly { readonly pool: string; readonly refused: string }[]
}
