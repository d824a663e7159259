import type { Outcome } from '#kube/work-queue.ts'

/** May this replica write? A LeaseElection says so; without one the only replica always may. */
export interface Leadership {
  mayWrite(now: number): boolean
}

export const aloneLeads: Leadership = { mayWrite: () => true }

/**
 * The answer for a key that may not be written just now. A renewal that is late and then arrives changes nobody's
 * leadership, so nothing would add the key again.
 */
export const notNow: Outcome = { kind: 'after', ms: 1000 }
