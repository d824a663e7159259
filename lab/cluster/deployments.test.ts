import { describe, expect, it } from 'vitest'
import { deploymentStatus } from './deployment-status.ts'
import { canonical } from './deployments.ts'
import type { Deployment, ReplicaSet } from './objects.ts'

const template = { spec: { containers: [] } }

const deployment: Deployment = {
  metadata: { name: 'web', generation: 3 },
  spec: { replicas: 2, selector: {}, template },
}

const set = (name: string, replicas: number, ready: number): ReplicaSet => ({
  metadata: { name },
  spec: { replicas, selector: {}, template },
  status: { replicas, readyReplicas: ready, availableReplicas: ready },
})

describe('canonical', () => {
  it('is the same text whatever the order of fields, and another for another value', () => {
    expect(canonical({ a: [1, { c: 'x', b: null }], d: undefined })).toBe('{"a":[1,{"b":null,"c":"x"}]}')
    expect(canonical({ b: 1, a: 2 })).toBe(canonical({ a: 2, b: 1 }))
    expect(canonical([1, 2])).not.toBe(canonical([2, 1]))
  })
})

describe('deploymentStatus', () => {
  const now = '2026-01-01T00:00:00Z'

  it('counts all generations, and the current one as updated', () => {
    const current = set('new', 1, 1)
    expect(deploymentStatus(deployment, [set('old', 2, 1), current], current, now)).toMatchObject({
      observedGeneration: 3,
      replicas: 3,
      updatedReplicas: 1,
      readyReplicas: 2,
      availableReplicas: 2,
      unavailableReplicas: 0,
      conditions: [
        { type: 'Available', status: 'True' },
        { type: 'Progressing', reason: 'ReplicaSetUpdated' },
      ],
    })
  })

  it('is complete when all pods are of the current template, and not available with too few', () => {
    const done = set('new', 2, 2)
    const [, progressing] = deploymentStatus(deployment, [done], done, now).conditions
    expect(progressing.reason).toBe('NewReplicaSetAvailable')
    const half = set('new', 2, 1)
    expect(deploymentStatus(deployment, [half], half, now).conditions[0]).toMatchObject({ status: 'False' })
  })

  it('keeps the transition time of conditions that stay', () => {
    const done = set('new', 2, 2)
    const { conditions } = deploymentStatus(deployment, [done], done, now)
    const later = deploymentStatus(
      { ...deployment, status: { conditions } },
      [done],
      done,
      '2026-01-02T00:00:00Z',
    )
    expect(later.conditions[0].lastTransitionTime).toBe(now)
  })
})
