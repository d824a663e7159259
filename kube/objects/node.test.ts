import { expect, it } from 'vitest'
import { projectNamespace, projectNode } from './node.ts'

it('reads addresses, CIDRs and conditions', () => {
  const node = projectNode({
    metadata: { name: 'n1', uid: 'u', labels: { a: 'b' } },
    spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24', 'fd00::/64'], unschedulable: true },
    status: {
      addresses: [
        { type: 'Hostname', address: 'n1' },
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'ExternalIP', address: '198.51.100.1' },
        { type: 'InternalIP', address: 'fd00::1' },
      ],
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'NetworkUnavailable', status: 'Unknown' },
      ],
    },
  } as never)
  expect(node).toEqual({
    name: 'n1',
    uid: 'u',
    labels: { a: 'b' },
    internalIPs: ['192.0.2.1', 'fd00::1'],
    externalIPs: ['198.51.100.1'],
    podCIDRs: ['10.0.0.0/24', 'fd00::/64'],
    ready: true,
    networkUnavailable: false,
    unschedulable: true,
    deleting: false,
    taints: [],
  })
})

it('is not ready when it says nothing', () => {
  expect(projectNode({ metadata: { name: 'n' } })).toMatchObject({
    internalIPs: [],
    podCIDRs: [],
    ready: false,
    networkUnavailable: false,
    unschedulable: false,
  })
  expect(
    projectNode({ metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24' } } as never).podCIDRs,
  ).toEqual(['10.0.0.0/24'])
})

it('keeps the labels of a Namespace', () => {
  expect(projectNamespace({ metadata: { name: 'a', labels: { b: 'c' } } })).toEqual({
    name: 'a',
    labels: { b: 'c' },
  })
  expect(projectNamespace({ metadata: { name: 'a' } }).labels).toEqual({})
})
