import { builtinSchema } from '../openapi/definitions.ts'
import { copyJson, isObject, type JsonObject } from '../json.ts'
import { decodeBuiltin } from './decode.ts'
import { fieldSchema, keepsUnknown, type Schema } from './schema.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/**
 * A custom resource without the fields that its structural schema does not specify. `apiVersion`, `kind` and
 * `metadata` are those of every object.
 *
 * @param unknown paths of dropped fields are appended
 * @throws StatusError 400 when metadata has a value of the wrong type
 */
export function pruneCustom(object: JsonObject, schema: Schema, unknown: string[]): JsonObject {
  return pruneResource(object, schema, '', unknown)
}

function pruneResource(object: JsonObject, schema: Schema, path: string, unknown: string[]): JsonObject {
  const { apiVersion, kind, metadata, ...rest } = object
  const inner: string[] = []
  const result: JsonObject = {}
  if (apiVersion !== undefined) result.apiVersion = apiVersion
  if (kind !== undefined) result.kind = kind
  if (isObject(metadata)) result.metadata = decodeBuiltin(metadata, builtinSchema(META), inner)
  const prefix = path === '' ? '' : `${path}.`
  unknown.push(...inner.map((field) => `${prefix}metadata.${field}`))
  return Object.assign(result, pruneObject(rest, schema, path, unknown))
}

function pruneObject(value: JsonObject, schema: Schema, path: string, unknown: string[]): JsonObject {
  const result: JsonObject = {}
  for (const name of Object.keys(value)) {
    const at = path === '' ? name : `${path}.${name}`
    const of = fieldSchema(schema, name)
    if (of !== undefined) result[name] = pruneValue(value[name], of, at, unknown)
    else if (keepsUnknown(schema)) result[name] = copyJson(value[name])
    else unknown.push(at)
  }
  return result
}

function pruneValue(value: unknown, schema: Schema, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined
      ? copyJson(value)
      : value.map((item, i) => pruneValue(item, items, `${path}[${i}]`, unknown))
  }
  if (!isObject(value)) return value
  return schema['x-kubernetes-embedded-resource'] === true
    ? pruneResource(value, schema, path, unknown)
    : pruneObject(value, schema, path, unknown)
}
