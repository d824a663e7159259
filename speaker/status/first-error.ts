import type { SpeakerState } from './speaker-status.ts'

/**
 * The first of what is wrong on a node, in a line for an overview, '' for nothing: forwarding comes before sessions,
 * as nothing is announced without it, and sessions before single addresses.
 */
export function firstError({
  forwarding,
  sessions,
  problems,
  ready,
}: Pick<SpeakerState, 'forwarding' | 'sessions' | 'problems' | 'ready'>): string {
  if (!ready.ok) return ''
  if (forwarding.mode === 'full' && !forwarding.synced && forwarding.reason !== '')
    return `forwarding: ${forwarding.reason}`
  const down = sessions.find(({ lastError }) => lastError !== undefined)
  if (down !== undefined) return `${down.peer}: ${down.lastError}`
  const [problem] = problems
  return problem === undefined ? '' : `${problem.address}: ${problem.message}`
}
