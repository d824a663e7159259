/** May this replica write? A LeaseElection says so; without one the only replica always may. */
export interface Leadership {
  mayWrite(now: number): boolean
}

export const aloneLeads: Leadership = { mayWrite: () => true }
