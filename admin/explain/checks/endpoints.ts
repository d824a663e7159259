import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { fail, ok, unknown, warn, type Check } from '../check.ts'

/** Check 6: an address without a pod behind it is announced by nobody. */
export const endpointsCheck: Check = {
  id: 'endpoints',
  question: 'Does it have ready endpoints?',
  run({ service, slices }) {
    if (service === undefined) return unknown('there is no Service')
    if (slices === undefined) return unknown('EndpointSlices could not be read')
    const usable = slices.filter(({ addressType }) => addressType !== 'FQDN')
    const all = podsOf(usable)
    const ready = podsOf(usable, (one) => one.ready)
    if (ready.length > 0) {
      const unready = all.length - ready.length
      const notReady = unready > 0 ? `, ${unready} not ready` : ''
      return ok(`${ready.length} ready (${byNode(ready)})${notReady}${familiesApart(usable)}`)
    }
    const terminating = podsOf(usable, (one) => one.serving && one.terminating)
    if (terminating.length > 0) {
      return warn(
        `only ${terminating.length} terminating endpoints still serve`,
        'pods are going away and none is ready yet',
      )
    }
    if (all.length > 0) {
      return fail(
        `${all.length} endpoints, none is ready (${byNode(all)})`,
        'see why the pods are not Ready: kubectl get pods -o wide',
      )
    }
    if (slices.length > usable.length && slices.some(({ endpoints }) => endpoints.length > 0)) {
      return fail(
        'its EndpointSlices have names of hosts (addressType FQDN), to which nothing can be forwarded',
        'make EndpointSlices with IP addresses',
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

/** One endpoint of each pod, which has one in every family; without a pod each address is an endpoint. */
function podsOf(
  slices: readonly EndpointSlice[],
  wanted: (endpoint: SliceEndpoint) => boolean = () => true,
): SliceEndpoint[] {
  const found = new Map<string, SliceEndpoint>()
  for (const { endpoints } of slices)
    for (const one of endpoints) if (wanted(one)) found.set(one.pod || one.address, one)
  return [...found.values()]
}

/** What a family has, where another has more or fewer. */
function familiesApart(slices: readonly EndpointSlice[]): string {
  const counts = (['IPv4', 'IPv6'] as const).flatMap((type) => {
    const own = slices.filter(({ addressType }) => addressType === type)
    return own.length === 0 ? [] : [[type, podsOf(own, ({ ready }) => ready).length] as const]
  })
  const apart = counts.some(([, count]) => count !== counts[0][1])
  return apart ? `; ready by ${counts.map(([type, count]) => `${type}: ${count}`).join(', ')}` : ''
}

function byNode(endpoints: readonly SliceEndpoint[]): string {
  const counts = new Map<string, number>()
  for (const { nodeName } of endpoints) counts.set(nodeName || '?', (counts.get(nodeName || '?') ?? 0) + 1)
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([node, count]) => `${node}: ${count}`)
    .join(', ')
}
