import { describe, expect, it } from 'vitest'
import { metadataFields, parseFieldSelector } from './field-selector.ts'
import { parseLabelSelector } from './label-selector.ts'

describe('label selector', () => {
  it.each([
    ['', {}, true],
    ['a=1', { a: '1' }, true],
    ['a==1', { a: '1' }, true],
    ['a=1', { a: '2' }, false],
    ['a!=1', {}, true],
    ['a!=1', { a: '1' }, false],
    ['a', { a: '' }, true],
    ['!a', {}, true],
    ['!a', { a: '' }, false],
    ['a=', { a: '' }, true],
    ['a in (1, 2)', { a: '2' }, true],
    ['a in (1,2),b notin (3)', { a: '1' }, true],
    ['a notin (1,2)', { a: '1' }, false],
    ['x.io/a-b_c=1,d=2', { 'x.io/a-b_c': '1', d: '2' }, true],
    ['n>3', { n: '4' }, true],
    ['n<3', { n: '4' }, false],
  ])('%s on %j is %s', (text, labels, expected) => {
    expect(parseLabelSelector(text)(labels)).toBe(expected)
  })

  it.each(['a in 1', '=1', 'a b', 'a in (1', ',a'])('refuses %s', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ code: 400 }))
  })
})

describe('field selector', () => {
  const object = { apiVersion: 'v1', kind: 'X', metadata: { name: 'n', namespace: 's' } }

  it.each([
    ['metadata.name=n', true],
    ['metadata.name!=n', false],
    ['metadata.name==n,metadata.namespace=s', true],
    ['metadata.namespace=other', false],
  ])('%s is %s', (text, expected) => {
    expect(parseFieldSelector(text, metadataFields)(object)).toBe(expected)
  })

  it('refuses fields that the resource does not offer', () => {
    expect(() => parseFieldSelector('spec.x=1', metadataFields)).toThrow('field label not supported: spec.x')
  })
})
