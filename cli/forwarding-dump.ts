import type { DumpedElement, DumpedGroup } from '#admin/forwarding/dump.ts'
import { collections, fieldsOf, type Field } from '#speaker/forwarding/model.ts'
import { getDocument, type AdminTarget } from './admin-client.ts'
import { CliError } from './errors.ts'
import { oneOf } from './options.ts'
import { table } from './table.ts'

interface DumpOptions extends AdminTarget {
  readonly service?: string
  readonly family?: string
  readonly differences?: boolean
  readonly limit?: string
}

/** What `forwarding/dump` answers. */
export interface DumpDocument {
  readonly same: number
  readonly missing: number
  readonly unplanned: number
  readonly other: number
  readonly left: number
  readonly note: string
  readonly items: readonly DumpedGroup[]
}

/** `fairlead forwarding dump`: exit code 1 when the kernel is not as planned, so that scripts can ask. */
export async function dumpForwarding(options: DumpOptions): Promise<void> {
  const document = (await getDocument(
    options,
    `/api/v1/forwarding/dump?${dumpQueryOf(options)}`,
  )) as unknown as DumpDocument
  console.log(options.json ? JSON.stringify(document, null, 2) : dumpText(document))
  if (document.missing + document.unplanned + document.other > 0) process.exitCode = 1
}

/** @throws CliError FL_CLI_OPTION naming the option */
export function dumpQueryOf(options: Omit<DumpOptions, 'json'>): URLSearchParams {
  const { service, family, differences, limit } = options
  const query = new URLSearchParams()
  if (service !== undefined) {
    if (!/^[^/]+\/[^/]+$/.test(service)) {
      throw new CliError('FL_CLI_OPTION', `--service ${service}: write NAMESPACE/NAME`)
    }
    query.set('service', service)
  }
  if (family !== undefined) query.set('family', oneOf(family, ['4', '6'], '--family'))
  if (differences === true) query.set('differences', 'true')
  if (limit !== undefined) {
    if (!/^[1-9][0-9]{0,8}$/.test(limit)) {
      throw new CliError('FL_CLI_OPTION', `--limit ${limit}: it is a number of Services, at least 1`)
    }
    query.set('limit', limit)
  }
  return query
}

const LEGEND = '= as planned   + not in the kernel   - not planned   ! another value'

/** A table of each Service, and what they add up to. */
export function dumpText({ items, same, missing, unplanned, other, left, note }: DumpDocument): string {
  const differences = [
    [missing, 'not in the kernel'],
    [unplanned, 'not planned'],
    [other, 'with another value'],
  ].flatMap(([count, words]) => (count === 0 ? [] : [`${count} ${words}`]))
  const parts = [
    ...(items.length === 0 ? [] : [LEGEND]),
    ...items.map(groupText),
    ...(left > 0 ? [`${left} more Services: give --limit, --differences or --service to see them`] : []),
    `${same} elements as planned, ${differences.length === 0 ? 'no differences' : differences.join(', ')}`,
    ...(note === '' ? [] : [`Note: ${note}`]),
  ]
  return parts.join('\n\n')
}

function groupText({ service, elements }: DumpedGroup): string {
  const rows = elements.map((element, index) => {
    const { mark, frontend, collection, key } = element
    // A frontend is named once, for all that stands below it.
    const again = index > 0 && elements[index - 1].frontend === frontend
    return [
      mark,
      again ? '' : frontend || '-',
      [collection, key].filter((text) => text !== '').join(' '),
      values(element),
    ]
  })
  const heading = service === '' ? 'the node, and what no Service has' : service
  return `${heading}\n${table(['', 'frontend', 'element', 'value'], rows)}`
}

function values({ mark, collection, planned, kernel, more }: DumpedElement): string {
  if (more !== undefined) return `and ${more} more like these`
  const words = (value: string | undefined) => valueText(collection, value ?? '')
  return mark === '!' ? `${words(planned)}, in the kernel ${words(kernel)}` : words(planned ?? kernel)
}

/** A value as people write it; as it is where a newer process has values of another kind. */
function valueText(collection: DumpedElement['collection'], value: string): string {
  const fields: readonly Field[] = collections[collection]?.value ?? []
  if (fields[0] === 'count') {
    // Where it is not random a slot is not an endpoint: `251@source-hash`.
    const [count, balance] = value.split('@')
    if (balance !== undefined) return `${count} slots, ${balance}`
    return `${count} ${count === '1' ? 'endpoint' : 'endpoints'}`
  }
  if (fields.length !== 2 || fields[0] !== 'address') return value
  const [address, port] = fieldsOf(value)
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
