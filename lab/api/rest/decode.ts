import { badRequest, cause, invalid, type StatusError } from '../status.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { applyDefaults } from '../schema/defaults.ts'
import { decodeBuiltin } from '../schema/decode.ts'
import { pruneCustom } from '../schema/prune.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import type { WriteRequest } from './options.ts'

/**
 * Reads an object of a type from a request body: checks apiVersion and kind, drops unknown fields (or refuses
 * them, as the request asks), fills in defaults. The result shares nothing with the body.
 * @throws StatusError 400
 */
export function decodeObject(type: ResourceType, body: unknown, request: WriteRequest): ApiObject {
  const object = decodePartial(type, body, request)
  setDefaults(type, object)
  return object
}

/** As `decodeObject`, without defaults: for the configuration of a server-side apply. */
export function decodePartial(type: ResourceType, body: unknown, request: WriteRequest): ApiObject {
  // As Go reads it, a null is an object with nothing in it.
  const named = checkKind(type, body === null ? {} : body)
  const unknown: string[] = []
  const prefix = `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: `
  let object: JsonObject
  try {
    object = type.custom
      ? pruneCustom(named, type.schema, unknown)
      : decodeBuiltin(named, type.schema, unknown)
  } catch (error) {
    throw badRequest(prefix + (error as Error).message)
  }
  if (unknown.length > 0) {
    const texts = unknown.map((field) => `unknown field ${JSON.stringify(field)}`)
    if (request.fieldValidation === 'Strict') {
      throw badRequest(`${prefix}strict decoding error: ${texts.join(', ')}`)
    }
    if (request.fieldValidation === 'Warn') request.warnings.push(...texts)
  }
  object.metadata ??= {}
  const { metadata } = object as ApiObject & { metadata: { selfLink?: string } }
  delete metadata.selfLink
  return object as ApiObject
}

/** Static defaults, from the schema of a custom resource or the strategy of a built-in kind. */
export function setDefaults(type: ResourceType, object: ApiObject): void {
  if (type.custom) applyDefaults(object, type.schema)
  type.strategy.defaults?.(object)
}

/** Custom resources have no type to fall back on; Kubernetes says so with the body. */
function untyped({ kind }: ResourceType, body: JsonObject): StatusError {
  const text = JSON.stringify(body)
  const missing = body.kind === undefined ? 'Kind' : 'apiVersion'
  const begin = text.length > 30 ? `${text.slice(0, 30)} ...` : text
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): Object '${missing}' is missing in '${text}' (${begin})`,
  )
}

function checkKind(type: ResourceType, body: unknown): JsonObject {
  if (!isObject(body)) throw badRequest('the body of the request is not an object')
  const apiVersion = apiVersionOf(type)
  if (type.custom && (body.kind === undefined || body.apiVersion === undefined)) throw untyped(type, body)
  if (body.apiVersion !== undefined && body.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(body.apiVersion)}) does not match the expected API version (${apiVersion})`,
    )
  }
  if (type.custom && body.kind !== type.kind) {
    const kind = String(body.kind)
    const { name = '' } = (body.metadata ?? {}) as { name?: string }
    throw invalid({ group: type.group, plural: '', kind }, name, [
      cause.invalid('kind', kind, `must be ${type.kind}`),
    ])
  }
  if (body.kind !== undefined && body.kind !== type.kind) {
    throw badRequest(
      `the kind in the data (${String(body.kind)}) does not match the expected kind (${type.kind})`,
    )
  }
  return { ...body, apiVersion, kind: type.kind }
}
