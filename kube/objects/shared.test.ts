import { expect, test } from 'vitest'
import { projectEndpointSlice } from './endpoint-slice.ts'
import { projectNextService, projectService } from './service.ts'
import { keepEqual, listOf, recordOf, sharedList, sharedRecord, sharedText } from './shared.ts'

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

test('records of one entry are one record, however many there are', () => {
  expect(sharedRecord({ pool: 'a' })).toBe(sharedRecord({ pool: 'a' }))
  expect(sharedRecord({})).toBe(recordOf({}))
  const two = { a: '1', b: '2' }
  expect(sharedRecord(two)).toBe(two)
  for (let n = 0; n < 2000; n++) expect(sharedRecord({ [`key-${n}`]: 'x' })).toEqual({ [`key-${n}`]: 'x' })
})

test('what is the same is what it was', () => {
  const list = [{ a: 1 }, { b: [2] }]
  expect(keepEqual(structuredClone(list), list)).toBe(list)
  const others: unknown[] = [
    [],
    {},
    [{ a: 1 }],
    [{ a: 1 }, { b: [2], c: 3 }],
    [{ a: 1 }, { c: [2] }],
    null,
    'x',
  ]
  for (const other of others) {
    expect(keepEqual(other, list as unknown)).toBe(other)
    expect(keepEqual(list as unknown, other)).toBe(list)
  }
  const empty: unknown = []
  expect(keepEqual<unknown>({}, empty)).not.toBe(empty)
  expect(keepEqual<unknown>(empty, {})).toBe(empty)
})

test('the next version of a Service shares its parts with the one before', () => {
  const raw = (resourceVersion: string, externalIPs: string[]) => ({
    metadata: { name: 'web', resourceVersion, labels: { app: 'web', tier: 'front' } },
    spec: { clusterIPs: ['10.0.0.1'], externalIPs },
  })
  const first = projectService(raw('1', ['192.0.2.1']))
  const second = projectNextService(raw('2', ['192.0.2.2']), first)
  expect(second).toEqual(projectService(raw('2', ['192.0.2.2'])))
  expect([second.labels, second.clusterIPs]).toEqual([first.labels, first.clusterIPs])
  expect(second.labels).toBe(first.labels)
  expect(second.clusterIPs).toBe(first.clusterIPs)
})

test('Services with the same port and no port of nodes share their list of ports', () => {
  const ports = (nodePort: number, name: string) =>
    projectService({ metadata: { name }, spec: { ports: [{ port: 80, nodePort }] } } as never).ports
  expect(ports(0, 'a')).toBe(ports(0, 'b'))
  expect(ports(30_001, 'a')).toEqual([{ name: '', protocol: 'TCP', port: 80, nodePort: 30_001 }])
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
