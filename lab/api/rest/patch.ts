import { badRequest, cause, invalid, notFound, StatusError, unsupportedMediaType } from '../status.ts'
import { storageKey, inVersion, type Backend } from '../backend.ts'
import { copyJson, isObject } from '../json.ts'
import { timestamp, type ApiObject } from '../object.ts'
import { serverSideApply } from '../patch/apply.ts'
import { jsonPatch } from '../patch/json-patch.ts'
import { mergePatch } from '../patch/merge.ts'
import { strategicMergePatch } from '../patch/strategic.ts'
import { checkTyped } from '../patch/typed.ts'
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
      requireObject(body)
      return mergePatch(value, body)
    case 'strategic':
      requireObject(body)
      // As the real server: custom resources have no merge keys.
      if (type.custom) {
        throw unsupportedMediaType(Object.keys(PATCH_TYPES).filter((one) => !one.includes('strategic')))
      }
      return strategicMergePatch(value, body, type.schema)
    case 'apply':
      throw badRequest('an apply is not a patch of a value')
  }
}

function requireObject(body: unknown): void {
  if (isObject(body)) return
  const given = Array.isArray(body) ? 'array' : typeof body
  throw badRequest(
    `error decoding patch: json: cannot unmarshal ${given} into Go value of type map[string]interface {}`,
  )
}

/** What a built-in kind cannot be read from after a patch counts as a wrong value of the patch. */
function decodePatched(type: ResourceType, patched: unknown, request: WriteRequest): ApiObject {
  try {
    return decodePartial(type, patched, request)
  } catch (error) {
    if (type.custom || !(error instanceof StatusError)) throw error
    const why = error.message.replace(/^.* cannot be handled as a \w+: /, '')
    throw invalid({ group: '', plural: '', kind: '' }, '', [
      cause.invalid('patch', JSON.stringify(patched), why),
    ])
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
  const given = decodePatched(type, patched, request)
  const fixed = (['uid', 'deletionTimestamp'] as const).filter((field) => {
    const value = given.metadata[field]
    return value !== undefined && value !== old.metadata[field]
  })
  if (fixed.length > 0) {
    const causes = fixed.map((field) =>
      cause.invalid(`metadata.${field}`, given.metadata[field], 'field is immutable'),
    )
    throw invalid(type, name, causes)
  }
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
  const { apiVersion = '', kind = '', metadata } = body
  if (apiVersion !== apiVersionOf(type) || kind !== type.kind) {
    const group = String(apiVersion).includes('/') ? String(apiVersion) : `/${String(apiVersion)}`
    throw badRequest(`invalid object type: ${group}, Kind=${String(kind)}`)
  }
  if (isObject(metadata) && metadata.name !== undefined && metadata.name !== name) {
    const given = String(metadata.name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  }
  if (isObject(metadata) && metadata.managedFields !== undefined) {
    throw badRequest('metadata.managedFields must be nil')
  }
  checkTyped(body as ApiObject, type.schema)
  const configuration = decodePartial(type, body, request)
  const stored = backend.store.get(type.collection, storageKey(namespace, name))
  if (stored === undefined && part === 'status') throw notFound(type, name)
  const live = stored === undefined ? undefined : inVersion(stored, type)
  const { uid } = configuration.metadata
  if (live !== undefined && uid !== undefined && uid !== live.metadata.uid) {
    throw invalid(type, name, [cause.invalid('metadata.uid', uid, 'field is immutable')])
  }
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
  delete object.metadata.resourceVersion
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
