import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { AttributeSets } from './attribute-sets.ts'
import type { GroupContext } from './export.ts'
import type { UnsentReason } from './status.ts'
import { bothFamilies } from './testing.ts'
import { UpdateGroups, type UpdateGroup } from './update-groups.ts'

const base: GroupContext = {
  ...bothFamilies,
  localAS: 64500,
  nextHops: { 4: parseAddress('192.0.2.2'), 6: parseAddress('2001:db8::2') },
}

/** Each differs from the one above, and from all others, in something that the attributes depend on. */
const others: Required<{ [Name in keyof GroupContext]: GroupContext[Name][] }> = {
  fourOctetAS: [false],
  internal: [true],
  families: [['ipv4-unicast'], ['ipv6-unicast']],
  extendedNextHop: [true],
  localAS: [64501],
  nextHops: [{}, { 4: parseAddress('192.0.2.2') }, { 4: parseAddress('192.0.2.3'), 6: base.nextHops[6]! }],
  linkLocal: [parseAddress('fe80::2'), parseAddress('fe80::3')],
  otc: [0, 64500],
  gracefulShutdown: [true],
}

test('sessions are in one group when nothing differs, in others when anything does', () => {
  const groups = new UpdateGroups()
  const first = groups.join(base)
  expect(groups.join({ ...base, gracefulShutdown: false })).toBe(first)
  const different = Object.entries(others).flatMap(([name, values]) =>
    values.map((value) => ({ ...base, [name]: value })),
  )
  const all = new Set([first, ...different.map((context) => groups.join(context))])
  expect(all.size).toBe(1 + different.length)
  expect(groups.size).toBe(all.size)
})

test('a group is kept until all have left it', () => {
  const groups = new UpdateGroups()
  const group = groups.join(base)
  groups.join(base)
  groups.leave(group)
  expect(groups.join(base)).toBe(group)
  groups.leave(group)
  groups.leave(group)
  expect(groups.size).toBe(0)
  expect(groups.join(base)).not.toBe(group)
})

test('what becomes of a set is worked out once for all sessions of a group, by family', () => {
  const groups = new UpdateGroups()
  const sets = new AttributeSets()
  const set = sets.acquire({ communities: [], med: 5 })
  const of = (group: UpdateGroup, family: 'ipv4-unicast' | 'ipv6-unicast') => {
    const outcome = group.of(set, family)
    if (typeof outcome === 'string') throw new Error(outcome)
    return outcome
  }
  const outside = groups.join(base)
  const inside = groups.join({ ...base, internal: true })
  expect(of(outside, 'ipv4-unicast')).toBe(of(groups.join(base), 'ipv4-unicast'))
  expect(of(outside, 'ipv6-unicast').nextHop).toEqual(base.nextHops[6])
  expect(of(outside, 'ipv4-unicast').attributes.localPref).toBeUndefined()
  expect(of(inside, 'ipv4-unicast').attributes.localPref).toBe(100)
})

test('a reason not to send is remembered as well', () => {
  const group = new UpdateGroups().join({ ...base, families: ['ipv4-unicast'] })
  const set = new AttributeSets().acquire({ communities: [] })
  const reason: UnsentReason = 'family-not-negotiated'
  expect([group.of(set, 'ipv6-unicast'), group.of(set, 'ipv6-unicast')]).toEqual([reason, reason])
})
