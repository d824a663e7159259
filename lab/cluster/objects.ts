import type { LabelSelector } from '#crds/selector.ts'
import type { KubeObject, ObjectMeta, Resource } from '#kube/api.ts'
import { resources } from '#kube/resources.ts'

/** Resources that only the lab's own controllers write; the product does not know them. */
export const labResources = {
  ...resources,
  pods: { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
  serviceAccounts: {
    group: '',
    version: 'v1',
    plural: 'serviceaccounts',
    kind: 'ServiceAccount',
    namespaced: true,
  },
  replicaSets: { group: 'apps', version: 'v1', plural: 'replicasets', kind: 'ReplicaSet', namespaced: true },
  deployments: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
  customResourceDefinitions: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  },
} as const satisfies Record<string, Resource>

interface ContainerPort {
  readonly name?: string
  readonly containerPort: number
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
}

interface PodSpec {
  readonly nodeName?: string
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly hostNetwork?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly containers: readonly {
    readonly name: string
    readonly image?: string
    readonly ports?: readonly ContainerPort[] | null
  }[]
}

export interface PodCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly lastTransitionTime?: string | null
  readonly reason?: string
}

export interface Pod extends KubeObject {
  metadata: ObjectMeta & { deletionGracePeriodSeconds?: number }
  readonly spec: PodSpec
  readonly status?: {
    readonly phase?: string
    readonly hostIP?: string
    readonly hostIPs?: readonly { readonly ip: string }[]
    readonly podIP?: string
    readonly podIPs?: readonly { readonly ip: string }[]
    readonly conditions?: readonly PodCondition[]
    readonly startTime?: string
    readonly containerStatuses?: readonly unknown[]
  }
}

interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
  }
  readonly spec: PodSpec
}

export interface ReplicaSet extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: LabelSelector
    readonly template: PodTemplate
    readonly minReadySeconds?: number
  }
  readonly status?: {
    readonly replicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly observedGeneration?: number
  }
}

export interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly paused?: boolean
    readonly selector: LabelSelector
    readonly template: PodTemplate
    readonly revisionHistoryLimit?: number
    readonly strategy?: {
      readonly type?: 'RollingUpdate' | 'Recreate'
      readonly rollingUpdate?: {
        readonly maxSurge?: number | string
        readonly maxUnavailable?: number | string
      } | null
    }
  }
  readonly status?: { readonly conditions?: readonly Condition[] }
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly lastTransitionTime?: string
}

export const isPodReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True')

/** Not finished and not being deleted: counts as a replica. */
export const isPodActive = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined && !isPodFinished(pod)

export const isPodFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** The uid of the object that manages this one, '' when there is none. */
export const controllerOf = (meta: ObjectMeta): string =>
  (meta.ownerReferences ?? []).find((owner) => owner.controller)?.uid ?? ''

export const ownedBy = (resource: Resource, owner: KubeObject) => [
  {
    apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  },
]
