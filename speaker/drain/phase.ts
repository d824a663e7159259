import type { DrainReason } from './reason.ts'

/**
 * How far a drain is. Addresses of layer 2 are handed over as soon as it begins (their candidates change); routes
 * are first made less attractive (`shutting`: GRACEFUL_SHUTDOWN, RFC 8326) and withdrawn when routers have had the
 * time to choose others (`withdrawn`).
 */
export interface DrainState {
  readonly phase: 'none' | 'shutting' | 'withdrawn'
  readonly reason: DrainReason | ''
  /** when `shutting` began, epoch milliseconds */
  readonly since: number
}

/**
 * One step of a drain.
 * @param before undefined at the first look: then no route was told yet, and none is told only to be withdrawn
 * @param waitMs from `shutting` to `withdrawn`
 */
export function stepDrain(
  before: DrainState | undefined,
  reason: DrainReason | '',
  now: number,
  waitMs: number,
): DrainState {
  if (reason === '') return { phase: 'none', reason, since: 0 }
  if (before === undefined) return { phase: 'withdrawn', reason, since: now }
  if (before.phase === 'none') return { phase: waitMs > 0 ? 'shutting' : 'withdrawn', reason, since: now }
  const over = before.phase === 'withdrawn' || now - before.since >= waitMs
  return { phase: over ? 'withdrawn' : 'shutting', reason, since: before.since }
}
