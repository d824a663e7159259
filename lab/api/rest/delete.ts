import { conflict, forbidden, notFound } from '../status.ts'
import { inVersion, storageKey, type Backend } from '../backend.ts'
import { timestamp, type ApiObject } from '../object.ts'
import type { ResourceType } from '../types/resource-type.ts'
import type { DeleteRequest } from './options.ts'

/** Finalizers through which the garbage collector is asked to act before the object goes. */
export const FOREGROUND = 'foregroundDeletion'
export const ORPHAN = 'orphan'

/** The plugin NamespaceLifecycle guards them. */
const FIXED_NAMESPACES = new Set(['default', 'kube-system', 'kube-public'])

export interface Deletion {
  /** the object as it is now, or as it was when it went */
  readonly object: ApiObject
  /** false: it is marked, and waits for its finalizers or its kubelet */
  readonly gone: boolean
}

/**
 * DELETE: removes an object, or marks it when somebody must act first: finalizers, the kubelet of a Pod with a
 * grace period, the clean-up of a namespace.
 * @throws StatusError 404, 409 (preconditions)
 */
export function remove(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  request: DeleteRequest,
): Deletion {
  // As stored, in whatever version: marking an object must not lose fields of its other versions.
  const key = storageKey(namespace, name)
  const old = backend.store.get(type.collection, key)
  if (old === undefined) throw notFound(type, name)
  if (type.collection === 'namespaces' && FIXED_NAMESPACES.has(name)) {
    throw forbidden(type, name, 'this namespace may not be deleted')
  }
  checkDeletePreconditions(type, old, request)
  const grace = type.strategy.gracePeriod?.(old, request.gracePeriodSeconds) ?? 0
  const finalizers = withPropagation(old.metadata.finalizers ?? [], request.propagationPolicy)
  const held = finalizers.length > 0 || holdsSpecFinalizers(old)
  if (!held && grace === 0) {
    if (request.dryRun) return { object: inVersion(old, type), gone: true }
    return { object: inVersion(backend.store.remove(type.collection, key)!, type), gone: true }
  }
  const marked = mark(old, finalizers, grace, backend.now())
  if (marked !== old && !request.dryRun) backend.store.put(type.collection, key, marked)
  return { object: inVersion(marked, type), gone: false }
}

function checkDeletePreconditions(type: ResourceType, old: ApiObject, request: DeleteRequest): void {
  const { uid, resourceVersion } = request.preconditions ?? {}
  const { name } = old.metadata
  // As the real server, which has only the kind at hand where it looks.
  const subject = { ...type, plural: type.kind }
  if (uid !== undefined && uid !== old.metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`
    throw conflict(subject, name, why)
  }
  if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`
    throw conflict(subject, name, why)
  }
}

function withPropagation(
  finalizers: readonly string[],
  policy: DeleteRequest['propagationPolicy'],
): readonly string[] {
  if (policy === undefined) return finalizers
  const others = finalizers.filter((one) => one !== FOREGROUND && one !== ORPHAN)
  if (policy === 'Foreground') return [...others, FOREGROUND]
  return policy === 'Orphan' ? [...others, ORPHAN] : others
}

/** Namespaces keep their finalizer in the spec. */
const holdsSpecFinalizers = (object: ApiObject): boolean =>
  Array.isArray(object.spec?.finalizers) && object.spec.finalizers.length > 0

/** The object with a deletion timestamp; a grace period may only become shorter. */
function mark(old: ApiObject, finalizers: readonly string[], grace: number, now: number): ApiObject {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers: before = [] } = old.metadata
  const first = deletionTimestamp === undefined
  if (!first && deletionGracePeriodSeconds <= grace && before.length === finalizers.length) return old
  const metadata: ApiObject['metadata'] = {
    ...old.metadata,
    ...(first || grace < deletionGracePeriodSeconds
      ? {
          deletionTimestamp: timestamp(now + grace * 1000),
          // The storage of namespaces marks them itself.
          ...(old.kind === 'Namespace' ? {} : { deletionGracePeriodSeconds: grace }),
        }
      : {}),
  }
  if (finalizers.length > 0) metadata.finalizers = [...finalizers]
  else delete metadata.finalizers
  if (first && metadata.generation !== undefined) metadata.generation += 1
  const phase = old.kind === 'Namespace' ? { status: { ...old.status, phase: 'Terminating' } } : {}
  return { ...old, ...phase, metadata }
}
