import { tryParseAddress } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import { rangeOfPrefix, type AddressRange } from '#inet/range.ts'
import type { Pool, PoolAllocation } from '../config.ts'
import type { Fields, Located } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { RangeIndex } from './range-index.ts'
import { readSelectors } from './selector.ts'

/** IPAddressPool by itself; whether it overlaps with other pools is decided in parse.ts. */
export function parsePool(metadata: Metadata, spec: Fields): Pool {
  const { name } = metadata
  const addresses = spec.strings('addresses')
  if (spec.list('addresses').length === 0)
    spec.error('FL_CRD_REQUIRED', 'addresses', 'pool has no prefixes defined')
  const ranges = readRanges(name, addresses, spec)
  const allocation = spec.object('serviceAllocation')
  const pool: Pool = {
    name,
    labels: metadata.labels,
    ranges,
    autoAssign: spec.boolean('autoAssign', true),
    avoidBuggyIPs: spec.boolean('avoidBuggyIPs'),
    ...(allocation === undefined ? {} : { allocation: readAllocation(allocation) }),
  }
  spec.finish()
  return pool
}

function readRanges(pool: string, addresses: readonly Located<string>[], spec: Fields): AddressRange[] {
  const index = new RangeIndex<string>()
  const ranges: AddressRange[] = []
  for (const { value, path } of addresses) {
    const range = readRange(value)
    if (typeof range === 'string') {
      spec.errorAt('FL_POOL_ADDRESS', path, range.replace('POOL', quote(pool)))
      continue
    }
    const other = index.overlapping(range)
    if (other === undefined) {
      index.add(range, value)
      ranges.push(range)
    } else {
      spec.errorAt(
        'FL_POOL_OVERLAP',
        path,
        `CIDR ${quote(value)} in pool ${quote(pool)} overlaps with already defined CIDR ${quote(other.owner)}`,
      )
    }
  }
  return ranges
}

/** A range, or why it is none (with POOL for the name of the pool). */
function readRange(text: string): AddressRange | string {
  if (!text.includes('-')) {
    const prefix = tryParsePrefix(text.trim())
    return prefix === undefined
      ? `invalid CIDR ${quote(text)} in pool POOL: must be a prefix such as 192.0.2.0/24 or a range such as 192.0.2.1-192.0.2.9`
      : rangeOfPrefix(prefix)
  }
  const invalid = `invalid IP range ${quote(text)} in pool POOL`
  const [start, end, ...more] = text.split('-').map((part) => part.trim())
  if (more.length > 0) return invalid
  const first = tryParseAddress(start)
  const last = tryParseAddress(end)
  if (first === undefined) return `${invalid}: invalid start IP`
  if (last === undefined) return `${invalid}: invalid end IP`
  if (first.family !== last.family) return `${invalid}: start and end are of different families`
  if (first.value > last.value)
    return `${invalid}: start IP ${quote(start)} is after the end IP ${quote(end)}`
  return { family: first.family, first: first.value, last: last.value }
}

function readAllocation(fields: Fields): PoolAllocation {
  const allocation: PoolAllocation = {
    priority: fields.integer('priority', 0, 2_147_483_647) ?? 0,
    namespaces: fields.uniqueStrings('namespaces').map(({ value }) => value),
    namespaceSelectors: readSelectors(fields, 'namespaceSelectors'),
    serviceSelectors: readSelectors(fields, 'serviceSelectors'),
  }
  fields.finish()
  return allocation
}

const quote = (text: string): string => JSON.stringify(text)
