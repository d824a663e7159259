import type { Deployment, ReplicaSet } from './objects.ts'
import { rolloutBounds } from './rollout.ts'

/**
 * What `kubectl rollout status` and `kubectl wait --for=condition=Available` read.
 *
 * @param now RFC 3339; conditions that stay as they are keep their transition time
 */
export function deploymentStatus(
  deployment: Deployment,
  own: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  now: string,
) {
  const wanted = deployment.spec.replicas ?? 1
  const total = (read: (status: NonNullable<ReplicaSet['status']>) => number | undefined): number =>
    own.reduce((sum, set) => sum + (set.status === undefined ? 0 : (read(set.status) ?? 0)), 0)
  const replicas = total((status) => status.replicas)
  const available = total((status) => status.availableReplicas)
  const updated = current?.status?.replicas ?? 0
  const enough = available >= wanted - rolloutBounds(deployment.spec, wanted).unavailable
  const complete = updated === wanted && available === wanted && replicas === wanted
  const condition = (type: string, good: boolean, reason: string) => {
    const status = good ? 'True' : 'False'
    const old = deployment.status?.conditions?.find((one) => one.type === type)
    const since = old?.status === status ? (old.lastTransitionTime ?? now) : now
    return { type, status, reason, lastUpdateTime: since, lastTransitionTime: since }
  }
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: updated,
    readyReplicas: total((status) => status.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted - available),
    conditions: [
      condition('Available', enough, enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable'),
      condition('Progressing', true, complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated'),
    ],
  }
}
