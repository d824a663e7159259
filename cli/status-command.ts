import { getDocument, type AdminTarget } from './admin-client.ts'
import { table } from './table.ts'

type Row = Record<string, unknown>

/** What is asked for each section: its path, and where its rows are in the answer. */
const parts = {
  services: ['services', 'items'],
  pools: ['pools', 'items'],
  nodes: ['nodes', 'items'],
  layer2: ['layer2', 'items'],
  peers: ['bgp/peers', 'items'],
  problems: ['config', 'problems'],
} as const

type PartName = keyof typeof parts

/** The answer, or why there was none. */
type Part = { readonly document: Row; readonly rows: readonly Row[] } | { readonly failure: string }

/** `fairlead status`: the process, then what it serves, one table a concern; exit code 1 when one could not be had. */
export async function statusCommand(target: AdminTarget): Promise<void> {
  const status = await getDocument(target, '/api/v1/status')
  const names = Object.keys(parts) as PartName[]
  const answers = await Promise.all(
    names.map(async (name): Promise<readonly [PartName, Part]> => {
      const [path, field] = parts[name]
      try {
        const document = await getDocument(target, `/api/v1/${path}`)
        return [name, { document, rows: document[field] as Row[] }]
      } catch (error) {
        return [name, { failure: error instanceof Error ? error.message : String(error) }]
      }
    }),
  )
  const found = Object.fromEntries(answers) as Record<PartName, Part>
  console.log(
    target.json ? JSON.stringify(statusDocument(status, found), null, 2) : statusText(status, found),
  )
  if (answers.some(([, part]) => 'failure' in part)) process.exitCode = 1
}

/** A list that could not be had is empty, with the reason in `unknown`. */
function statusDocument(status: Row, { problems, ...lists }: Record<PartName, Part>): Row {
  const of = (part: Part) => ('failure' in part ? { items: [], unknown: part.failure } : part.document)
  return {
    status,
    ...Object.fromEntries(Object.entries(lists).map(([name, part]) => [name, of(part)])),
    ...('failure' in problems
      ? { problems: [], problemsUnknown: problems.failure }
      : { problems: problems.rows }),
  }
}

function statusText(status: Row, found: Record<PartName, Part>): string {
  const sections = [
    [statusLine(status), ...forwardingLines(status.forwarding)].join('\n'),
    section('Services', found.services, [
      ['service', (row) => `${row.namespace}/${row.name}`],
      ['addresses', (row) => listText(row.addresses) || '<none>'],
      ['ports', (row) => listText(row.ports)],
      ['reason', (row) => text(row.reason) || announcementText(row.announcement)],
    ]),
    section('Pools', found.pools, [
      ['pool', (row) => text(row.name)],
      ['addresses', (row) => listText(row.ranges)],
      ['in use', (row) => usage(row)],
    ]),
    section('Nodes', found.nodes, [
      ['node', (row) => text(row.name)],
      ['ready', (row) => String(row.ready)],
      ['reason', (row) => text(row.reason)],
    ]),
    section('Layer 2', found.layer2, [
      [
        'address or service',
        (row) => text(row.address) || `${text(row.serviceNamespace)}/${text(row.serviceName)}`,
      ],
      ['node', (row) => text(row.node) || text((row.holder as Row | undefined)?.holder)],
    ]),
    section('BGP sessions', found.peers, [
      ['peer', (row) => text(row.peer) || text(row.name)],
      ['node', (row) => text(row.node)],
      ['state', (row) => text(row.state) || text((row.session as Row | undefined)?.state)],
      ['reason', (row) => text(row.reason) || text(row.lastError) || sessionError(row.session)],
    ]),
    section('Configuration problems', found.problems, [
      ['object', (row) => `${row.kind} ${row.name}`],
      ['field', (row) => text(row.field)],
      ['problem', (row) => text(row.message)],
    ]),
  ]
  return sections.filter((one) => one !== '').join('\n\n')
}

function statusLine(status: Row): string {
  const who =
    status.component === 'speaker' ? `speaker on ${text(status.node)}` : `controller ${text(status.identity)}`
  const leader = status.leader === undefined ? '' : status.leader === true ? ', leader' : ', standby'
  return `${who}: ${status.synced === true ? 'in step with the API server' : 'waiting for its first lists'}${leader}`
}

/** A speaker's forwarding in a line, and below it what a person should know about it. */
export function forwardingLines(forwarding: unknown): string[] {
  if (typeof forwarding !== 'object' || forwarding === null) return []
  const { mode, services, programmed, generation, synced, lastError, ...rest } = forwarding as Row & {
    lastError?: { at: number; text: string }
  }
  const reason = text(rest.reason)
  if (mode === 'off')
    return ['forwarding: off; addresses are announced, another proxy must forward their traffic']
  if (rest.forwarding === false) {
    return ['forwarding: standing by; addresses are announced all the same', `  ${reason}`]
  }
  const state = synced === true ? 'in step with the plan' : 'behind the plan'
  return [
    `forwarding: ${text(mode)}, ${state}, ${programmed} of ${services} Services programmed, generation ${generation}`,
    ...(lastError === undefined ? [] : [`  last error, ${timeText(lastError.at)}: ${lastError.text}`]),
    ...(reason === '' ? [] : [`  ${reason}`]),
  ]
}

const timeText = (at: number): string => new Date(at).toISOString()

function section(title: string, part: Part, columns: readonly [string, (row: Row) => string][]): string {
  if ('failure' in part) return `${title}\nunknown: ${part.failure}`
  const { rows } = part
  if (rows.length === 0) return ''
  const headings = columns.map(([heading]) => heading)
  return `${title}\n${table(
    headings,
    rows.map((row) => columns.map(([, value]) => value(row))),
  )}`
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const listText = (value: unknown): string => (Array.isArray(value) ? value.join(' ') : '')

function usage({ assigned, capacity }: Row): string {
  if (assigned === undefined || capacity === undefined) return '?'
  const sum = (counts: unknown) =>
    Object.values(counts as Record<string, string>).reduce((all, one) => all + BigInt(one), 0n)
  return `${sum(assigned)} of ${sum(capacity)}`
}

function announcementText(announcement: unknown): string {
  if (typeof announcement !== 'object' || announcement === null) return ''
  return Object.entries(announcement as Record<string, { announced: boolean; reason: string }>)
    .map(([protocol, { announced, reason }]) => `${protocol}: ${announced ? 'announced' : reason}`)
    .join(', ')
}

/** A speaker's own view: the last error of a session that is not up. */
function sessionError(session: unknown): string {
  const { state, lastError } = (session ?? {}) as { state?: string; lastError?: { text: string } }
  return state === 'Established' ? '' : (lastError?.text ?? '')
}
