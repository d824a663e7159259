import { badRequest, notFound, unsupportedMediaType } from '../status.ts'
import { storageKey, inVersion, type Backend } from '../backend.ts'
import { copyJson, isObject } from '../json.ts'
import { timestamp, type ApiObject } from '../object.ts'
import { serverSideApply } from '../patch/apply.ts'
import { jsonPatch } from '../patch/json-patch.ts'
import { mergePatch } from '../patch/merge.ts'
import { strategicMergePatch } from '../patch/strategic.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import { createDecoded } from './create.ts'
import { decodePartial, setDefaults } from './decode.ts'
import type { WriteRequest } from './options.ts'
import { checkPreconditions, read, replace, type Part } from './replace.ts'

/** Media types of patches. */
export const PATCH_TYPES = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const

export type PatchKind = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES]

/** Applies a patch of any kind but `apply` to a value. @throws StatusError 400, 415, 422 */
export function patchValue(type: ResourceType, value: unknown, body: unknown, kind: PatchKind): unknown {
  switch (kind) {
    case 'json':
      return jsonPatch(value, body)
    case 'merge':
      return mergePatch(value, body)
    case 'strategic':
      // As the real server: custom resources have no merge keys.
      if (type.custom) {
        throw unsupportedMediaType(Object.keys(PATCH_TYPES).filter((one) => !one.includes('strategic')))
      }
      return strategicMergePatch(value, body, type.schema)
    case 'apply':
      throw badRequest('an apply is not a patch of a value')
  }
}

/**
 * PATCH: changes an object, or its status.
 * @throws StatusError 400, 404, 409 (the patch carries a stale resourceVersion), 415, 422
 */
export function patch(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  body: unknown,
  kind: PatchKind,
  part: Part,
  request: WriteRequest,
): ApiObject {
  const old = read(backend, type, namespace, name)
  const patched = patchValue(type, old, body, kind)
  if (!isObject(patched)) throw badRequest('the patch does not leave an object')
  const given = decodePartial(type, patched, request)
  checkPreconditions(type, given, old)
  return replace(backend, type, old, given, part, request)
}

/**
 * PATCH with a server-side apply. Creates the object when there is none (not on /status).
 * @returns also whether the object was created
 * @throws StatusError 400, 404, 409 (conflict with other managers), 422
 */
export function apply(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  body: unknown,
  part: Part,
  request: WriteRequest & { force: boolean },
): { object: ApiObject; created: boolean } {
  if (!isObject(body)) throw badRequest('the body of the request is not an object')
  if (body.apiVersion === undefined || body.kind === undefined) {
    throw badRequest('an apply configuration names its apiVersion and kind')
  }
  const configuration = decodePartial(type, body, request)
  if (configuration.metadata.managedFields !== undefined) {
    throw badRequest('metadata.managedFields must be nil')
  }
  const stored = backend.store.get(type.collection, storageKey(namespace, name))
  if (stored === undefined && part === 'status') throw notFound(type, name)
  const live = stored === undefined ? undefined : inVersion(stored, type)
  if (live !== undefined) {
    const { resourceVersion = live.metadata.resourceVersion! } = configuration.metadata
    checkPreconditions(
      type,
      { ...configuration, metadata: { ...configuration.metadata, resourceVersion } },
      live,
    )
  }
  const applied = serverSideApply(
    live,
    configuration,
    type.schema,
    {
      manager: request.fieldManager,
      operation: 'Apply',
      apiVersion: apiVersionOf(type),
      subresource: part,
    },
    { force: request.force, time: timestamp(backend.now()), ignored: ignoredFields(type, part) },
  )
  const object: ApiObject = { ...copyJson(applied.object), apiVersion: apiVersionOf(type), kind: type.kind }
  if (live !== undefined) {
    const replaced = replace(backend, type, live, object, part, request, applied.managedFields)
    return { object: replaced, created: false }
  }
  object.metadata = { ...object.metadata, name }
  if (namespace !== undefined) object.metadata.namespace = namespace
  setDefaults(type, object)
  return { object: createDecoded(backend, type, object, request, applied.managedFields), created: true }
}

/** Fields that an endpoint does not write, and that an apply to it therefore does not own. */
function ignoredFields(type: ResourceType, part: Part): (field: string) => boolean {
  if (part === 'status') {
    return (field) => !['apiVersion', 'kind', 'metadata', 'status'].includes(field)
  }
  return (field) => field === 'status' && type.hasStatus
}
