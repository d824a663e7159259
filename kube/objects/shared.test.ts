import { expect, test } from 'vitest'
import { projectEndpointSlice } from './endpoint-slice.ts'
import { projectService } from './service.ts'
import { listOf, recordOf, sharedList, sharedText } from './shared.ts'

test('what is empty is the same for all, and cannot be changed', () => {
  expect(listOf([])).toBe(listOf(undefined))
  expect(listOf(null)).toBe(listOf([]))
  expect(Object.isFrozen(listOf([]))).toBe(true)
  expect(recordOf({})).toBe(recordOf(undefined))
  expect(Object.isFrozen(recordOf({}))).toBe(true)
})

test('what is not empty stays as it is', () => {
  const list = [1]
  const record = { a: 'b' }
  expect(listOf(list)).toBe(list)
  expect(recordOf(record)).toBe(record)
})

test('texts are the same, however many there are', () => {
  for (let n = 0; n < 20_000; n++) expect(sharedText(`node-${n}`)).toBe(`node-${n}`)
})

test('short lists of the same words are one list', () => {
  expect(sharedList(['IPv4', 'IPv6'])).toBe(sharedList(['IPv4', 'IPv6']))
  expect(sharedList(['IPv6', 'IPv4'])).toEqual(['IPv6', 'IPv4'])
  expect(sharedList(undefined)).toBe(listOf([]))
  const long = ['a', 'b', 'c', 'd', 'e']
  expect(sharedList(long)).toBe(long)
  for (let n = 0; n < 20_000; n++) expect(sharedList([`word-${n}`])).toEqual([`word-${n}`])
})

test('two Services and two slices share their empty parts', () => {
  const [a, b] = ['a', 'b'].map((name) => projectService({ metadata: { name } }))
  expect(a.externalIPs).toBe(b.externalIPs)
  expect(a.annotations).toBe(b.annotations)
  const endpoints = [{ addresses: ['10.0.0.1'] }]
  const [c, d] = ['c', 'd'].map((name) => projectEndpointSlice({ metadata: { name }, endpoints } as never))
  expect(c.labels).toBe(d.labels)
  expect(c.endpoints[0].zoneHints).toBe(d.endpoints[0].nodeHints)
})

test('of the labels of a slice those are kept that say who serves it', () => {
  const labels = {
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'somebody',
    'service.kubernetes.io/headless': '',
  }
  const slice = projectEndpointSlice({ metadata: { name: 'web-1', labels } })
  expect(slice).toMatchObject({ service: 'web', labels: { 'service.kubernetes.io/headless': '' } })
  expect(Object.keys(slice.labels)).toHaveLength(1)
})
