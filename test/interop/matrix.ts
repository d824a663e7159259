import { features, type Feature } from './features.ts'

/** One column: what was found out about one router. */
export interface Column {
  readonly name: string
  readonly version: string
  /** '' for a feature that works, else why it does not */
  readonly outcomes: ReadonlyMap<Feature, string>
  /** features that the router does not offer, and why */
  readonly without: Readonly<Partial<Record<Feature, string>>>
}

const heading = `# Interoperability

Which routers the BGP speaker was tried with, and what works with each. The routers run as daemons in network namespaces; what they kept is read from the routers themselves. This page is written by the tests in \`test/interop/\`, never by hand: they fail when it is not what they found, and \`UPDATE_INTEROP=1\` makes them write it anew.

"yes": tried and works. "no": tried and does not work, see below. "–": the router does not offer it.
`

/** The document, before it is formatted. */
export function formatMatrix(columns: readonly Column[]): string {
  const ids = Object.keys(features) as Feature[]
  const cell = ({ outcomes, without }: Column, id: Feature): string => {
    if (without[id] !== undefined) return '–'
    return outcomes.get(id) === '' ? 'yes' : 'no'
  }
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  const table = [
    row(['', ...columns.map(title)]),
    row(['-', ...columns.map(() => '-')]),
    ...ids.map((id) => row([features[id], ...columns.map((column) => cell(column, id))])),
  ].join('')
  const list = (about: (column: Column, id: Feature) => string | undefined): string =>
    columns
      .flatMap((column) =>
        ids.flatMap((id) => {
          const text = about(column, id)
          return text === undefined || text === '' ? [] : [`- ${column.name}, ${features[id]}: ${text}\n`]
        }),
      )
      .join('')
  const broken = list(({ outcomes, without }, id) =>
    without[id] === undefined ? (outcomes.get(id) ?? 'not tried') : undefined,
  )
  const missing = list(({ without }, id) => without[id])
  return [
    heading,
    table,
    ...(broken === '' ? [] : [`## What does not work\n\n${broken}`]),
    ...(missing === '' ? [] : [`## What routers do not offer\n\n${missing}`]),
  ].join('\n')
}

/** The document speaks of the same versions: others may have other features. */
export const sameVersions = (document: string, columns: readonly Column[]): boolean =>
  columns.every((column) => document.includes(`| ${title(column)} `))

const title = ({ name, version }: Column): string => `${name} ${version}`
