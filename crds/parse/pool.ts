import type { Pool, PoolAllocation } from '../config.ts'
import type { Fields } from './fields.ts'
import type { Metadata } from './metadata.ts'
import { readExcludes, readRanges } from './pool-addresses.ts'
import { readSelectors } from './selector.ts'

/** IPAddressPool by itself; whether it overlaps with other pools is decided in parse.ts. */
export function parsePool(metadata: Metadata, spec: Fields): Pool {
  const { name } = metadata
  const ranges = readRanges(name, spec)
  if (spec.list('addresses').length === 0)
    spec.error('FL_CRD_REQUIRED', 'addresses', 'pool has no prefixes defined')
  const excludes = readExcludes(name, ranges, spec)
  const allocation = spec.object('serviceAllocation')
  const pool: Pool = {
    name,
    labels: metadata.labels,
    ranges,
    ...(excludes.length === 0 ? {} : { excludes }),
    autoAssign: spec.boolean('autoAssign', true),
    avoidBuggyIPs: spec.boolean('avoidBuggyIPs'),
    ...(allocation === undefined ? {} : { allocation: readAllocation(allocation) }),
  }
  spec.finish()
  return pool
}

function readAllocation(fields: Fields): PoolAllocation {
  const allocation: PoolAllocation = {
    priority: fields.integer('priority', -2_147_483_648, 2_147_483_647) ?? 0,
    namespaces: fields.uniqueStrings('namespaces', 'in namespaces field').map(({ value }) => value),
    namespaceSelectors: readSelectors(fields, 'namespaceSelectors', 'invalid namespace label selector'),
    serviceSelectors: readSelectors(fields, 'serviceSelectors', 'invalid service label selector'),
  }
  fields.finish()
  return allocation
}
