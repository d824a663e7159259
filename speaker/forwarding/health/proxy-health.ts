import type { HttpAnswer } from './http.ts'

/**
 * The health of forwarding as a whole, as kube-proxy's `/healthz` and `/livez` tell it. Cloud load balancers ask
 * `/healthz` to take a node out that is about to go away (KEP-3836); liveness probes ask `/livez`, which leaves the
 * node out of it.
 */

/** How far behind programming is. */
export interface ProgrammingState {
  /** epoch ms at which the oldest change that is not in the kernel arrived, also while it is being written */
  readonly queuedSince: number | undefined
  /** epoch ms of the last transaction that succeeded; 0 before the first */
  readonly lastSync: number
}

/** What matters of the Node object. */
export interface NodeState {
  /** it has a deletionTimestamp */
  readonly deleting: boolean
  /** keys of its taints */
  readonly taints: readonly string[]
}

export interface ProxyHealthInput {
  /** epoch ms */
  readonly now: number
  readonly programming: ProgrammingState
  /** undefined until it is known for the first time */
  readonly node: NodeState | undefined
  /** ms that a change may wait: kube-proxy's is twice its syncPeriod */
  readonly timeoutMs: number
}

/** The cluster autoscaler is about to delete the node. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler'

/** Twice kube-proxy's default syncPeriod of 30 s. */
export const HEALTH_TIMEOUT_MS = 60_000

/** The Node object is gone. */
export const missingNode: NodeState = { deleting: true, taints: [] }

/** No change waits for too long. Healthy while starting: what was in the kernel before is still there and works. */
export const isProxyHealthy = (
  { queuedSince, lastSync }: ProgrammingState,
  now: number,
  timeoutMs: number,
): boolean => lastSync === 0 || queuedSince === undefined || now - queuedSince < timeoutMs

/** New connections should come to this node. */
export const isNodeEligible = (node: NodeState | undefined): boolean =>
  node === undefined || !(node.deleting || node.taints.includes(TO_BE_DELETED_TAINT))

/** `/healthz` */
export function healthzAnswer(input: ProxyHealthInput): HttpAnswer {
  return answer(input, isNodeEligible(input.node))
}

/** `/livez` */
export function livezAnswer(input: ProxyHealthInput): HttpAnswer {
  return answer(input, undefined)
}

/**
 * kube-proxy's body since 1.34, to the byte. `lastUpdated` is the present while all is well, for those who take an
 * old one for a fault. One transaction holds both families, so they are healthy or not together.
 */
function answer(input: ProxyHealthInput, nodeEligible: boolean | undefined): HttpAnswer {
  const { now, programming, timeoutMs } = input
  const proxyHealthy = isProxyHealthy(programming, now, timeoutMs)
  const ok = proxyHealthy && nodeEligible !== false
  const proxier = { lastUpdated: goTime(programming.lastSync), healthy: proxyHealthy }
  const said = {
    lastUpdated: goTime(ok ? now : programming.lastSync),
    currentTime: goTime(now),
    ...(nodeEligible === undefined ? {} : { nodeEligible }),
    healthy: proxyHealthy,
    ...(programming.lastSync === 0 ? {} : { status: { IPv4: proxier, IPv6: proxier } }),
  }
  return {
    code: ok ? 200 : 503,
    headers: { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' },
    body: JSON.stringify(said),
  }
}

/** As Go writes a time into JSON: RFC 3339 without the zeros at the end of the fraction; 0 is its zero time. */
function goTime(at: number): string {
  if (at === 0) return '0001-01-01T00:00:00Z'
  return new Date(at).toISOString().replace(/\.?0*Z$/, 'Z')
}
