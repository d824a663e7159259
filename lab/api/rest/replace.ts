import { badRequest, cause, conflict, invalid, notFound, plainError, staleVersion } from '../status.ts'
import { inVersion, storageKey, type Backend } from '../backend.ts'
import { copyJson, equalJson } from '../json.ts'
import { timestamp, type ApiObject, type ManagedFieldsEntry } from '../object.ts'
import { trackUpdate } from '../patch/managed-fields.ts'
import { validateCustom } from '../schema/validate.ts'
import type { ResourceType } from '../types/resource-type.ts'
import { hasGeneration, writerOf } from './create.ts'
import { setDefaults } from './decode.ts'
import { validateMetadata } from './names.ts'
import type { WriteRequest } from './options.ts'

/** Which part of an object a write is about. */
export type Part = '' | 'status'

/**
 * The stored object in the version of the type.
 * @throws StatusError 404
 */
export function read(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
): ApiObject {
  const stored = backend.store.get(type.collection, storageKey(namespace, name))
  if (stored === undefined) throw notFound(type, name)
  return inVersion(stored, type)
}

/** What every replacement must agree with, whatever it changes. @throws StatusError 400, 409, 422 */
export function checkPreconditions(type: ResourceType, given: ApiObject, old: ApiObject): void {
  const { name, namespace, uid, resourceVersion } = given.metadata
  if (name !== undefined && name !== old.metadata.name) {
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${old.metadata.name})`,
    )
  }
  if (namespace !== undefined && namespace !== old.metadata.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(
      type,
      old.metadata.name,
      `StorageError: invalid object, Code: 4, Key: ${keyInEtcd(type, old)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    )
  }
  if (resourceVersion && !/^\d+$/.test(resourceVersion)) {
    throw plainError(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`)
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw staleVersion(type, old.metadata.name)
  }
  if (!resourceVersion && type.conditionalUpdates) {
    // As the real server, which names the resource and not the kind here.
    throw invalid({ ...type, kind: type.plural }, old.metadata.name, [
      cause.invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
    ])
  }
}

const keyInEtcd = ({ group, plural, custom }: ResourceType, { metadata }: ApiObject): string =>
  ['/registry', ...(custom ? [group] : []), plural, storageKey(metadata.namespace, metadata.name)].join('/')

/**
 * The end of every update, patch and apply: keeps what the part may not change, fills in defaults, counts the
 * generation, validates and stores. Nothing is written when nothing changed. An object that is being deleted and
 * has lost its last finalizer goes.
 *
 * @param old the object as read
 * @param given the wanted object; is changed
 * @param managedFields as a server-side apply computed them
 * @throws StatusError 422
 */
export function replace(
  backend: Backend,
  type: ResourceType,
  old: ApiObject,
  given: ApiObject,
  part: Part,
  request: WriteRequest,
  managedFields?: ManagedFieldsEntry[],
): ApiObject {
  const object = keepOtherPart(type, given, old, part)
  keepServerMetadata(object, old)
  setDefaults(type, object)
  const time = timestamp(backend.now())
  const managed = managedFields ?? trackUpdate(old, object, type.schema, writerOf(type, request, part), time)
  if (managed === undefined) delete object.metadata.managedFields
  else object.metadata.managedFields = managed

  if (part === '') type.strategy.prepareUpdate?.(object, old)
  if (part === '' && hasGeneration(type) && isNewGeneration(type, object, old)) {
    object.metadata.generation = (old.metadata.generation ?? 0) + 1
  }
  const causes = validateReplacement(type, object, old, part)
  if (causes.length > 0) throw invalid(type, old.metadata.name, causes)
  if (unchanged(object, old)) return old
  if (part === '') request.warnings.push(...(type.strategy.warnings?.(object) ?? []))
  if (request.dryRun) return object

  const key = storageKey(object.metadata.namespace, object.metadata.name)
  if (isFinished(object, old)) {
    backend.store.remove(type.collection, key)
    return object
  }
  return inVersion(backend.store.put(type.collection, key, object), type)
}

function keepOtherPart(type: ResourceType, given: ApiObject, old: ApiObject, part: Part): ApiObject {
  if (part === 'status') {
    const { status } = given
    // The status of a custom resource is all that /status writes; built-in kinds also take metadata.
    const { status: _replaced, ...object } = copyJson(old)
    if (!type.custom) object.metadata = given.metadata
    else if (given.metadata.managedFields) object.metadata.managedFields = given.metadata.managedFields
    return status === undefined ? object : { ...object, status }
  }
  const object: ApiObject = { ...given }
  if (type.hasStatus) {
    delete object.status
    if (old.status !== undefined) object.status = copyJson(old.status)
  }
  return object
}

function keepServerMetadata(object: ApiObject, old: ApiObject): void {
  const { name, namespace, uid, creationTimestamp, resourceVersion, generation } = old.metadata
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata
  const kept = {
    name,
    namespace,
    uid,
    creationTimestamp,
    resourceVersion,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
  }
  const metadata = { ...object.metadata, ...kept }
  object.metadata = Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== undefined),
  ) as unknown as ApiObject['metadata']
}

function isNewGeneration(type: ResourceType, object: ApiObject, old: ApiObject): boolean {
  if (type.strategy.newGeneration !== undefined) return type.strategy.newGeneration(object, old)
  const content = ({ metadata: _metadata, status: _status, ...rest }: ApiObject) => rest
  return !equalJson(content(object), content(old))
}

function validateReplacement(type: ResourceType, object: ApiObject, old: ApiObject, part: Part) {
  const causes = validateMetadata(object, type.group, type.namespaced)
  const added = (object.metadata.finalizers ?? []).filter((one) => !old.metadata.finalizers?.includes(one))
  if (old.metadata.deletionTimestamp !== undefined && added.length > 0) {
    const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => JSON.stringify(one)).join(', ')}}`
    causes.push(cause.forbidden('metadata.finalizers', why))
  }
  if (type.custom) causes.push(...validateCustom(object, type.schema, old))
  if (part === 'status') causes.push(...(type.strategy.validateStatus?.(object, old) ?? []))
  else causes.push(...(type.strategy.validate?.(object, old) ?? []))
  return causes
}

/** Nothing changed, apart from times in managedFields. */
function unchanged(object: ApiObject, old: ApiObject): boolean {
  const { managedFields: a = [], ...metadata } = object.metadata
  const { managedFields: b = [], ...oldMetadata } = old.metadata
  const timeless = (entries: typeof a) => entries.map(({ time: _time, ...entry }) => entry)
  return (
    equalJson({ ...object, metadata }, { ...old, metadata: oldMetadata }) &&
    equalJson(timeless(a), timeless(b))
  )
}

/** Being deleted, and nobody has anything left to do. */
const isFinished = (object: ApiObject, old: ApiObject): boolean =>
  old.metadata.deletionTimestamp !== undefined &&
  (object.metadata.finalizers ?? []).length === 0 &&
  (old.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
  !(Array.isArray(object.spec?.finalizers) && object.spec.finalizers.length > 0)
