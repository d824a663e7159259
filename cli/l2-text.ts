import type { Lane, Timeline } from './l2-model.ts'
import { table } from './table.ts'

const MARKS: Readonly<Record<Lane, string>> = { silent: '|', answering: '#', two: '!' }

const LEGEND = '| silent   # answering   ! two answer'

/**
 * A timeline as a table: a column for each node and the client, a line for each thing that happened.
 * @param notes who could not be asked
 */
export function timelineText({ address, lanes, lines }: Timeline, notes: readonly string[]): string {
  const parts = notes.map((note) => `Note: ${note}`)
  if (lines.length === 0) return [`Nothing is known to have happened to ${address}.`, ...parts].join('\n\n')
  const begin = lines[0].at
  const rows = lines.map(({ at, where, words, interface: on, other, state }) => [
    new Date(at).toISOString().slice(11, 23),
    `+${((at - begin) / 1000).toFixed(3)}`,
    ...state.map((lane) => MARKS[lane]),
    where,
    words,
    on,
    other,
  ])
  const headings = ['time', 'after', ...lanes, 'where', 'what', 'interface', 'other side']
  const title = `${address}, ${new Date(begin).toISOString().slice(0, 10)}, UTC, seconds      ${LEGEND}`
  return [title, table(headings, rows), ...parts].join('\n\n')
}
