import type { KubeObject } from './api.ts'
import { microTimestamp } from './timestamp.ts'

/** coordination.k8s.io/v1 Lease, as far as elections use it. */
export interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec
}

/** Label of Leases that stand for a process and not for an election; its value says which. */
export const LEASE_COMPONENT_LABEL = 'fairlead.io/component'

/** The Lease of a node's speaker, in Fairlead's namespace: how others know that it reaches the API. */
export const speakerLeaseName = (node: string): string => `fairlead-speaker-${node}`

/** A Lease and when, by our own clock, it was last seen to change. */
export interface SeenLease {
  readonly lease: Lease
  /** epoch ms */
  readonly changedAt: number
}

/** What the election does next; `spec` is what it writes. */
export type LeaseMove =
  /** somebody else holds it */
  | { readonly kind: 'wait' }
  /** there is none yet */
  | { readonly kind: 'create'; readonly spec: LeaseSpec }
  /** it is ours */
  | { readonly kind: 'renew'; readonly spec: LeaseSpec }
  /** it was released, or its holder let it expire */
  | { readonly kind: 'take'; readonly spec: LeaseSpec }

/** Clocks of machines differ, so the times in the Lease count only as "has changed since". */
export function observeLease(previous: SeenLease | undefined, lease: Lease, now: number): SeenLease {
  const same = previous && fingerprint(previous.lease) === fingerprint(lease)
  return { lease, changedAt: same ? previous.changedAt : now }
}

const fingerprint = ({ spec = {} }: Lease): string =>
  JSON.stringify([spec.holderIdentity, spec.acquireTime, spec.renewTime, spec.leaseTransitions])

/**
 * The core of leader election, pure. As client-go: a Lease may be taken when it has no holder or when no renewal
 * was seen for the duration that its holder asked for.
 */
export function decideLease(
  seen: SeenLease | undefined,
  self: { readonly identity: string; readonly durationMs: number },
  now: number,
): LeaseMove {
  const time = microTimestamp(now)
  // Rounded up: at other nodes it must not expire before it does here.
  const leaseDurationSeconds = Math.ceil(self.durationMs / 1000)
  const held = { holderIdentity: self.identity, leaseDurationSeconds, renewTime: time }
  if (!seen) return { kind: 'create', spec: { ...held, acquireTime: time, leaseTransitions: 0 } }
  const spec = seen.lease.spec ?? {}
  if (spec.holderIdentity === self.identity) return { kind: 'renew', spec: { ...spec, ...held } }
  const expires = seen.changedAt + (spec.leaseDurationSeconds ?? 0) * 1000
  if (spec.holderIdentity && now < expires) return { kind: 'wait' }
  const leaseTransitions = (spec.leaseTransitions ?? 0) + 1
  return { kind: 'take', spec: { ...spec, ...held, acquireTime: time, leaseTransitions } }
}

/** A Lease given back: no holder, so that nobody waits for it to expire. As client-go, absent rather than ''. */
export function releasedSpec({ holderIdentity: _released, ...spec }: LeaseSpec, now: number): LeaseSpec {
  return { ...spec, leaseDurationSeconds: 1, renewTime: microTimestamp(now) }
}
