import type { ServiceView } from '#controller/view.ts'
import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'

/**
 * What is known of one Service. Every part may be missing, because each process knows its own part only; a check
 * that needs a missing part answers `unknown`.
 */
export interface Evidence {
  /** `namespace/name` as asked for */
  readonly key: string
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
}

export interface PoolEvidence {
  readonly name: string
  readonly ranges: readonly string[]
  readonly families: readonly (4 | 6)[]
  readonly free: bigint
}
