import type { EventRecorder } from '#kube/events.ts'
import type { DrainState } from './phase.ts'
import { drainReasons } from './reason.ts'

/** Says on the Node that it gives its addresses away, and when it takes them again. */
export function tellDrain(
  events: Pick<EventRecorder, 'record'>,
  node: { readonly name: string; readonly uid: string },
  { reason, phase }: DrainState,
  before: DrainState['phase'],
): void {
  if (before !== 'none' && phase !== 'none') return
  const about = { apiVersion: 'v1', kind: 'Node', ...node }
  if (reason === '') events.record(about, 'Normal', 'DrainEnded', 'takes service addresses again')
  else events.record(about, 'Normal', 'Draining', `gives its service addresses away: ${drainReasons[reason]}`)
}
