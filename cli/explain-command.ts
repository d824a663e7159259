import type { Explanation } from '#admin/explain/explain.ts'
import { getDocument, type AdminTarget } from './admin-client.ts'
import { CliError } from './errors.ts'
import { table } from './table.ts'

/** `fairlead explain service NS/NAME`: exit code 1 when a check failed or nothing is known, so that scripts can ask. */
export async function explainService(
  key: string,
  target: AdminTarget & { readonly client?: string },
): Promise<void> {
  const [namespace, name, ...rest] = key.split('/')
  if (!namespace || !name || rest.length > 0)
    throw new CliError('FL_CLI_OPTION', `${key}: write NAMESPACE/NAME`)
  const query = target.client === undefined ? '' : `?client=${encodeURIComponent(target.client)}`
  const path = `/api/v1/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/explain${query}`
  const explanation = (await getDocument(target, path)) as unknown as Explanation
  console.log(target.json ? JSON.stringify(explanation, null, 2) : explanationText(explanation))
  if (exitsWithError(explanation)) process.exitCode = 1
}

/** What another process knows is unknown in every answer; where all is unknown there was none. */
export const exitsWithError = ({ verdict, checks }: Explanation): boolean =>
  verdict === 'fail' || checks.every((check) => check.verdict === 'unknown')

/** The headline, a line a check, and what to do about the first failure. */
export function explanationText(explanation: Explanation): string {
  const rows = explanation.checks.map((check, index) => [
    `${index + 1}`,
    check.verdict,
    check.question,
    check.evidence,
  ])
  const cause = explanation.checks.find(({ verdict }) => verdict === explanation.verdict)
  const remedy = cause === undefined || cause.remedy === '' ? [] : ['', `What to do: ${cause.remedy}.`]
  return [
    `${explanation.service}: ${explanation.headline}`,
    '',
    table(['#', 'verdict', 'check', 'evidence'], rows),
    ...remedy,
  ].join('\n')
}
