import { describe, expect, it } from 'vitest'
import type { KubeObject } from './api.ts'
import { ReflectorStore, type Change } from './reflector-store.ts'

const object = (resourceVersion: string, name = 'a'): KubeObject => ({ metadata: { name, resourceVersion } })

describe.each([
  ['with their versions', ({ metadata: { resourceVersion } }: KubeObject) => ({ resourceVersion, ok: true })],
  ['without their versions', () => ({ ok: true })],
  ['with something else under that name', () => ({ resourceVersion: 'x', ok: true })],
])('values %s', (_what, project: (one: KubeObject) => object) => {
  it('tell a version once, whether it comes alone or with all others', () => {
    const store = new ReflectorStore<object>(project, () => undefined)
    const told: Change<object>[] = []
    store.subscribe((change) => told.push(change))
    for (const version of ['1', '1', '2', '2']) store.put(object(version))
    const replacement = store.replacement()
    for (const one of [object('2'), object('3', 'b')]) replacement.add(one)
    replacement.publish()
    store.put(object('3', 'b'))
    store.remove('b')
    store.put(object('3', 'b'))
    expect(
      told.map(({ key, previous, current }) => [key, previous !== undefined, current !== undefined]),
    ).toEqual([
      ['a', false, true],
      ['a', true, true],
      ['b', false, true],
      ['b', true, false],
      ['b', false, true],
    ])
  })
})

it('shows what was kept to the projection of the next version, and keeps that when it fails', () => {
  const errors: unknown[] = []
  const seen: (string | undefined)[] = []
  const project = ({ metadata: { resourceVersion = '' } }: KubeObject, previous: string | undefined) => {
    seen.push(previous)
    if (resourceVersion === '2') throw new Error('no')
    return resourceVersion
  }
  const store = new ReflectorStore<string>(project, (error) => errors.push(error))
  for (const version of ['1', '2', '3']) store.put(object(version))
  expect([seen, errors.length, store.values.get('a')]).toEqual([[undefined, '1', '1'], 1, '3'])
})
