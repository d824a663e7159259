import type { NodeContext } from './config.ts'
import type { Slots } from './elements.ts'
import { fieldsOf } from './model.ts'
import type { Frontend, ServicePlan } from './plan.ts'
import type { Endpoint } from './service-ports.ts'

/**
 * The Service through which this node may reach the API server: if it lost its last endpoint because a list came back
 * empty, nobody could tell us of new ones.
 */
export const API_SERVICE = 'default/kubernetes'

export const hasEndpoints = (plan: ServicePlan | undefined): boolean =>
  plan?.frontends.some(({ endpoints }) => endpoints.length > 0) ?? false

/**
 * A frontend without any endpoint keeps those of the plan before it, or of the data plane where there was none; others
 * are as they were. The endpoints stay until the API names usable ones.
 */
export function keepEndpoints(
  plan: ServicePlan,
  previous: ServicePlan | undefined,
  slots: Slots,
  node: NodeContext,
): ServicePlan {
  const frontends = plan.frontends.map((frontend): Frontend => {
    if (frontend.endpoints.length > 0) return frontend
    const before = previous?.frontends.find((one) => samePlace(one, frontend))?.endpoints ?? []
    const endpoints = before.length > 0 ? before : found(frontend, slots, node)
    return endpoints.length > 0 ? { ...frontend, endpoints, noEndpoints: '' } : frontend
  })
  if (frontends.every((frontend, at) => frontend === plan.frontends[at])) return plan
  const problem = 'no usable endpoint of the API server is named any more: the last known ones are kept'
  return { ...plan, frontends, problems: [...plan.problems, problem] }
}

const samePlace = (a: Frontend, b: Frontend): boolean =>
  a.family === b.family && a.kind === b.kind && a.protocol === b.protocol && a.port === b.port

/** What the data plane holds for a frontend. */
function found(frontend: Frontend, slots: Slots, node: NodeContext): Endpoint[] {
  const over = frontend.kind === 'NodePort' ? 'nodeports' : 'frontends'
  const texts = slots(frontend.family, over, frontend.key).filter((text) => text !== '')
  return [...new Set(texts)].sort().map((text) => {
    const [address, port] = fieldsOf(text)
    const local = node.localAddresses.includes(address)
    const state = { ready: true, serving: true, terminating: false }
    return { address, port: Number(port), text, ...state, local, zoneHints: [], nodeHints: [] }
  })
}
