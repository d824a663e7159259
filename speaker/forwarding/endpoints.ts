import type { Endpoint } from './service-ports.ts'

/** The choice of endpoints for one Service port on one node: kube-proxy's CategorizeEndpoints (KEP-2086, -1669, -2433). */

export interface Policies {
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** the port can be reached from outside: NodePort, load balancer or external address */
  readonly external: boolean
}

export interface Choice {
  /** for every policy but Local */
  readonly cluster: readonly Endpoint[]
  /** for policy Local */
  readonly local: readonly Endpoint[]
  /** some endpoint of the cluster could answer, perhaps not for this policy */
  readonly any: boolean
}

export interface Topology {
  readonly node: string
  /** '' when the node has none */
  readonly zone: string
}

const fallback = (endpoint: Endpoint): boolean => endpoint.serving && endpoint.terminating
const ready = (endpoint: Endpoint): boolean => endpoint.ready

/**
 * Ready endpoints, and where there are none, those that terminate but still serve (KEP-1669). The two fallbacks are
 * independent: this node may use a terminating Pod of its own while other traffic goes to ready ones elsewhere.
 */
export function chooseEndpoints(
  endpoints: readonly Endpoint[],
  policies: Policies,
  topology: Topology,
): Choice {
  // Pods and the node itself reach external frontends as if there were no policy, even with Local.
  const usesCluster = !policies.internalLocal || policies.external
  const usesLocal = policies.internalLocal || (policies.externalLocal && policies.external)
  // The same list where it can be: there are as many as there are Services.
  const readyOnes = endpoints.every(ready) ? endpoints : endpoints.filter(ready)
  const near = usesCluster ? nearby(readyOnes, topology) : []
  const cluster = near.length > 0 || !usesCluster ? near : endpoints.filter(fallback)
  if (!usesLocal) return { cluster, local: [], any: cluster.length > 0 }

  const own = endpoints.filter((endpoint) => endpoint.local)
  const ownReady = own.filter(ready)
  const local = ownReady.length > 0 ? ownReady : own.filter(fallback)
  return { cluster, local, any: endpoints.some((endpoint) => ready(endpoint) || fallback(endpoint)) }
}

/** The ready endpoints that topology hints leave: all of them when one endpoint lacks a hint (KEP-2433, -4444). */
function nearby(endpoints: readonly Endpoint[], { node, zone }: Topology): readonly Endpoint[] {
  const byNode = hinted(endpoints, (endpoint) => endpoint.nodeHints, node)
  if (byNode.length > 0) return byNode
  const byZone = hinted(endpoints, (endpoint) => endpoint.zoneHints, zone)
  return byZone.length > 0 ? byZone : endpoints
}

function hinted(
  endpoints: readonly Endpoint[],
  hints: (endpoint: Endpoint) => readonly string[],
  wanted: string,
): readonly Endpoint[] {
  if (wanted === '' || endpoints.some((endpoint) => hints(endpoint).length === 0)) return []
  return endpoints.filter((endpoint) => hints(endpoint).includes(wanted))
}
