import type { capabilitiesOf } from '#speaker/status/bgp-part.ts'
import { age } from './ages.ts'
import { briefDetails, detailsOf, silentRouters, storyOf } from './bgp-stories.ts'
import { table } from './table.ts'

/** A session as the admin API of a speaker tells it, or, in brief, that of the controller. */
export interface PeerRow extends Partial<BriefRow> {
  /** of a speaker: the BGPPeer with its session */
  readonly name?: string
  readonly device?: string
  readonly localAS?: number
  readonly peerAS?: number
  readonly routerId?: string
  /** a password is configured */
  readonly md5?: boolean
  /** why the session is kept down */
  readonly reason?: string
  readonly session?: SessionRow
  /** epoch milliseconds since the session is up, or since it is not */
  readonly turned?: number
  /** of the errors since it is down the last one that says something */
  readonly earlier?: NonNullable<SessionRow['lastError']>
  readonly bfdSession?: {
    readonly state: string
    readonly detectionTime: number
    readonly diagnostic: string
  }
}

/** What SpeakerStatus says. */
export interface BriefRow {
  readonly node: string
  readonly peer: string
  readonly address: string
  readonly state: string
  readonly since: string
  readonly lastError: string
  readonly holdTime: string
  readonly keepaliveTime: string
  readonly capabilities: readonly string[]
  readonly notificationSent: { readonly at: string; readonly text: string }
  readonly notificationReceived: { readonly at: string; readonly text: string }
  readonly announced: { readonly ipv4: number; readonly ipv6: number }
  readonly bfd: unknown
}

export interface SessionRow {
  readonly endpoint: string
  readonly localAddress?: string
  readonly state: string
  readonly since: number
  readonly localAS: number
  readonly peerAS?: number
  readonly peerRouterId?: string
  readonly holdTime: number
  readonly keepaliveTime: number
  readonly families: Agreed['families']
  readonly announced: Readonly<Record<string, number>>
  readonly pending: number
  readonly lastError?: { readonly at: number; readonly code: string; readonly text: string }
  readonly notificationSent?: { readonly at: number; readonly text: string }
  readonly notificationReceived?: { readonly at: number; readonly text: string }
  readonly unsent?: Readonly<Record<string, number>>
  readonly negotiated?: Agreed['negotiated']
  readonly counters: Readonly<Record<string, number>>
}

type Agreed = Parameters<typeof capabilitiesOf>[0]

const headings = ['peer', 'address', 'as', 'state', 'for', 'hold', 'ipv4', 'ipv6', 'waiting']

/**
 * The sessions as a table, and under it the story of each one that a person should look at.
 * @param now epoch milliseconds
 * @param wide of every session what was agreed on and what both sides said last
 */
export function peerReport(rows: readonly PeerRow[], now: number, wide = false): string {
  if (rows.every(({ session, name }) => session === undefined && name === undefined))
    return brief(rows, now, wide)
  const stories = rows.flatMap((row) =>
    section(row.name ?? '', [...storyOf(row, now), ...(wide ? detailsOf(row, now) : [])]),
  )
  return [
    table(
      headings,
      rows.map((row) => cells(row, now)),
    ),
    ...stories,
    ...silentRouters(rows),
  ].join('\n\n')
}

function brief(rows: readonly PeerRow[], now: number, wide: boolean): string {
  const cells = rows.map(({ node = '', peer = '', address = '', state = '', since, lastError = '' }) => [
    node,
    peer,
    address,
    state,
    since === undefined ? '' : age(now - Date.parse(since)),
    lastError,
  ])
  const details = wide
    ? rows.flatMap((row) => section(`${row.node} ${row.peer}`, briefDetails(row, now)))
    : []
  return [table(['node', 'peer', 'address', 'state', 'for', 'why'], cells), ...details].join('\n\n')
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`]

function cells(row: PeerRow, now: number): string[] {
  const { name = '', session } = row
  if (session === undefined) return [name, row.address ?? row.device ?? '', '', 'Idle', '', '', '', '', '']
  const { endpoint, state, since, holdTime, announced, pending } = session
  const up = state === 'Established'
  return [
    name,
    endpoint,
    String(session.peerAS ?? row.peerAS ?? ''),
    row.reason === undefined ? state : 'Blocked',
    age(now - (row.turned ?? since)),
    up ? (holdTime === 0 ? 'off' : `${holdTime / 1000}s`) : '',
    up ? String(announced['ipv4-unicast'] ?? 0) : '',
    up ? String(announced['ipv6-unicast'] ?? 0) : '',
    up ? String(pending) : '',
  ]
}
