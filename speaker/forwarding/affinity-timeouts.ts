import { families, fieldsOf, type Elements } from './model.ts'
import type { ServicePlan } from './plan.ts'

/**
 * Each affinity timeout is a rule, which every connection with affinity passes until its own one: there is a bound on
 * how many a node has, whatever Services ask for. These are always to be had; 10,800 s is what Kubernetes takes
 * where nothing is said.
 */
const LADDER: readonly number[] = [
  10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
]

/** Other timeouts that a node keeps to the second; what comes beyond them is rounded up to the ladder. */
const MAX_EXACT = 16

const onLadder = (seconds: number): boolean => LADDER.includes(seconds)
const roundedUp = (seconds: number): number => LADDER.find((step) => step >= seconds) ?? seconds

/**
 * The timeouts of a node. One that got a place keeps it, used or not, until everything is listed again: the data plane
 * drops what nobody needs only then.
 */
export class AffinityTimeouts {
  readonly #owners = new Map<string, number>()
  #exact = new Set<number>()

  /** The data plane was listed: places are for what is in use there or wanted by somebody here. */
  adopt(actual: Elements): void {
    const wanted = new Set(this.#owners.values())
    this.#exact = new Set([...this.#exact].filter((seconds) => wanted.has(seconds)))
    for (const family of families) {
      for (const key of actual[family]['affinity-timeouts'].keys()) this.#take(Number(fieldsOf(key)[1]))
    }
  }

  /** The plan of a Service (undefined when it is gone) with a timeout that can be had, and a problem where it is another one. */
  fit(owner: string, plan: ServicePlan | undefined): ServicePlan | undefined {
    const asked = plan?.frontends.find(({ affinity }) => affinity !== undefined)?.affinity?.seconds
    if (plan === undefined || asked === undefined) {
      this.#owners.delete(owner)
      return plan
    }
    const seconds = this.#take(asked) ? asked : roundedUp(asked)
    this.#owners.set(owner, seconds)
    if (seconds === asked) return plan
    const problem = `sessionAffinity holds for ${seconds} s instead of ${asked}: too many different timeouts on this node`
    return {
      ...plan,
      problems: [...plan.problems, problem],
      frontends: plan.frontends.map((frontend) =>
        frontend.affinity === undefined
          ? frontend
          : { ...frontend, affinity: { ...frontend.affinity, seconds } },
      ),
    }
  }

  /** Whether this timeout can be had. */
  #take(seconds: number): boolean {
    if (onLadder(seconds) || this.#exact.has(seconds)) return true
    if (this.#exact.size >= MAX_EXACT) return false
    this.#exact.add(seconds)
    return true
  }
}
