import { expect, it } from 'vitest'
import { requestPath, typed } from './request-path.ts'
import { resources } from './resources.ts'

it('addresses collections, objects and subresources of both API roots', () => {
  const key = { namespace: 'a', name: 'b' }
  expect(requestPath(resources.services, {})).toBe('/api/v1/services')
  expect(requestPath(resources.services, { namespace: 'a' })).toBe('/api/v1/namespaces/a/services')
  expect(requestPath(resources.services, key, {}, 'status')).toBe('/api/v1/namespaces/a/services/b/status')
  expect(requestPath(resources.nodes, { name: 'n1' })).toBe('/api/v1/nodes/n1')
  expect(requestPath(resources.nodes, { namespace: 'ignored', name: 'n1' })).toBe('/api/v1/nodes/n1')
  expect(requestPath(resources.bgpPeers, key)).toBe('/apis/metallb.io/v1beta2/namespaces/a/bgppeers/b')
})

it('encodes the query and leaves out what is undefined', () => {
  const query = { labelSelector: 'a=b,c in (d)', fieldManager: undefined, watch: true, limit: 5 }
  expect(requestPath(resources.nodes, {}, query)).toBe(
    '/api/v1/nodes?labelSelector=a%3Db%2Cc+in+%28d%29&watch=true&limit=5',
  )
  expect(requestPath(resources.nodes, { name: '../x' })).toBe('/api/v1/nodes/..%2Fx')
})

it('fills in apiVersion and kind, and keeps those given', () => {
  expect(typed(resources.services, { metadata: { name: 'a' } })).toMatchObject({
    apiVersion: 'v1',
    kind: 'Service',
  })
  expect(typed(resources.leases, { kind: 'Other' })).toEqual({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Other',
  })
})
