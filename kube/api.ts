/**
 * The port to a Kubernetes API server: what every other room may ask of it. `KubeClient` (client.ts) is the real
 * one; tests give their own. Objects are plain JSON as the server sent them.
 */

/** A resource type, addressed as discovery names it. */
export interface Resource {
  /** '' for the core group */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
}

export interface ObjectMeta {
  name: string
  namespace?: string
  generateName?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
  managedFields?: unknown[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** Any object; rooms narrow it with a type of their own that extends this one. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

export interface ObjectKey {
  /** absent for cluster-scoped resources */
  readonly namespace?: string
  readonly name: string
}

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListPage {
  readonly items: KubeObject[]
  readonly resourceVersion: string
  /** token of the next page; absent on the last */
  readonly continue?: string
}

export interface WatchOptions extends ListOptions {
  /** absent together with `sendInitialEvents` */
  readonly resourceVersion?: string
  /** WatchList (KEP-3157): the current objects first, then a bookmark annotated `k8s.io/initial-events-end` */
  readonly sendInitialEvents?: boolean
  /** the server ends the watch after this many seconds */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  /** for ERROR a metav1.Status */
  readonly object: KubeObject & { code?: number; reason?: string; message?: string }
}

export type PatchType = 'merge' | 'json' | 'apply'

export interface PatchOptions {
  readonly type: PatchType
  readonly subresource?: 'status'
  /** required for 'apply' */
  readonly fieldManager?: string
  /** 'apply' only: take fields over from other managers */
  readonly force?: boolean
}

export interface WriteOptions {
  readonly subresource?: 'status'
  readonly fieldManager?: string
  /** the caller does not look at the object that comes back: it may be the one that was given */
  readonly unread?: boolean
}

/**
 * Every method rejects with a KubeError (errors.ts) whose code says what happened: FL_KUBE_NOT_FOUND,
 * FL_KUBE_CONFLICT, FL_KUBE_GONE, FL_KUBE_INVALID, FL_KUBE_FORBIDDEN, FL_KUBE_UNREACHABLE, FL_KUBE_SERVER …
 */
export interface KubeApi {
  get(resource: Resource, key: ObjectKey): Promise<KubeObject>
  list(resource: Resource, options: ListOptions & { limit?: number; continue?: string }): Promise<ListPage>
  /** Ends when the server ends the stream; throws on transport errors and on lines that are not JSON. */
  watch(resource: Resource, options: WatchOptions): AsyncIterable<WatchEvent>
  create(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject>
  /** Full replace; the resourceVersion in the object guards against lost updates (409). */
  update(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<KubeObject>
  patch(resource: Resource, key: ObjectKey, body: unknown, options: PatchOptions): Promise<KubeObject>
  delete(resource: Resource, key: ObjectKey): Promise<void>
}

/** `namespace/name`, or `name` for cluster-scoped objects. The key of every store and queue. */
export const keyOf = (meta: { namespace?: string; name: string }): string =>
  meta.namespace ? `${meta.namespace}/${meta.name}` : meta.name

/** The inverse of `keyOf`. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
