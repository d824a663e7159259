import { NOT_SYNCED } from '../errors.ts'
import { unknown, type Check, type Finding } from './check.ts'
import { affinityCheck } from './checks/affinity.ts'
import { announcedCheck } from './checks/announced.ts'
import { classCheck } from './checks/class.ts'
import { endpointsCheck } from './checks/endpoints.ts'
import { familiesCheck } from './checks/families.ts'
import { forwardingCheck } from './checks/forwarding.ts'
import { frontendsCheck } from './checks/frontends.ts'
import { nodeEndpointsCheck } from './checks/node-endpoints.ts'
import { poolCheck } from './checks/pool.ts'
import { requestedAddressCheck } from './checks/requested-address.ts'
import { sourcesCheck } from './checks/sources.ts'
import type { Evidence } from './evidence.ts'

/** All checks, in causal order: a failing one makes those after it moot. A new check joins here. */
export const checks: readonly Check[] = [
  classCheck,
  poolCheck,
  requestedAddressCheck,
  familiesCheck,
  frontendsCheck,
  endpointsCheck,
  forwardingCheck,
  nodeEndpointsCheck,
  announcedCheck,
  sourcesCheck,
  affinityCheck,
]

export interface CheckResult extends Finding {
  readonly id: string
  readonly question: string
}

export interface Explanation {
  readonly service: string
  readonly verdict: Finding['verdict']
  /** one sentence: the first check that failed, or that nothing did */
  readonly headline: string
  readonly checks: readonly CheckResult[]
}

/** Runs every check; the verdict is the worst of them, the headline the first failure (else the first warning). */
export function explain(evidence: Evidence): Explanation {
  const run = (check: Check) => (evidence.synced === false ? unknown(NOT_SYNCED) : check.run(evidence))
  const results = checks.map((check) => ({ id: check.id, question: check.question, ...run(check) }))
  const first = (verdict: Finding['verdict']) => results.find((result) => result.verdict === verdict)
  const cause = first('fail') ?? first('warn') ?? first('unknown')
  return {
    service: evidence.key,
    verdict: cause?.verdict ?? 'ok',
    headline: evidence.synced === false ? `nothing is known: ${NOT_SYNCED}` : headlineOf(results, cause),
    checks: results,
  }
}

/** What is not known here, because another process knows it, is no answer to "why does it not work?". */
function headlineOf(results: readonly CheckResult[], cause: CheckResult | undefined): string {
  if (cause === undefined) return 'every check passed'
  if (cause.verdict !== 'unknown' || results.every(({ verdict }) => verdict === 'unknown')) {
    return `${cause.question} ${capital(cause.evidence)}.`
  }
  const open = results.flatMap(({ id, verdict }) => (verdict === 'unknown' ? [id] : []))
  return `every check passed that can be made here, all but ${open.join(', ')}`
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1)
