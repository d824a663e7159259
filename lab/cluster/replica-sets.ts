import { parseKey, type KubeApi, type KubeObject } from '#kube/api.ts'
import type { Reflector } from '#kube/reflector.ts'
import type { Outcome, WorkQueue } from '#kube/work-queue.ts'
import { controllerQueue, DONE, ignoreMissing } from './controller-loop.ts'
import {
  controllerOf,
  isPodActive,
  isPodReady,
  labResources,
  ownedBy,
  type Pod,
  type ReplicaSet,
} from './objects.ts'
import { suffix } from './slices.ts'

/** Keeps as many pods as each ReplicaSet wants. */
export class ReplicaSets {
  readonly #api: KubeApi
  readonly #sets: Reflector<ReplicaSet>
  readonly #pods: Reflector<Pod>
  readonly #queue: WorkQueue

  constructor(api: KubeApi, sets: Reflector<ReplicaSet>, pods: Reflector<Pod>) {
    this.#api = api
    this.#sets = sets
    this.#pods = pods
    this.#queue = controllerQueue('replicasets', (key) => this.#reconcile(key))
  }

  start(): void {
    this.#sets.onChange((change) => {
      this.#queue.add(change.key)
    })
    this.#pods.onChange(({ current, previous }) => {
      for (const pod of [current, previous]) {
        const owner = pod?.metadata.ownerReferences?.find(
          (one) => one.controller && one.kind === 'ReplicaSet',
        )
        if (owner !== undefined) this.#queue.add(`${pod?.metadata.namespace}/${owner.name}`)
      }
    })
    this.#queue.start()
  }

  async #reconcile(key: string): Promise<Outcome> {
    const set = this.#sets.store.get(key)
    // What is being deleted is the garbage collector's.
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return DONE
    const { namespace = '' } = parseKey(key)
    // Asked of the API server, not of the copy, which may not show yet what was created a moment ago.
    const pods = (await this.#api.list(labResources.pods, { namespace })).items as Pod[]
    const own = pods.filter((pod) => controllerOf(pod.metadata) === set.metadata.uid)
    const active = own.filter(isPodActive)
    const missing = (set.spec.replicas ?? 1) - active.length
    if (missing > 0) await Promise.all(Array.from({ length: missing }, () => this.#create(set)))
    for (const pod of surplus(active, -missing)) await this.#delete(pod)
    await this.#writeStatus(set, active)
    return DONE
  }

  #create(set: ReplicaSet): Promise<KubeObject> {
    const { template } = set.spec
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${set.metadata.name}-${suffix(crypto.randomUUID())}`,
        ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
        labels: { ...template.metadata?.labels },
        annotations: { ...template.metadata?.annotations },
        ownerReferences: ownedBy(labResources.replicaSets, set),
      },
      spec: template.spec,
    }
    return this.#api.create(labResources.pods, pod)
  }

  #delete(pod: Pod): Promise<void> {
    const { namespace = '', name } = pod.metadata
    return ignoreMissing(this.#api.delete(labResources.pods, { namespace, name }))
  }

  async #writeStatus(set: ReplicaSet, active: readonly Pod[]): Promise<void> {
    const ready = active.filter(isPodReady).length
    const status = {
      replicas: active.length,
      fullyLabeledReplicas: active.length,
      readyReplicas: ready,
      availableReplicas: ready,
      observedGeneration: set.metadata.generation ?? 0,
    }
    const present: Record<string, unknown> = { ...set.status }
    if (Object.entries(status).every(([name, value]) => present[name] === value)) return
    const { namespace = '', name } = set.metadata
    const options = { type: 'merge', subresource: 'status' } as const
    await ignoreMissing(this.#api.patch(labResources.replicaSets, { namespace, name }, { status }, options))
  }
}

/**
 * Which pods go when there are too many: those without a node, then those that are not ready, then those on nodes
 * with the most pods of the set, then the youngest.
 */
export function surplus(active: readonly Pod[], count: number): Pod[] {
  if (count <= 0) return []
  const left = [...active]
  return Array.from({ length: Math.min(count, left.length) }, () => {
    const crowd = new Map<string, number>()
    for (const pod of left) crowd.set(nodeOf(pod), (crowd.get(nodeOf(pod)) ?? 0) + 1)
    left.sort((a, b) => rank(a) - rank(b) || crowdOf(crowd, b) - crowdOf(crowd, a) || youngest(a, b))
    return left.shift()
  }).filter((pod) => pod !== undefined)
}

const nodeOf = (pod: Pod): string => pod.spec.nodeName ?? ''
const rank = (pod: Pod): number => (nodeOf(pod) === '' ? 0 : isPodReady(pod) ? 2 : 1)
const crowdOf = (crowd: ReadonlyMap<string, number>, pod: Pod): number => crowd.get(nodeOf(pod)) ?? 0

const youngest = (a: Pod, b: Pod): number =>
  (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name)
