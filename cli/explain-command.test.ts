import { expect, test } from 'vitest'
import type { Explanation } from '#admin/explain/explain.ts'
import { exitsWithError } from './explain-command.ts'

const explanation = (verdict: Explanation['verdict'], ...checks: Explanation['verdict'][]): Explanation => ({
  service: 'a/b',
  verdict,
  headline: '',
  checks: checks.map((one) => ({ id: '', question: '', verdict: one, evidence: '', remedy: '' })),
})

test.each([
  [explanation('ok', 'ok', 'ok'), false],
  [explanation('warn', 'ok', 'warn'), false],
  [explanation('fail', 'ok', 'fail'), true],
  // A speaker does not know the pools.
  [explanation('unknown', 'ok', 'unknown'), false],
  [explanation('unknown', 'unknown', 'unknown'), true],
])('%#: a failure or nothing known is an error to scripts', (one, error) => {
  expect(exitsWithError(one)).toBe(error)
})
