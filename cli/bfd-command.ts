import { age } from './ages.ts'
import { getDocument, type AdminTarget } from './admin-client.ts'
import { table } from './table.ts'

interface SessionRow {
  readonly local: string
  readonly remote: string
  readonly interface?: string
  readonly multihop: boolean
  readonly clients: readonly string[]
  readonly state: string
  readonly since: number
  readonly diagnostic: string
  readonly remoteState: string
  readonly remoteDiscriminator: number
  readonly transmitInterval: number
  readonly receiveInterval: number
  readonly detectionTime: number
  readonly problem?: { readonly text: string }
}

/** `fairlead bfd sessions`: who is watched for whom, how fast, and how it stands. */
export async function bfdSessions(target: AdminTarget): Promise<void> {
  const document = await getDocument(target, '/api/v1/bfd/sessions')
  if (target.json) return console.log(JSON.stringify(document, null, 2))
  const items = document.items as SessionRow[]
  if (items.length === 0) return console.log(String(document.unknown ?? 'No BFD sessions.'))
  console.log(bfdTable(items, Date.now()))
}

const headings = ['remote', 'local', 'for', 'state', 'since', 'tx', 'rx', 'detect', 'why']

/** @param now epoch milliseconds */
export const bfdTable = (rows: readonly SessionRow[], now: number): string =>
  table(
    headings,
    rows.map((row) => [
      row.remote + (row.multihop ? ' (multihop)' : ''),
      row.local + (row.interface === undefined ? '' : `%${row.interface}`),
      row.clients.join(' '),
      row.state,
      age(now - row.since),
      `${row.transmitInterval}ms`,
      `${row.receiveInterval}ms`,
      row.detectionTime === 0 ? '-' : `${row.detectionTime}ms`,
      whyOf(row),
    ]),
  )

function whyOf({ state, remoteState, remoteDiscriminator, diagnostic, problem }: SessionRow): string {
  if (problem !== undefined) return problem.text
  if (state === 'Up') return ''
  if (remoteDiscriminator === 0) return 'nothing heard: UDP port 3784 filtered, or the other side does no BFD'
  return remoteState === 'AdminDown' ? 'ended by the other side' : diagnostic
}
