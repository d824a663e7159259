import type { Deployment } from './objects.ts'

/** One generation of a Deployment's pods. */
export interface Generation {
  readonly name: string
  /** made from the template that the Deployment has now */
  readonly current: boolean
  /** pods wanted */
  readonly wanted: number
  /** pods ready */
  readonly available: number
  /** pods that exist, those being deleted too */
  readonly existing: number
}

/** A number, or a percentage of the replicas: surge rounds up, unavailable rounds down. */
function resolveBound(bound: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof bound === 'number') return bound
  return round((Number.parseInt(bound, 10) * replicas) / 100)
}

/** How far a rolling update may leave the wanted number; both zero would never move, so one may be missing. */
export function rolloutBounds(
  spec: Deployment['spec'],
  replicas: number,
): { surge: number; unavailable: number } {
  const rolling = spec.strategy?.rollingUpdate ?? {}
  const surge = resolveBound(rolling.maxSurge ?? '25%', replicas, Math.ceil)
  const unavailable = resolveBound(rolling.maxUnavailable ?? '25%', replicas, Math.floor)
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable }
}

/**
 * The next step of a rollout: how many pods each generation should have now. The caller applies it and asks again
 * when pods have changed; a finished rollout answers with what is there.
 */
export function rolloutStep(
  spec: Deployment['spec'],
  generations: readonly Generation[],
): ReadonlyMap<string, number> {
  const replicas = spec.replicas ?? 1
  const next = new Map(generations.map((one) => [one.name, one.wanted]))
  const current = generations.find((one) => one.current)
  const old = generations.filter((one) => !one.current)
  if (spec.strategy?.type === 'Recreate') return recreate(replicas, current, old, next)
  const { surge, unavailable } = rolloutBounds(spec, replicas)
  if (current !== undefined) {
    const total = sum(generations.map((one) => one.wanted))
    const room = Math.max(0, replicas + surge - total)
    next.set(current.name, Math.min(replicas, current.wanted + room))
  }
  const spare = sum(generations.map((one) => one.wanted)) - (replicas - unavailable)
  const currentMissing = current === undefined ? 0 : Math.max(0, current.wanted - current.available)
  scaleDown(old, Math.max(0, spare - currentMissing), next)
  return next
}

/** Pods that are not ready go first: nobody misses them. */
function scaleDown(old: readonly Generation[], budget: number, next: Map<string, number>): void {
  let left = budget
  for (const unready of [true, false]) {
    for (const one of old) {
      const wanted = next.get(one.name) ?? 0
      const most = unready ? Math.max(0, wanted - one.available) : wanted
      const take = Math.min(left, most)
      next.set(one.name, wanted - take)
      left -= take
    }
  }
}

/** Everything old ends before anything new begins. */
function recreate(
  replicas: number,
  current: Generation | undefined,
  old: readonly Generation[],
  next: Map<string, number>,
): ReadonlyMap<string, number> {
  for (const one of old) next.set(one.name, 0)
  if (current !== undefined && old.every((one) => one.existing === 0)) next.set(current.name, replicas)
  return next
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
