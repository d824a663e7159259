import { formatAddress } from '#inet/address.ts'
import { sameCondition, setCondition } from '#kube/conditions.ts'
import type { Condition, LoadBalancerIngress, Service } from '#kube/objects/service.ts'
import type { Decision, NotOurs } from './decide.ts'
import { FRONTENDS_CLAIMED } from './frontends.ts'
import { told } from './remedies.ts'
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

/** What the conditions besides AddressAssigned say. */
export interface Words {
  /** undefined while it is not known: the condition stays as it is */
  readonly announced: ConditionWords | undefined
  /** undefined without a conflict: there is no such condition then */
  readonly claimed: ConditionWords | undefined
  /** what AddressAssigned says of a status that somebody else writes and that is left to them; else undefined */
  readonly left?: ConditionWords | undefined
}

/** What a Service should have; what is absent stays as it is. */
interface Wanted {
  /** null for none */
  readonly pool?: string | null
  readonly ingress?: readonly LoadBalancerIngress[] | null
  readonly conditions: readonly Condition[]
}

/** The difference between a Service and what was decided about it, undefined when there is none. */
export function statusPatch(
  service: Service,
  decision: Decision | NotOurs,
  { announced, claimed, left }: Words,
  nowIso: string,
): StatusPatch | undefined {
  const { pool, ingress, ...wanted }: Wanted =
    left === undefined
      ? wantedOf(service, decision, announced, nowIso)
      : { conditions: set(service, service.conditions, ADDRESS_ASSIGNED, left, nowIso) }
  const conditions = withClaim(service, wanted.conditions, claimed, nowIso)
  const conditionsDiffer = conditions !== service.conditions
  if (pool === undefined && ingress === undefined && !conditionsDiffer) return undefined
  return {
    metadata: {
      resourceVersion: service.resourceVersion,
      ...(pool === undefined ? {} : { annotations: { [POOL_ANNOTATION]: pool } }),
    },
    status: {
      ...(ingress === undefined ? {} : { loadBalancer: { ingress } }),
      ...(conditionsDiffer ? { conditions } : {}),
    },
  }
}

/** Has the Service something else than was decided, apart from the words about it? */
export function differs(service: Service, decision: Decision | NotOurs): boolean {
  if ('notOurs' in decision) return false
  return (
    (service.annotations[POOL_ANNOTATION] ?? '') !== decision.pool ||
    !sameIngress(service.ingress, decision.addresses.map(formatAddress)) ||
    !service.conditions.some(({ type }) => type === ADDRESS_ASSIGNED)
  )
}

function wantedOf(
  service: Service,
  decision: Decision | NotOurs,
  announced: ConditionWords | undefined,
  nowIso: string,
): Wanted {
  // The addresses of another class were never ours to touch; those of another type may have been.
  if ('notOurs' in decision) {
    return decision.notOurs === 'ClassNotOurs' ? { conditions: service.conditions } : withdrawal(service)
  }
  const addresses = decision.addresses.map(formatAddress)
  const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }))
  const poolDiffers = (service.annotations[POOL_ANNOTATION] ?? '') !== decision.pool
  return {
    ...(poolDiffers ? { pool: decision.pool || null } : {}),
    ...(sameIngress(service.ingress, addresses) ? {} : { ingress: ingress.length === 0 ? null : ingress }),
    conditions: withOurs(service, decision, announced, nowIso),
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
function withdrawal({ annotations, ingress, conditions }: Service): Wanted {
  const rest = without(conditions, ADDRESS_ASSIGNED, ANNOUNCED)
  if (!Object.hasOwn(annotations, POOL_ANNOTATION)) return { conditions: rest }
  return { pool: null, ...(ingress.length > 0 ? { ingress: null } : {}), conditions: rest }
}

/** The same list where there is none of these. */
function without(conditions: readonly Condition[], ...types: readonly string[]): readonly Condition[] {
  const rest = conditions.filter(({ type }) => !types.includes(type))
  return rest.length === conditions.length ? conditions : rest
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
    message: told(decision),
  }
  const conditions = set(service, service.conditions, ADDRESS_ASSIGNED, assigned, nowIso)
  return announced === undefined ? conditions : set(service, conditions, ANNOUNCED, announced, nowIso)
}

const withClaim = (
  service: Service,
  conditions: readonly Condition[],
  claimed: ConditionWords | undefined,
  nowIso: string,
): readonly Condition[] =>
  claimed === undefined
    ? without(conditions, FRONTENDS_CLAIMED)
    : set(service, conditions, FRONTENDS_CLAIMED, claimed, nowIso)

/** The same list where the condition already says so. */
function set(
  { generation }: Service,
  conditions: readonly Condition[],
  type: string,
  words: ConditionWords,
  nowIso: string,
): readonly Condition[] {
  // Services have had a generation only since the API server began to count it.
  const input = { type, ...words, ...(generation > 0 ? { observedGeneration: generation } : {}) }
  const present = conditions.find((one) => one.type === type)
  const same = present !== undefined && sameCondition(present, input)
  return same ? conditions : setCondition(conditions, input, nowIso)
}
