import type { Evidence } from './evidence.ts'

/** `unknown`: what would be needed to decide was not to be had. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown'

/** What one check found. */
export interface Finding {
  readonly verdict: Verdict
  /** what was seen, in one line */
  readonly evidence: string
  /** what a person can do about it, '' when there is nothing to do */
  readonly remedy: string
}

/**
 * One question about a Service, answered from evidence alone: no I/O, no clock. Checks stand in causal order in
 * `checks` (explain.ts), so the first that fails is the cause and not a consequence.
 */
export interface Check {
  /** stable, for scripts: `class`, `pool` … */
  readonly id: string
  readonly question: string
  run(evidence: Evidence): Finding
}

export const ok = (evidence: string): Finding => ({ verdict: 'ok', evidence, remedy: '' })
export const warn = (evidence: string, remedy: string): Finding => ({ verdict: 'warn', evidence, remedy })
export const fail = (evidence: string, remedy: string): Finding => ({ verdict: 'fail', evidence, remedy })
export const unknown = (evidence: string): Finding => ({ verdict: 'unknown', evidence, remedy: '' })
