import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { SimulationAnswer } from '#controller/simulate-request.ts'
import { postDocument, type AdminTarget } from './admin-client.ts'
import { CliError } from './errors.ts'
import { table } from './table.ts'

interface SimulateOptions extends AdminTarget {
  readonly file: readonly string[]
  readonly delete: readonly string[]
}

/** Some Service would move or lose its address: for scripts that must not let that happen. */
const EXIT_MOVES = 3

/** Something in the request would be refused, so the answer is not about all of it. */
const EXIT_REFUSED = 1

/** `fairlead simulate`: asks the controller, which has the Services, and changes nothing. */
export async function simulateCommand(options: SimulateOptions): Promise<void> {
  if (options.file.length + options.delete.length === 0)
    throw new CliError('FL_CLI_OPTION', 'what would change? give -f FILE or --delete KIND/NAME')
  const apply = options.file.flatMap((file) => readObjects(file, readText(file)))
  const request = { apply, delete: options.delete }
  const answer = (await postDocument(options, '/api/v1/simulate', request)) as unknown as SimulationAnswer
  console.log(options.json ? JSON.stringify(answer, null, 2) : simulationText(answer))
  process.exitCode = exitCodeOf(answer)
}

export function exitCodeOf({ moves, loses, problems }: SimulationAnswer): number {
  if (moves.length + loses.length > 0) return EXIT_MOVES
  return problems.some(({ severity }) => severity === 'error') ? EXIT_REFUSED : 0
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new CliError('FL_CLI_OPTION', `cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * The objects of a file, those of a List one by one.
 * @throws CliError FL_CLI_OPTION naming file and line
 */
export function readObjects(file: string, text: string): unknown[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined)
      throw new CliError('FL_CLI_OPTION', `${file}: ${error.message.split('\n')[0].replace(/:$/, '')}`)
    const object = document.toJS() as { kind?: unknown; items?: unknown } | null
    if (object === null) return []
    if (typeof object !== 'object' || Array.isArray(object))
      throw new CliError('FL_CLI_OPTION', `${file}: a Kubernetes object was expected`)
    return object.kind === 'List' && Array.isArray(object.items) ? (object.items as unknown[]) : [object]
  })
}

/** The answer as a person reads it: what changes, then what is wrong with the request. */
export function simulationText({ problems, ignored, ...found }: SimulationAnswer): string {
  const effects = [
    ['moves', found.moves],
    ['loses', found.loses],
    ['gains', found.gains],
  ] as const
  const rows = effects.flatMap(([effect, changes]) =>
    changes.map(({ service, from, fromPool, to, toPool, why }) => [
      service,
      effect,
      holding(from, fromPool),
      holding(to, toPool),
      why,
    ]),
  )
  const counts = effects.map(([effect, { length }]) => `${length} ${plural[effect][length === 1 ? 0 : 1]}`)
  return [
    ...(rows.length === 0 ? [] : [table(['service', 'effect', 'from', 'to', 'why'], rows), '']),
    `${counts.join(', ')}, ${found.unchanged} unchanged.`,
    ...problems.map(
      ({ severity, kind, name, field, message }) =>
        `${severity}: ${kind} ${name}${field === '' ? '' : ` ${field}`}: ${message}`,
    ),
    ...ignored.map(({ object, why }) => `ignored: ${object}: ${why}`),
  ].join('\n')
}

const plural = {
  moves: ['Service moves', 'Services move'],
  loses: ['loses an address', 'lose an address'],
  gains: ['gains one', 'gain one'],
} as const

const holding = (addresses: readonly string[], pool: string): string =>
  addresses.length === 0 ? '<none>' : `${addresses.join(', ')} (${pool})`
