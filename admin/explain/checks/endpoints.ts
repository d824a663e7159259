import type { SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { fail, ok, unknown, warn, type Check } from '../check.ts'

/** Check 6: an address without a pod behind it is announced by nobody. */
export const endpointsCheck: Check = {
  id: 'endpoints',
  question: 'Does it have ready endpoints?',
  run({ service, slices }) {
    if (service === undefined) return unknown('there is no Service')
    if (slices === undefined) return unknown('EndpointSlices could not be read')
    const endpoints = slices.flatMap((slice) => slice.endpoints)
    const ready = endpoints.filter((one) => one.ready)
    if (ready.length > 0) {
      const unready = endpoints.length - ready.length
      return ok(`${ready.length} ready (${byNode(ready)})${unready > 0 ? `, ${unready} not ready` : ''}`)
    }
    const terminating = endpoints.filter((one) => one.serving && one.terminating)
    if (terminating.length > 0) {
      return warn(
        `only ${terminating.length} terminating endpoints still serve`,
        'pods are going away and none is ready yet',
      )
    }
    if (endpoints.length > 0) {
      return fail(
        `${endpoints.length} endpoints, none is ready (${byNode(endpoints)})`,
        'see why the pods are not Ready: kubectl get pods -o wide',
      )
    }
    const selector = Object.entries(service.selector).map(([key, value]) => `${key}=${value}`)
    if (selector.length === 0) {
      return fail(
        'it has no selector and nobody made EndpointSlices for it',
        'add a selector, or EndpointSlices by hand',
      )
    }
    return fail(
      `no pod matches its selector ${selector.join(',')}`,
      `compare with the pods' labels: kubectl -n ${service.namespace} get pods --show-labels`,
    )
  },
}

function byNode(endpoints: readonly SliceEndpoint[]): string {
  const counts = new Map<string, number>()
  for (const { nodeName } of endpoints) counts.set(nodeName || '?', (counts.get(nodeName || '?') ?? 0) + 1)
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([node, count]) => `${node}: ${count}`)
    .join(', ')
}
