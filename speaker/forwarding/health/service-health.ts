import { tryParseAddress, type Family } from '#inet/address.ts'
import { parsePrefix, prefixContains } from '#inet/prefix.ts'
import type { Service } from '#kube/objects/service.ts'
import type { ForwardingConfig, NodeContext } from '../config.ts'
import type { ProgrammedService } from '../follower.ts'
import { families } from '../model.ts'
import { addressesOf, endpointsOfPort, isPort } from '../service-ports.ts'
import type { HttpAnswer } from './http.ts'

/**
 * The health check of a Service of type LoadBalancer with externalTrafficPolicy Local: an external load balancer asks
 * every node on `healthCheckNodePort` and sends clients only to nodes that have an endpoint.
 */
export interface HealthCheck {
  readonly service: Service
  readonly port: number
  /** distinct addresses of ready endpoints on this node, for each family that the Service has */
  readonly localEndpoints: Readonly<Partial<Record<Family, number>>>
}

/** The health check that a Service asks for; undefined when it asks for none. */
export function healthCheckOf(one: ProgrammedService, node: string): HealthCheck | undefined {
  const { service, plan } = one
  const wanted =
    service.type === 'LoadBalancer' &&
    service.externalTrafficPolicy === 'Local' &&
    isPort(service.healthCheckNodePort) &&
    plan.skipped === ''
  if (!wanted) return undefined
  return { service, port: service.healthCheckNodePort, localEndpoints: localEndpoints(one, node) }
}

/**
 * Ready ones only: one that terminates still gets traffic, but load balancers should stop sending it (KEP-1669). An
 * address counts once, however many ports it has. Families count apart, or a Pod with two addresses would be two.
 */
function localEndpoints({ service, slices }: ProgrammedService, node: string): HealthCheck['localEndpoints'] {
  const counts: Partial<Record<Family, number>> = {}
  for (const { family } of addressesOf(service)) {
    const addresses = new Set<string>()
    for (const port of service.ports) {
      for (const { address, local, ready } of endpointsOfPort(port, family, slices, node)) {
        if (local && ready) addresses.add(address)
      }
    }
    counts[family] = addresses.size
  }
  return counts
}

/**
 * kube-proxy's answer, to the byte; undefined is a Service that is just going away: an empty 200. The count is of the
 * family that was asked, or of the only one that the Service has.
 */
export function healthCheckAnswer(
  check: HealthCheck | undefined,
  proxyHealthy: boolean,
  asked: Family,
): HttpAnswer {
  if (check === undefined) return { code: 200, body: '' }
  const { service } = check
  const localEndpoints = check.localEndpoints[asked] ?? Math.max(0, ...Object.values(check.localEndpoints))
  const said = {
    service: { namespace: service.namespace, name: service.name },
    localEndpoints,
    serviceProxyHealthy: proxyHealthy,
  }
  return {
    code: localEndpoints > 0 && proxyHealthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    },
    body: JSON.stringify(said, undefined, '\t'),
  }
}

/** kube-proxy's words for a port that cannot be opened, which go into a Warning Event. */
export const bindFailureText = (node: string, key: string, port: number, reason: string): string =>
  `node ${node} failed to start healthcheck "${key}" on port ${port}: ${reason}`

/** The reason of that Event. */
export const BIND_FAILURE_REASON = 'FailedToStartServiceHealthcheck'

/** Never reachable from outside, or not without a scope. */
const notListenedOn = ['127.0.0.0/8', '::1/128', 'fe80::/10'].map(parsePrefix)

/**
 * Where health check node ports are open: where NodePorts are. With `primary` that is the first address of each family,
 * otherwise the node's addresses in the ranges of `--nodeport-addresses`, where a family without a range has all of its
 * addresses. [] is everywhere: with all addresses, and as in kube-proxy when no address is among them.
 */
export function healthAddresses(
  { nodePortAddresses }: Pick<ForwardingConfig, 'nodePortAddresses'>,
  node: Pick<NodeContext, 'internalIPs' | 'localAddresses'>,
): readonly string[] {
  if (nodePortAddresses === 'primary') {
    const primary = families.map((family) =>
      node.internalIPs.find((text) => tryParseAddress(text)?.family === family),
    )
    return node.localAddresses.filter((text) => primary.includes(text))
  }
  const ranges = (family: number) => {
    const own = nodePortAddresses.filter(({ address }) => address.family === family)
    return own.some(({ length }) => length === 0) ? [] : own
  }
  if (families.every((family) => ranges(family).length === 0)) return []
  return node.localAddresses.filter((text) => {
    const address = tryParseAddress(text)
    if (address === undefined || notListenedOn.some((range) => prefixContains(range, address))) return false
    const own = ranges(address.family)
    return own.length === 0 || own.some((range) => prefixContains(range, address))
  })
}
