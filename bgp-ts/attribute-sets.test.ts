import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { AttributeSets } from './attribute-sets.ts'
import type { Community, RouteAttributes } from './route.ts'

const community = (kind: 'standard' | 'extended', low: number): Community => ({ kind, value: [64500, low] })

/** No two of these are the same. */
const different: RouteAttributes[] = [
  { communities: [] },
  { communities: [], med: 0 },
  { communities: [], med: 1 },
  { communities: [], localPref: 1 },
  { communities: [], asPathPrepend: 1 },
  { communities: [], linkBandwidth: 1 },
  { communities: [], nextHop: parseAddress('192.0.2.9') },
  { communities: [], nextHop: parseAddress('::c000:209') },
  { communities: [community('standard', 1)] },
  { communities: [community('extended', 1)] },
  { communities: [community('standard', 1), community('standard', 2)] },
  { communities: [{ kind: 'large', value: [64500, 1, 2] }] },
]

test('equal attributes are one set, others are another', () => {
  const sets = new AttributeSets()
  const first = different.map((one) => sets.acquire(one))
  expect(new Set(first).size).toBe(different.length)
  expect(different.map((one) => sets.acquire(structuredClone(one)))).toEqual(first)
  expect(sets.size).toBe(different.length)
})

test('a set is kept until all have released it', () => {
  const sets = new AttributeSets()
  const set = sets.acquire(different[8])
  sets.acquire(different[8])
  sets.release(set)
  expect(sets.acquire(different[8])).toBe(set)
  sets.release(set)
  sets.release(set)
  expect(sets.size).toBe(0)
  expect(sets.acquire(different[8])).not.toBe(set)
})

test('it holds the attributes and nothing of what they came with', () => {
  const sets = new AttributeSets()
  const communities = [community('standard', 1)]
  const route = { peer: 'tor', prefix: 'x', med: 5, communities }
  const set = sets.acquire(route)
  communities.push(community('standard', 2))
  expect(set.attributes).toEqual({ med: 5, communities: [community('standard', 1)] })
})
