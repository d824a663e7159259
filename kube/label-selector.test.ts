import { expect, it } from 'vitest'
import { matcher, parseLabelSelector } from './label-selector.ts'

const object = (labels: Record<string, string>, name = 'x') => ({
  metadata: { name, namespace: 'n', labels },
})

const match = (selector: string) => matcher('', selector)(object({}, 'web'))

it.each([
  ['', { a: '1' }, true],
  ['a=1', { a: '1' }, true],
  ['a==1', { a: '2' }, false],
  ['a=', { a: '' }, true],
  ['a!=1', {}, true],
  ['a!=1', { a: '1' }, false],
  ['a', { a: '' }, true],
  ['!a', { a: '' }, false],
  ['!a', {}, true],
  ['a in (1, 2),b', { a: '2', b: '' }, true],
  ['a in (1,2),b', { a: '2' }, false],
  ['a notin (1,2)', { a: '3' }, true],
  ['k8s.io/a.b-c=x, d!=y', { 'k8s.io/a.b-c': 'x' }, true],
] as const)('%s on %o is %s', (text, labels, expected) => {
  expect(matcher(text)(object(labels))).toBe(expected)
})

it('refuses what it cannot read', () => {
  for (const text of ['a b', 'a in 1', '=b', 'a,,b']) {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ code: 'FL_KUBE_BAD_REQUEST' }))
  }
})

it('compares fields by path', () => {
  expect(match('metadata.name=web,metadata.namespace=n')).toBe(true)
  expect(match('metadata.name!=web')).toBe(false)
  expect(match('spec.nodeName=a')).toBe(false)
  expect(match('spec.nodeName=')).toBe(true)
})
