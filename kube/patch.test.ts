import { expect, it } from 'vitest'
import { jsonPatch, mergePatch } from './patch.ts'

// RFC 7396 appendix A.
it.each([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'foo' }, null, null],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('merges %j with %j', (target, patch, result) => {
  expect(mergePatch(target, patch)).toEqual(result)
})

it('does what a JSON patch says, without touching its target', () => {
  const target = { a: [1, 3], 'x/y': 1, b: { c: 2 } }
  const copy = structuredClone(target)
  const result = jsonPatch(target, [
    { op: 'test', path: '/b', value: { c: 2 } },
    { op: 'add', path: '/a/1', value: 2 },
    { op: 'add', path: '/a/-', value: 4 },
    { op: 'replace', path: '/b/c', value: 5 },
    { op: 'remove', path: '/x~1y' },
    { op: 'remove', path: '/a/0' },
    { op: 'add', path: '/new', value: null },
  ])
  expect(result).toEqual({ a: [2, 3, 4], b: { c: 5 }, new: null })
  expect(target).toEqual(copy)
  expect(jsonPatch(target, [{ op: 'replace', path: '', value: 7 }])).toBe(7)
})

it('refuses what cannot be done', () => {
  for (const operation of [
    { op: 'remove', path: '/nothing' },
    { op: 'replace', path: '/a/b/c', value: 1 },
    { op: 'test', path: '/a', value: 2 },
  ] as const) {
    expect(() => jsonPatch({ a: 1 }, [operation])).toThrow(
      expect.objectContaining({ code: 'FL_KUBE_INVALID' }),
    )
  }
})
