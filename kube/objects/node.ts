import type { KubeObject } from '../api.ts'

export interface Node {
  readonly name: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  /** InternalIP addresses in the order of the Node object: the first of a family is the primary */
  readonly internalIPs: readonly string[]
  readonly externalIPs: readonly string[]
  readonly podCIDRs: readonly string[]
  readonly ready: boolean
  /** condition NetworkUnavailable is True */
  readonly networkUnavailable: boolean
  readonly unschedulable: boolean
  /** it is being deleted */
  readonly deleting: boolean
  /** keys of its taints */
  readonly taints: readonly string[]
}

/** A Node may not be used by external load balancers when this label is present, whatever its value. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers'

/** A Node with this label, whatever its value, gives its service addresses away and takes none: `fairlead drain`. */
export const DRAIN_LABEL = 'fairlead.io/drain'

interface RawNode extends KubeObject {
  spec?: { podCIDR?: string; podCIDRs?: string[]; unschedulable?: boolean; taints?: { key: string }[] }
  status?: {
    addresses?: { type: string; address: string }[]
    conditions?: { type: string; status: string }[]
  }
}

export function projectNode(object: KubeObject): Node {
  const { metadata, spec = {}, status = {} } = object as RawNode
  const condition = (type: string) => status.conditions?.find((one) => one.type === type)?.status === 'True'
  const addresses = (type: string) =>
    (status.addresses ?? []).filter((one) => one.type === type).map((one) => one.address)
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    labels: metadata.labels ?? {},
    internalIPs: addresses('InternalIP'),
    externalIPs: addresses('ExternalIP'),
    podCIDRs: spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []),
    ready: condition('Ready'),
    networkUnavailable: condition('NetworkUnavailable'),
    unschedulable: spec.unschedulable ?? false,
    deleting: metadata.deletionTimestamp !== undefined,
    taints: (spec.taints ?? []).map(({ key }) => key),
  }
}

export interface Namespace {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export const projectNamespace = (object: KubeObject): Namespace => ({
  name: object.metadata.name,
  labels: object.metadata.labels ?? {},
})
