import { expect, test } from 'vitest'
import type { EndpointSlice, SliceEndpoint } from '#kube/objects/endpoint-slice.ts'
import { summarizeEndpoints } from './endpoints.ts'
import { endpoint as endpointOn } from './test-world.ts'

const endpoint = (address: string, nodeName: string, more: Partial<SliceEndpoint> = {}): SliceEndpoint =>
  endpointOn(nodeName, address, more)

const slice = (...endpoints: SliceEndpoint[]): EndpointSlice => ({
  namespace: 'default',
  name: 'web-1',
  service: 'web',
  labels: {},
  addressType: 'IPv4',
  ports: [],
  endpoints,
})

test('what is ready or still serves counts, each pod once', () => {
  const { total, byNode } = summarizeEndpoints([
    slice(
      endpoint('10.0.0.1', 'a'),
      endpoint('10.0.0.2', 'b', { ready: false, terminating: true }),
      endpoint('10.0.0.3', 'b', { ready: false, serving: false }),
    ),
    slice(endpoint('10.0.0.1', 'a'), endpoint('10.0.0.4', '')),
  ])
  expect(total).toBe(3)
  expect([...byNode]).toEqual([
    ['a', 1],
    ['b', 1],
  ])
})

test('Services whose endpoints are alike share a summary, and no others', () => {
  const of = (...endpoints: SliceEndpoint[]) => summarizeEndpoints([slice(...endpoints)])
  const first = of(endpoint('10.0.0.1', 'a'))
  expect(of(endpoint('10.0.0.9', 'a'))).toBe(first)
  for (const other of [
    of(),
    of(endpoint('10.0.0.1', 'b')),
    of(endpoint('10.0.0.1', '')),
    of(endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', 'a')),
    of(endpoint('10.0.0.1', 'a'), endpoint('10.0.0.2', '')),
  ])
    expect(other).not.toEqual(first)
})
