import { randomUUID } from 'node:crypto'
import { alreadyExists, badRequest, forbidden, invalid, notFound, plainError } from '../status.ts'
import { storageKey, type Backend } from '../backend.ts'
import { isDeleting, timestamp, type ApiObject, type ManagedFieldsEntry } from '../object.ts'
import { trackUpdate } from '../patch/managed-fields.ts'
import { validateCustom } from '../schema/validate.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import { decodeObject } from './decode.ts'
import { nameSuffix, validateMetadata } from './names.ts'
import type { WriteRequest } from './options.ts'

/**
 * POST: stores a new object.
 * @param namespace of the request's path, undefined for cluster-scoped resources
 * @throws StatusError 400, 403 (namespace is terminating), 404 (no such namespace), 409 AlreadyExists, 422
 */
export function create(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  body: unknown,
  request: WriteRequest,
): ApiObject {
  const object = decodeObject(type, body, request)
  const { metadata } = object
  if (metadata.resourceVersion) {
    throw plainError('resourceVersion should not be set on objects to be created')
  }
  if (type.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      )
    }
    metadata.namespace = namespace!
  }
  if (!metadata.name && metadata.generateName) {
    metadata.name = metadata.generateName.slice(0, 58) + nameSuffix()
  }
  return createDecoded(backend, type, object, request)
}

/**
 * The part of a create that does not depend on how the object came: also for server-side apply.
 * @param managedFields as the apply computed them; otherwise everything in the object is the request's
 */
export function createDecoded(
  backend: Backend,
  type: ResourceType,
  object: ApiObject,
  request: WriteRequest,
  managedFields?: ManagedFieldsEntry[],
): ApiObject {
  const { metadata } = object
  checkNamespace(backend, type, metadata.namespace, metadata.name ?? '')
  const key = storageKey(metadata.namespace, metadata.name ?? '')
  const present = backend.store.get(type.collection, key)
  if (present !== undefined) throw alreadyExists(type, metadata.name, isDeleting(present))

  const time = timestamp(backend.now())
  if (type.hasStatus && !keepsStatusOnCreate(type)) delete object.status
  const managed = managedFields ?? trackUpdate(undefined, object, type.schema, writerOf(type, request), time)
  object.metadata = {
    ...metadata,
    uid: randomUUID(),
    creationTimestamp: time,
    ...(managed === undefined ? {} : { managedFields: managed }),
  }
  if (managed === undefined) delete object.metadata.managedFields
  delete object.metadata.deletionTimestamp
  delete object.metadata.deletionGracePeriodSeconds
  // Kinds that count none leave alone what the client says.
  if (hasGeneration(type)) object.metadata.generation = 1

  type.strategy.prepareCreate?.(object)
  const causes = [
    ...validateMetadata(object, type.group, type.namespaced),
    ...(type.custom ? validateCustom(object, type.schema) : []),
    ...(type.strategy.validate?.(object, undefined) ?? []),
  ]
  if (causes.length > 0) throw invalid(type, metadata.name ?? '', causes)
  request.warnings.push(...(type.strategy.warnings?.(object) ?? []))
  if (request.dryRun) return object
  return backend.store.put(type.collection, key, object)
}

/** Nodes are created by their kubelet together with their status. */
const keepsStatusOnCreate = (type: ResourceType): boolean => type.group === '' && type.kind === 'Node'

/** Kinds that count generations: custom resources and those whose strategy says when. */
export const hasGeneration = (type: ResourceType): boolean =>
  type.custom || type.strategy.newGeneration !== undefined

export const writerOf = (type: ResourceType, request: WriteRequest, subresource = '') => ({
  manager: request.fieldManager,
  operation: 'Update' as const,
  apiVersion: apiVersionOf(type),
  subresource,
})

/** Nothing is created in a namespace that does not exist or is going away. */
function checkNamespace(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
): void {
  if (!type.namespaced) return
  const found = backend.store.get('namespaces', namespace ?? '')
  if (found === undefined) {
    throw notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace ?? '')
  }
  if (found.metadata.deletionTimestamp !== undefined) {
    throw forbidden(
      type,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    )
  }
}
