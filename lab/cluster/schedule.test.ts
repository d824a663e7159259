import { describe, expect, it } from 'vitest'
import type { Node } from '#kube/objects/node.ts'
import type { Pod } from './objects.ts'
import { chooseNode } from './schedule.ts'

const node = (name: string, over: Partial<Node> = {}): Node => ({
  name,
  uid: name,
  labels: { 'kubernetes.io/hostname': name },
  internalIPs: [],
  podCIDRs: [],
  ready: true,
  networkUnavailable: false,
  unschedulable: false,
  deleting: false,
  externalIPs: [],
  taints: [],
  ...over,
})

const pod = (name: string, nodeName?: string, owner = 'set'): Pod => ({
  metadata: {
    name,
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true },
    ],
  },
  spec: { containers: [], ...(nodeName === undefined ? {} : { nodeName }) },
})

describe('chooseNode', () => {
  const nodes = [node('node10'), node('node2'), node('node1')]

  it('takes nodes in their natural order and spreads the pods of one owner', () => {
    const placed: Pod[] = []
    for (const name of ['a', 'b', 'c', 'd']) placed.push(pod(name, chooseNode(pod(name), nodes, placed)))
    expect(placed.map((one) => one.spec.nodeName)).toEqual(['node1', 'node2', 'node10', 'node1'])
  })

  it('prefers a node without siblings to an empty-handed count of others', () => {
    const placed = [
      pod('a', 'node1'),
      pod('x', 'node2', 'other'),
      pod('y', 'node2', 'other'),
      pod('b', 'node10'),
    ]
    expect(chooseNode(pod('c'), nodes, placed)).toBe('node2')
  })

  it('does not count siblings that are ending', () => {
    const ending = pod('a', 'node1')
    ending.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    const placed = [ending, pod('b', 'node2'), pod('c', 'node10')]
    expect(chooseNode(pod('d'), nodes, placed)).toBe('node1')
  })

  it('passes over nodes that are not ready, cordoned or not selected', () => {
    const some = [node('node1', { ready: false }), node('node2', { unschedulable: true }), node('node3')]
    expect(chooseNode(pod('a'), some, [])).toBe('node3')
    const picky: Pod = { ...pod('a'), spec: { containers: [], nodeSelector: { disk: 'ssd' } } }
    expect(chooseNode(picky, some, [])).toBeUndefined()
    expect(chooseNode(picky, [...some, node('node4', { labels: { disk: 'ssd' } })], [])).toBe('node4')
  })
})
