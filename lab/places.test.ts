import { describe, expect, it } from 'vitest'
import { nodeHosts } from './network/addressing.ts'
import { findPlace } from './places.ts'

describe('findPlace', () => {
  const pods = { networkNamespace: (key: string) => (key === 'default/web' ? 'default.web.2' : undefined) }
  const find = (place: string) => findPlace(place, nodeHosts(2, [4]), pods, '/kubeconfig').networkNamespace

  it.each([
    ['client', 'client'],
    ['router', 'router'],
    ['node/node2', 'node2'],
    ['pod/default/web', 'default.web.2'],
  ])('%s is the namespace %s', (place, namespace) => expect(find(place)).toBe(namespace))

  it.each([
    '',
    'node',
    'node/',
    'node/node3',
    'node/node1/x',
    'pod/default',
    'pod/default/db',
    'switch',
    '../etc',
  ])('refuses %j', (place) =>
    expect(() => find(place)).toThrow(expect.objectContaining({ code: 'FL_LAB_PLACE' })),
  )
})
