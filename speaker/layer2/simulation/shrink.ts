import { play, type Result } from './run.ts'

/** Leaves out acts as long as the same rule is broken; a smaller scenario says more. */
export function shrink(result: Result): Result {
  const rule = result.violation?.rule
  if (rule === undefined) return result
  let best = result
  for (
    let size = Math.ceil(best.scenario.acts.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    let at = 0
    while (at < best.scenario.acts.length) {
      const acts = best.scenario.acts.toSpliced(at, size)
      const tried = play({ ...best.scenario, acts })
      if (tried.violation?.rule === rule) best = tried
      else at += size
    }
  }
  return best
}
