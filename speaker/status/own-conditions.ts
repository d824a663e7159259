import type { ConditionInput } from '#kube/conditions.ts'
import { drainReasons } from '../drain/reason.ts'
import type { SpeakerState } from './speaker-status.ts'

/** The conditions that a speaker writes of itself. ApiReachable is the controller's: it alone can tell. */
export const ownTypes: ReadonlySet<string> = new Set(['Ready', 'ForwardingSynced', 'Drained'])

export function ownConditions(
  ready: SpeakerState['ready'],
  { forwarding, heldAddresses }: Pick<SpeakerState, 'forwarding' | 'heldAddresses'>,
  drain: SpeakerState['drain'],
): ConditionInput[] {
  return [
    condition('Ready', ready.ok, ready.reason, ready.message),
    condition('ForwardingSynced', forwarding.synced, forwardingReason(forwarding), forwarding.reason),
    drained(drain, heldAddresses),
  ]
}

const condition = (type: string, is: boolean, reason: string, message: string): ConditionInput => ({
  type,
  status: is ? 'True' : 'False',
  reason,
  message,
})

/** True when the node is out of all traffic from outside: no address held, no route told. */
function drained({ phase, reason }: SpeakerState['drain'], held: number): ConditionInput {
  if (reason === '') return condition('Drained', false, 'NotDraining', '')
  const done = phase === 'withdrawn' && held === 0
  const left = [
    ...(held > 0 ? ['addresses are being handed over'] : []),
    ...(phase === 'shutting' ? ['routes are about to be withdrawn'] : []),
  ]
  const message = [drainReasons[reason], ...left].join('; ')
  return condition('Drained', done, done ? reason : 'Draining', message)
}

function forwardingReason({ mode, synced }: SpeakerState['forwarding']): string {
  if (mode === 'off') return 'ForwardingOff'
  if (mode === 'standby') return 'OtherProxy'
  return synced ? 'Synced' : 'NotSynced'
}
