import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { planProblem } from './check.ts'
import type { NodeContext } from './config.ts'
import { planService, type ServicePlan } from './plan.ts'

/** A Service as it was handed over. */
export interface Observed {
  readonly service: Service
  readonly slices: readonly EndpointSlice[]
}

/**
 * One Service that cannot be planned costs itself only: it keeps the plan that it had. This is for what nobody thought
 * of; objects that are merely wrong have their problems in a plan.
 */
export function planSafely(
  key: string,
  { service, slices }: Observed,
  node: NodeContext,
  previous: ServicePlan | undefined,
): ServicePlan {
  try {
    return encodable(planService(service, slices, node))
  } catch (error) {
    const problems = [`cannot be planned: ${String(error)}`]
    if (previous !== undefined) return { ...previous, problems }
    const nothing = { frontends: [], clusterIPs: [], pingable: [] }
    return { key, created: '', skipped: 'invalid', affinity: false, problems, ...nothing }
  }
}

/** The plan, or one that wants nothing where an element could not say what it wants: the others' go on. */
function encodable(plan: ServicePlan): ServicePlan {
  const problem = planProblem(plan)
  if (problem === '') return plan
  const problems = [...plan.problems, `cannot be programmed: ${problem}`]
  return { ...plan, skipped: 'invalid', problems, frontends: [], clusterIPs: [], pingable: [] }
}
