import type { Condition } from './objects/service.ts'

export type ConditionInput = Omit<Condition, 'lastTransitionTime'>

/** Same in all but the time of the transition: writing it would change nothing that anybody reads. */
export const sameCondition = (a: ConditionInput, b: ConditionInput): boolean =>
  a.type === b.type &&
  a.status === b.status &&
  a.reason === b.reason &&
  a.message === b.message &&
  a.observedGeneration === b.observedGeneration

/**
 * The list with this condition set, in place or at its end. `lastTransitionTime` moves only when the status does
 * (API conventions, "Typical status properties").
 *
 * @param nowIso RFC 3339, for instance `2026-01-01T00:00:00Z`
 */
export function setCondition(
  conditions: readonly Condition[],
  input: ConditionInput,
  nowIso: string,
): Condition[] {
  const present = conditions.find((one) => one.type === input.type)
  const lastTransitionTime = present?.status === input.status ? present.lastTransitionTime : nowIso
  const next: Condition = { ...input, lastTransitionTime }
  return present ? conditions.map((one) => (one === present ? next : one)) : [...conditions, next]
}
