import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import type { ServicePlan } from './plan.ts'

/** A Service as the data plane has it now, with the objects that the plan was made from. */
export interface ProgrammedService {
  readonly key: string
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
  readonly plan: ServicePlan
}

/**
 * Something beside the data plane that follows the Services: removal of stale conntrack entries, health check
 * servers, proxies on loopback. It is told after each successful transaction and must not throw; what fails in it is
 * its own to report and to try again.
 */
export interface Follower {
  /**
   * These Services were planned anew and are programmed; undefined for one that is gone. The first call, after an
   * adoption, names every Service there is.
   */
  programmed(services: ReadonlyMap<string, ProgrammedService | undefined>): void
  stop(): Promise<void>
}
