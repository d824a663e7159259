import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AffinityLists, type AssignedList, type WantedList } from './affinity.ts'
import { emptyElements, type MutableElements } from './model.ts'
import { MAX_MEMBERS } from './register.ts'

const list = (name: string, endpoints: readonly string[], key = `${name} . tcp . 80`): WantedList => ({
  family: 4,
  name,
  endpoints,
  frontends: [{ over: 'frontends', key }],
})
const one = (lists: AffinityLists, owner: string, endpoints: readonly string[]): AssignedList => {
  const assigned = lists.assign(owner, [list(owner, endpoints)])[4].get(owner)
  if (assigned === undefined) throw new Error('no number')
  return { id: assigned.id, members: new Map(assigned.members) }
}

describe('numbers', () => {
  test('stay as they are while others come and go', () => {
    const lists = new AffinityLists()
    const first = one(lists, 'a', ['x', 'y'])
    expect(first).toEqual({
      id: 1,
      members: new Map([
        ['x', 1],
        ['y', 2],
      ]),
    })
    expect(one(lists, 'b', ['x']).id).toBe(2)
    expect(one(lists, 'a', ['y', 'z']).members).toEqual(
      new Map([
        ['y', 2],
        ['z', 3],
      ]),
    )
    lists.assign('b', [])
    expect(one(lists, 'a', ['y', 'z']).id).toBe(1)
  })

  test('are not given again before all others: who comes back is somebody else', () => {
    const lists = new AffinityLists()
    one(lists, 'a', ['x', 'y'])
    one(lists, 'a', ['y'])
    expect(one(lists, 'a', ['x', 'y']).members.get('x')).toBe(3)
    lists.assign('a', [])
    expect(one(lists, 'a', ['x'])).toEqual({ id: 2, members: new Map([['x', 1]]) })
  })

  test('begin again from below when they are used up', () => {
    const lists = new AffinityLists()
    const many = Array.from({ length: MAX_MEMBERS }, (_, at) => `e${at}`)
    expect([...one(lists, 'a', many).members.values()].at(-1)).toBe(MAX_MEMBERS)
    const next = one(lists, 'a', [...many.slice(0, 4), ...many.slice(5), 'new'])
    expect(next.members.get('new')).toBe(5)
    expect(new Set(next.members.values()).size).toBe(MAX_MEMBERS)
  })

  test('families have their own', () => {
    const lists = new AffinityLists()
    const six = { ...list('s', ['fd00::1 . 80']), family: 6 as const }
    const assigned = lists.assign('s', [list('s', ['10.0.0.1 . 80']), six])
    expect([assigned[4].get('s')?.id, assigned[6].get('s')?.id]).toEqual([1, 1])
  })

  test('a list too many has none, until another one goes', () => {
    const lists = new AffinityLists(3)
    const wanted = ['a', 'b', 'c'].map((name) => list(name, ['x']))
    expect(lists.assign('many', wanted)[4].size).toBe(3)
    expect(lists.assign('late', [list('late', ['x'])])[4].size).toBe(0)
    lists.assign('many', wanted.slice(1))
    expect(lists.assign('late', [list('late', ['x'])])[4].get('late')?.id).toBe(1)
  })
})

/** As the elements of these lists are. */
const held = (
  ...some: readonly { key: string; id: number; members: ReadonlyMap<string, number> }[]
): MutableElements => {
  const elements = emptyElements()
  for (const { key, id, members } of some) {
    elements[4]['affinity-frontends'].set(key, String(id))
    for (const [endpoint, index] of members) elements[4]['affinity-endpoints'].set(`${id}/${index}`, endpoint)
  }
  return elements
}

describe('a restart', () => {
  test('finds the numbers that are in the data plane, whatever the order', () => {
    const lists = new AffinityLists()
    const found = {
      key: 'a . tcp . 80',
      id: 7,
      members: new Map([
        ['x', 4],
        ['y', 9],
      ]),
    }
    const other = { key: 'b . tcp . 80', id: 3, members: new Map([['x', 1]]) }
    lists.adopt(held(found, other))
    expect(one(lists, 'new', ['x']).id).toBe(8)
    expect(one(lists, 'b', ['x'])).toEqual({ id: 3, members: other.members })
    expect(one(lists, 'a', ['y', 'z'])).toEqual({
      id: 7,
      members: new Map([
        ['y', 9],
        ['z', 10],
      ]),
    })
    lists.settle()
  })

  test('two that would have the same number: the first has it', () => {
    const lists = new AffinityLists()
    lists.adopt(held({ key: 'a . tcp . 80', id: 7, members: new Map() }))
    const same = [list('one', ['x'], 'a . tcp . 80'), list('two', ['x'], 'a . tcp . 80')]
    const assigned = lists.assign('s', same)[4]
    expect([assigned.get('one')?.id, assigned.get('two')?.id]).toEqual([7, 8])
  })

  test('later listings do not change what is known', () => {
    const lists = new AffinityLists()
    one(lists, 'a', ['x'])
    lists.adopt(held({ key: 'a . tcp . 80', id: 9, members: new Map([['x', 5]]) }))
    expect(one(lists, 'a', ['x'])).toEqual({ id: 1, members: new Map([['x', 1]]) })
    lists.settle()
    expect(one(lists, 'b', ['x']).id).toBe(10)
  })
})

test('whatever happens, no two lists have one number and no two endpoints of a list one index', () => {
  const step = fc.record({
    owner: fc.constantFrom('a', 'b', 'c'),
    endpoints: fc.subarray(['u', 'v', 'w', 'x', 'y']),
    restart: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let lists = new AffinityLists()
      const now = new Map<string, AssignedList>()
      for (const { owner, endpoints, restart } of steps) {
        const before = now.get(owner)
        if (endpoints.length === 0) {
          lists.assign(owner, [])
          now.delete(owner)
        } else {
          const assigned = one(lists, owner, endpoints)
          for (const endpoint of endpoints) {
            const index = before?.members.get(endpoint)
            if (index !== undefined) expect(assigned.members.get(endpoint)).toBe(index)
          }
          expect(new Set(assigned.members.values()).size).toBe(endpoints.length)
          expect([...assigned.members.keys()].sort()).toEqual(endpoints)
          if (before) expect(assigned.id).toBe(before.id)
          now.set(owner, assigned)
        }
        expect(new Set([...now.values()].map(({ id }) => id)).size).toBe(now.size)
        if (!restart) continue
        lists = new AffinityLists()
        lists.adopt(held(...[...now].map(([name, assigned]) => ({ key: `${name} . tcp . 80`, ...assigned }))))
        for (const [name, assigned] of now)
          expect(one(lists, name, [...assigned.members.keys()])).toEqual(assigned)
        lists.settle()
      }
    }),
  )
})
