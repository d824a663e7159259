import { systemClock } from '#kube/clock.ts'
import { isKubeError } from '#kube/errors.ts'
import { WorkQueue, type Outcome } from '#kube/work-queue.ts'
import { messageOf } from '../errors.ts'

export const DONE: Outcome = { kind: 'done' }
export const after = (ms: number): Outcome => ({ kind: 'after', ms })

/** A queue for one of the lab's controllers: a lost race is tried again, anything else is said in the log. */
export function controllerQueue(
  name: string,
  reconcile: (key: string) => Promise<Outcome>,
  concurrency = 4,
): WorkQueue {
  return new WorkQueue({
    name,
    clock: systemClock,
    concurrency,
    reconcile,
    onOutcome: (key, outcome) => {
      if (outcome.kind !== 'failed' && outcome.kind !== 'terminal') return
      if (isKubeError(outcome.error, 'FL_KUBE_CONFLICT', 'FL_KUBE_EXISTS', 'FL_KUBE_NOT_FOUND')) return
      console.error(`${name} ${key}: ${messageOf(outcome.error)}`)
    },
  })
}

/** Runs a request whose object may be gone already, which is as good. */
export async function ignoreMissing(request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (!isKubeError(error, 'FL_KUBE_NOT_FOUND')) throw error
  }
}
