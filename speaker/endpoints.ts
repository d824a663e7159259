import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'

/** How many endpoints of a Service can take traffic, and where. */
export interface EndpointSummary {
  readonly total: number
  /** endpoints by node name; endpoints without a node are counted in `total` only */
  readonly byNode: ReadonlyMap<string, number>
}

/**
 * Counts the active endpoints of a Service. Active is what MetalLB calls so: ready, or serving while it terminates,
 * with an address. The same pod behind two ports counts once.
 */
export function summarizeEndpoints(slices: readonly EndpointSlice[]): EndpointSummary {
  const seen = new Set<string>()
  const byNode = new Map<string, number>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    for (const endpoint of slice.endpoints) {
      if (!(endpoint.ready || endpoint.serving) || endpoint.address === '') continue
      const identity = `${endpoint.address}@${endpoint.nodeName}`
      if (seen.has(identity)) continue
      seen.add(identity)
      if (endpoint.nodeName !== '') byNode.set(endpoint.nodeName, (byNode.get(endpoint.nodeName) ?? 0) + 1)
    }
  }
  return shared({ total: seen.size, byNode })
}

/** More different ones than there are nodes, each with some numbers of endpoints. */
const SUMMARIES_KEPT = 4096
const summaries = new Map<string, EndpointSummary>()

/** Thousands of Services have all their endpoints, which is mostly one, on one of the nodes: the same summary. */
function shared(summary: EndpointSummary): EndpointSummary {
  const { total, byNode } = summary
  if (byNode.size > 1) return summary
  const [node = '', count = 0] = [...byNode].flat() as [string?, number?]
  const text = `${total} ${count} ${node}`
  const known = summaries.get(text)
  if (known !== undefined) return known
  if (summaries.size >= SUMMARIES_KEPT) summaries.clear()
  summaries.set(text, summary)
  return summary
}
