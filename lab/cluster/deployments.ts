import { isDeepStrictEqual } from 'node:util'
import { parseKey, type KubeApi } from '#kube/api.ts'
import type { Reflector } from '#kube/reflector.ts'
import type { Outcome, WorkQueue } from '#kube/work-queue.ts'
import { controllerQueue, DONE, ignoreMissing } from './controller-loop.ts'
import { controllerOf, labResources, ownedBy, type Deployment, type ReplicaSet } from './objects.ts'
import { deploymentStatus } from './deployment-status.ts'
import { rolloutStep, type Generation } from './rollout.ts'
import { suffix } from './slices.ts'

const HASH_LABEL = 'pod-template-hash'
const REVISION = 'deployment.kubernetes.io/revision'
const DEFAULT_HISTORY = 10

/** Turns each Deployment into ReplicaSets, one for each pod template it ever had, and rolls from one to the next. */
export class Deployments {
  readonly #api: KubeApi
  readonly #deployments: Reflector<Deployment>
  readonly #sets: Reflector<ReplicaSet>
  readonly #queue: WorkQueue

  constructor(api: KubeApi, deployments: Reflector<Deployment>, sets: Reflector<ReplicaSet>) {
    this.#api = api
    this.#deployments = deployments
    this.#sets = sets
    this.#queue = controllerQueue('deployments', (key) => this.#reconcile(key))
  }

  start(): void {
    this.#deployments.onChange((change) => this.#queue.add(change.key))
    this.#sets.onChange(({ current, previous }) => {
      const set = current ?? previous
      const owner = set?.metadata.ownerReferences?.find((one) => one.controller && one.kind === 'Deployment')
      if (owner !== undefined) this.#queue.add(`${set?.metadata.namespace}/${owner.name}`)
    })
    this.#queue.start()
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace = '' } = parseKey(key)
    const deployment = this.#deployments.store.get(key)
    // What is being deleted is the garbage collector's.
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return DONE
    const all = (await this.#api.list(labResources.replicaSets, { namespace })).items as ReplicaSet[]
    const own = all.filter((set) => controllerOf(set.metadata) === deployment.metadata.uid)
    const hash = suffix(canonical(deployment.spec.template), 10)
    const current = own.find((set) => set.metadata.labels?.[HASH_LABEL] === hash)
    if (current === undefined && !deployment.spec.paused) {
      await this.#api.create(labResources.replicaSets, replicaSetFor(deployment, hash, nextRevision(own)))
      return { kind: 'after', ms: 0 }
    }
    if (current !== undefined) await this.#keepRevision(deployment, current, own)
    await this.#scale(deployment, own, current)
    await this.#writeStatus(deployment, own, current)
    return DONE
  }

  async #scale(
    deployment: Deployment,
    own: readonly ReplicaSet[],
    current: ReplicaSet | undefined,
  ): Promise<void> {
    const generations = own.map((set) => generationOf(set, set === current))
    const step = rolloutStep(deployment.spec, generations)
    for (const set of own) {
      const replicas = step.get(set.metadata.name) ?? 0
      if (replicas !== (set.spec.replicas ?? 1)) await this.#patchSet(set, { spec: { replicas } })
    }
    const empty = own
      .filter((set) => set !== current && (set.spec.replicas ?? 1) === 0 && (set.status?.replicas ?? 0) === 0)
      .sort((a, b) => revisionOf(b) - revisionOf(a))
    const kept = deployment.spec.revisionHistoryLimit ?? DEFAULT_HISTORY
    for (const set of empty.slice(kept)) await this.#deleteSet(set)
  }

  /** A roll-back makes an old ReplicaSet current again: it becomes the newest revision. */
  async #keepRevision(
    deployment: Deployment,
    current: ReplicaSet,
    own: readonly ReplicaSet[],
  ): Promise<void> {
    const newest = Math.max(...own.map(revisionOf))
    const revision = revisionOf(current) === newest ? newest : newest + 1
    const annotations = { [REVISION]: String(revision) }
    if (revisionOf(current) !== revision) await this.#patchSet(current, { metadata: { annotations } })
    if (deployment.metadata.annotations?.[REVISION] === String(revision)) return
    const { namespace = '', name } = deployment.metadata
    await ignoreMissing(
      this.#api.patch(
        labResources.deployments,
        { namespace, name },
        { metadata: { annotations } },
        { type: 'merge' },
      ),
    )
  }

  async #writeStatus(
    deployment: Deployment,
    own: readonly ReplicaSet[],
    current: ReplicaSet | undefined,
  ): Promise<void> {
    const status = deploymentStatus(
      deployment,
      own,
      current,
      new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    )
    const present: Record<string, unknown> = { ...deployment.status }
    if (Object.entries(status).every(([field, value]) => isDeepStrictEqual(present[field], value))) return
    const { namespace = '', name } = deployment.metadata
    const options = { type: 'merge', subresource: 'status' } as const
    await ignoreMissing(this.#api.patch(labResources.deployments, { namespace, name }, { status }, options))
  }

  #patchSet(set: ReplicaSet, body: unknown): Promise<void> {
    const { namespace = '', name } = set.metadata
    return ignoreMissing(
      this.#api.patch(labResources.replicaSets, { namespace, name }, body, { type: 'merge' }),
    )
  }

  #deleteSet(set: ReplicaSet): Promise<void> {
    const { namespace = '', name } = set.metadata
    return ignoreMissing(this.#api.delete(labResources.replicaSets, { namespace, name }))
  }
}

const generationOf = (set: ReplicaSet, current: boolean): Generation => ({
  name: set.metadata.name,
  current,
  wanted: set.spec.replicas ?? 1,
  available: set.status?.availableReplicas ?? 0,
  existing: set.status?.replicas ?? 0,
})

const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[REVISION] ?? 0)
const nextRevision = (sets: readonly ReplicaSet[]): number => Math.max(0, ...sets.map(revisionOf)) + 1

/** Made without pods; the next step of the rollout scales it. */
function replicaSetFor(deployment: Deployment, hash: string, revision: number): ReplicaSet {
  const { template, selector } = deployment.spec
  const { name, namespace } = deployment.metadata
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: { [REVISION]: String(revision) },
      ownerReferences: ownedBy(labResources.deployments, deployment),
    },
    spec: {
      replicas: 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

/** The same text for the same template, whatever order its fields were written in. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
    .join(',')}}`
}
