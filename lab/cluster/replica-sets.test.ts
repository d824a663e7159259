import { describe, expect, it } from 'vitest'
import type { Pod } from './objects.ts'
import { surplus } from './replica-sets.ts'

const pod = (name: string, nodeName: string, ready = true): Pod => ({
  metadata: { name, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [], nodeName },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})

const names = (pods: readonly Pod[]) => pods.map((one) => one.metadata.name)

describe('surplus', () => {
  it('takes pods without a node, then those that are not ready, then those on crowded nodes', () => {
    const pods = [
      pod('a', 'node1'),
      pod('b', 'node2'),
      pod('c', 'node2'),
      pod('d', 'node1', false),
      pod('e', ''),
    ]
    expect(names(surplus(pods, 3))).toEqual(['e', 'd', 'b'])
  })

  it('keeps the rest spread', () => {
    const pods = [
      pod('a', 'node1'),
      pod('b', 'node1'),
      pod('c', 'node2'),
      pod('d', 'node2'),
      pod('e', 'node3'),
    ]
    const gone = new Set(names(surplus(pods, 2)))
    expect(
      pods
        .filter((one) => !gone.has(one.metadata.name))
        .map((one) => one.spec.nodeName)
        .sort(),
    ).toEqual(['node1', 'node2', 'node3'])
  })

  it('takes nothing when there are not too many', () => {
    expect(surplus([pod('a', 'node1')], 0)).toEqual([])
    expect(surplus([pod('a', 'node1')], -2)).toEqual([])
  })
})
