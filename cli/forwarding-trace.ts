import { AdminError } from '#admin/errors.ts'
import { parseTraceQuery, type TraceQuery } from '#admin/forwarding/trace-query.ts'
import type { TraceDocument } from '#admin/forwarding/trace.ts'
import { getDocument, type AdminTarget } from './admin-client.ts'
import { CliError } from './errors.ts'
import { table } from './table.ts'

interface TraceOptions extends AdminTarget {
  readonly from: string
  /** `ADDRESS:PORT/PROTOCOL`, tcp without one; `ADDRESS/icmp` */
  readonly to: string
  readonly interface?: string
}

/** `fairlead forwarding trace`: what a packet would meet; exit code 1 when that is not known. */
export async function traceForwarding(options: TraceOptions): Promise<void> {
  const query = new URLSearchParams({ ...traceQueryOf(options) })
  const document = (await getDocument(
    options,
    `/api/v1/forwarding/trace?${query}`,
  )) as unknown as TraceDocument
  console.log(options.json ? JSON.stringify(document, null, 2) : traceText(document))
  if (document.verdict === 'unknown') process.exitCode = 1
}

/** @throws CliError FL_CLI_OPTION naming the option */
export function traceQueryOf({ from, to, interface: by }: Omit<TraceOptions, 'json'>): TraceQuery {
  const [target, protocol = 'tcp', ...rest] = to.split('/')
  if (rest.length > 0 || !/^(tcp|udp|sctp|icmp)$/i.test(protocol)) {
    throw new CliError(
      'FL_CLI_OPTION',
      `--to ${to}: write ADDRESS:PORT/PROTOCOL with tcp, udp or sctp, or ADDRESS/icmp`,
    )
  }
  const query = { from, to: target, protocol, ...(by === undefined ? {} : { interface: by }) }
  try {
    parseTraceQuery(query)
  } catch (error) {
    if (!(error instanceof AdminError)) throw error
    throw new CliError('FL_CLI_OPTION', `--${error.message}`, { cause: error })
  }
  return query
}

/** The verdict and why, the endpoints, and the rules that led there. */
export function traceText(document: TraceDocument): string {
  const { from, to, verdict, reason, service, frontend, endpoints, steps, note } = document
  const whose = [service, frontend].filter((text) => text !== '').join(', ')
  const parts = [`${from} -> ${to}: ${verdict}\n${whose === '' ? '' : `${whose}: `}${reason}`]
  if (endpoints.length > 0) {
    const rows = endpoints.map(({ endpoint, masquerade }) => [
      endpoint,
      masquerade ? 'an address of this node (masqueraded)' : from,
    ])
    parts.push(table(['endpoint', 'sees as source'], rows))
  }
  if (steps.length > 0) {
    const rows = steps.map(({ chain, rule, text }) => [chain, String(rule), text])
    parts.push(table(['chain', 'rule', 'what it does'], rows))
  }
  if (note !== '') parts.push(`Note: ${note}`)
  return parts.join('\n\n')
}
