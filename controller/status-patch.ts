import { formatAddress } from '#inet/address.ts'
import { sameCondition, setCondition } from '#kube/conditions.ts'
import type { Condition, LoadBalancerIngress, Service } from '#kube/objects/service.ts'
import type { Decision, NotOurs } from './decide.ts'
import { POOL_ANNOTATION } from './request.ts'

export const ADDRESS_ASSIGNED = 'fairlead.io/AddressAssigned'
export const ANNOUNCED = 'fairlead.io/Announced'

/** A JSON merge patch (RFC 7396) for `services/status`; the resourceVersion makes a stale one fail with 409. */
export interface StatusPatch {
  readonly metadata: {
    readonly resourceVersion: string
    readonly annotations?: { readonly [POOL_ANNOTATION]: string | null }
  }
  readonly status: {
    readonly loadBalancer?: { readonly ingress: readonly LoadBalancerIngress[] | null }
    readonly conditions?: readonly Condition[]
  }
}

type ConditionWords = Pick<Condition, 'status' | 'reason' | 'message'>

/**
 * The difference between a Service and what was decided about it, undefined when there is none.
 * @param announced undefined while it is not known: the condition stays as it is
 */
export function statusPatch(
  service: Service,
  decision: Decision | NotOurs,
  announced: ConditionWords | undefined,
  nowIso: string,
): StatusPatch | undefined {
  // A Service of another class was never ours to touch; one of another type may have been.
  if ('notOurs' in decision) return decision.notOurs === 'ClassNotOurs' ? undefined : withdrawal(service)
  const addresses = decision.addresses.map(formatAddress)
  const conditions = withOurs(service, decision, announced, nowIso)
  const ingressDiffers = !sameIngress(service.ingress, addresses)
  const poolDiffers = (service.annotations[POOL_ANNOTATION] ?? '') !== decision.pool
  const conditionsDiffer = conditions !== service.conditions
  if (!ingressDiffers && !poolDiffers && !conditionsDiffer) return undefined
  const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }))
  return {
    metadata: {
      resourceVersion: service.resourceVersion,
      ...(poolDiffers ? { annotations: { [POOL_ANNOTATION]: decision.pool || null } } : {}),
    },
    status: {
      ...(ingressDiffers ? { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } : {}),
      ...(conditionsDiffer ? { conditions } : {}),
    },
  }
}

/** An absent ipMode means VIP, and servers before 1.29 drop it: writing it again would never end. */
const sameIngress = (present: readonly LoadBalancerIngress[], wanted: readonly string[]): boolean =>
  present.length === wanted.length &&
  present.every(
    ({ ip, hostname, ipMode }, index) =>
      ip === wanted[index] && (hostname ?? '') === '' && (ipMode ?? 'VIP') === 'VIP',
  )

/** Takes back what we wrote on a Service that is no LoadBalancer any more. */
function withdrawal({ resourceVersion, annotations, ingress, conditions }: Service): StatusPatch | undefined {
  const rest = conditions.filter(({ type }) => type !== ADDRESS_ASSIGNED && type !== ANNOUNCED)
  const ours = Object.hasOwn(annotations, POOL_ANNOTATION)
  if (!ours && rest.length === conditions.length) return undefined
  return {
    metadata: { resourceVersion, ...(ours ? { annotations: { [POOL_ANNOTATION]: null } } : {}) },
    status: {
      ...(ours && ingress.length > 0 ? { loadBalancer: { ingress: null } } : {}),
      ...(rest.length < conditions.length ? { conditions: rest } : {}),
    },
  }
}

function withOurs(
  service: Service,
  decision: Decision,
  announced: ConditionWords | undefined,
  nowIso: string,
): readonly Condition[] {
  const assigned: ConditionWords = {
    status: decision.addresses.length > 0 ? 'True' : 'False',
    reason: decision.reason,
    message: decision.message,
  }
  // Services have had a generation only since the API server began to count it.
  const seen = service.generation > 0 ? { observedGeneration: service.generation } : {}
  let { conditions } = service
  const set = (type: string, words: ConditionWords) => {
    const input = { type, ...words, ...seen }
    const present = conditions.find((one) => one.type === type)
    if (present === undefined || !sameCondition(present, input))
      conditions = setCondition(conditions, input, nowIso)
  }
  set(ADDRESS_ASSIGNED, assigned)
  if (announced !== undefined) set(ANNOUNCED, announced)
  return conditions
}
