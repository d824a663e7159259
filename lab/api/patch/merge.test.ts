import { describe, expect, it } from 'vitest'
import { copyJson } from '../json.ts'
import { builtinSchema } from '../openapi/definitions.ts'
import { jsonPatch } from './json-patch.ts'
import { mergePatch } from './merge.ts'
import { strategicMergePatch } from './strategic.ts'

describe('merge patch, RFC 7396 appendix A', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected)
  })
})

describe('JSON patch, RFC 6902', () => {
  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/b' }], { a: 1 }],
    [{ a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    [{ a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
    [{ a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
    [
      { 'a/b': 1, '~': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'remove', path: '/~0' },
      ],
      {},
    ],
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 1 }], { a: 1 }],
    [{ a: 1 }, [{ op: 'replace', path: '', value: [] }], []],
  ])('%j with %j is %j', (document, patch, expected) => {
    const before = copyJson(document)
    expect(jsonPatch(document, patch)).toEqual(expected)
    expect(document).toEqual(before)
  })

  it.each([
    [[{ op: 'test', path: '/a', value: 2 }], 422],
    [[{ op: 'remove', path: '/none' }], 422],
    [[{ op: 'replace', path: '/none', value: 1 }], 422],
    [[{ op: 'add', path: '/b/c', value: 1 }], 422],
    [[{ op: 'add', path: '/l/9', value: 1 }], 422],
    [[{ op: 'add', path: '/l/01', value: 1 }], 422],
    [[{ op: 'jump', path: '/a' }], 422],
    [[{ op: 'add', path: 'a', value: 1 }], 400],
    [{}, 400],
  ])('refuses %j', (patch, code) => {
    expect(() => jsonPatch({ a: 1, l: [1] }, patch)).toThrow(expect.objectContaining({ code }))
  })
})

describe('strategic merge patch', () => {
  const POD = builtinSchema('io.k8s.api.core.v1.Pod')
  const merge = (target: unknown, patch: unknown) => strategicMergePatch(target, patch, POD)
  const containers = (...list: unknown[]) => ({ spec: { containers: list } })

  it('merges lists by their key, in the order of the patch', () => {
    const target = containers({ name: 'a', image: '1', ports: [{ containerPort: 80, name: 'x' }] })
    const patch = containers(
      { name: 'a', image: '2', ports: [{ containerPort: 81 }, { containerPort: 80, hostPort: 8 }] },
      { name: 'b', image: '3' },
    )
    expect(merge(target, patch)).toEqual(
      containers(
        {
          name: 'a',
          image: '2',
          ports: [{ containerPort: 81 }, { containerPort: 80, name: 'x', hostPort: 8 }],
        },
        { name: 'b', image: '3' },
      ),
    )
  })

  it('deletes and replaces items, and orders them as asked', () => {
    const target = containers({ name: 'a' }, { name: 'b' }, { name: 'c' })
    expect(merge(target, containers({ name: 'b', $patch: 'delete' }))).toEqual(
      containers({ name: 'a' }, { name: 'c' }),
    )
    expect(merge(target, containers({ $patch: 'replace' }, { name: 'z' }))).toEqual(containers({ name: 'z' }))
    const ordered = {
      spec: {
        $setElementOrder: 'is no list here',
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'd' }, { name: 'a' }],
        containers: [{ name: 'd' }, { name: 'b', $patch: 'delete' }],
      },
    }
    const { spec } = merge(target, ordered) as { spec: { containers: { name: string }[] } }
    expect(spec.containers.map(({ name }) => name)).toEqual(['c', 'd', 'a'])
  })

  it('merges lists of scalars as sets where the type says so, and replaces them elsewhere', () => {
    const target = {
      metadata: { finalizers: ['a', 'b'] },
      spec: { containers: [{ name: 'a', args: ['1'] }] },
    }
    expect(merge(target, { metadata: { finalizers: ['c'] } })).toMatchObject({
      metadata: { finalizers: ['c', 'a', 'b'] },
    })
    expect(merge(target, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toMatchObject({
      metadata: { finalizers: ['b'] },
    })
    expect(merge(target, containers({ name: 'a', args: ['2'] }))).toMatchObject(
      containers({ name: 'a', args: ['2'] }),
    )
  })

  it('keeps only the named fields with $retainKeys', () => {
    const target = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } }
    const patch = {
      spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }] },
    }
    expect(merge(target, patch)).toEqual({ spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } })
  })

  it('removes fields by null and refuses items without their key', () => {
    expect(merge({ spec: { nodeName: 'n', hostname: 'h' } }, { spec: { nodeName: null } })).toEqual({
      spec: { hostname: 'h' },
    })
    expect(() => merge(containers({ name: 'a' }), containers({ image: 'x' }))).toThrow(
      'declared merge key: name',
    )
  })

  it('never changes its arguments', () => {
    const target = containers({ name: 'a', ports: [{ containerPort: 1 }] })
    const before = copyJson(target)
    merge(target, containers({ name: 'a', ports: [{ containerPort: 2 }] }))
    expect(target).toEqual(before)
  })
})
