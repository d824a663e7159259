import { badRequest } from '../status.ts'
import { isObject, type JsonObject } from '../json.ts'
import { fieldSchema, isStructField, keepsUnknown, type Schema } from './schema.ts'
import { readTime, timeKind, timeProblem } from './times.ts'

/**
 * Reads an object of a built-in type as Go's JSON decoder and encoder do between them: fields of the wrong type
 * are an error, unknown fields are dropped and named, nulls and empty optional values disappear.
 *
 * @param unknown paths of dropped fields are appended
 * @throws StatusError 400 for a value of the wrong type
 */
export function decodeBuiltin(value: JsonObject, schema: Schema, unknown: string[]): JsonObject {
  return decodeObject(value, schema, '', unknown)
}

function decodeObject(value: JsonObject, schema: Schema, path: string, unknown: string[]): JsonObject {
  const result: JsonObject = {}
  for (const name of Object.keys(value)) {
    const at = path === '' ? name : `${path}.${name}`
    const of = fieldSchema(schema, name)
    if (of === undefined) {
      unknown.push(at)
      continue
    }
    const field = decodeValue(value[name], of, at, unknown)
    const optional = isStructField(schema, name) && !schema.required?.includes(name)
    if (field === undefined || (optional && isEmpty(field, of))) continue
    result[name] = field
  }
  return result
}

/** What Go does not write (`omitempty`): empty lists and maps, zero scalars that are not pointers. */
function isEmpty(value: unknown, schema: Schema): boolean {
  if (keepsUnknown(schema)) return false
  if (Array.isArray(value)) return value.length === 0
  if (isObject(value)) {
    return typeof schema.additionalProperties === 'object' && Object.keys(value).length === 0
  }
  return (value === '' || value === 0 || value === false) && schema.pointer !== true
}

function decodeValue(value: unknown, schema: Schema, path: string, unknown: string[]): unknown {
  if (value === null || value === undefined) return undefined
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value === 'string' || Number.isInteger(value)) return value
    throw wrongType(value, path, 'intstr.IntOrString')
  }
  if (keepsUnknown(schema)) return value
  switch (schema.type) {
    case 'string':
      if (typeof value === 'number' && schema.format === 'quantity') return String(value)
      if (typeof value !== 'string') throw wrongType(value, path, 'string')
      return decodeText(value, schema)
    case 'integer':
      if (!Number.isInteger(value)) throw wrongType(value, path, schema.format ?? 'int64')
      return value
    case 'number':
      if (typeof value !== 'number') throw wrongType(value, path, 'float64')
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(value, path, 'bool')
      return value
    case 'array': {
      if (!Array.isArray(value)) throw wrongType(value, path, '[]')
      const { items = {} } = schema
      return value
        .map((item, i) => decodeValue(item, items, `${path}[${i}]`, unknown))
        .filter((item) => item !== undefined)
    }
    case 'object':
      if (!isObject(value)) throw wrongType(value, path, 'object')
      // An object without fields of its own (JSON, RawExtension) is kept as it is.
      if (schema.properties === undefined && schema.additionalProperties === undefined) return value
      return decodeObject(value, schema, path, unknown)
    default:
      return value
  }
}

/** Times are rewritten as Go writes them; bytes must be base64. @throws StatusError 400 */
function decodeText(text: string, schema: Schema): string {
  const kind = timeKind(schema.definition)
  if (kind !== undefined) {
    const time = readTime(text, kind)
    if (time === undefined) throw badRequest(timeProblem(text, kind))
    return time
  }
  if (schema.format === 'byte') {
    const wrong = text.search(/[^A-Za-z0-9+/=\r\n]/)
    if (wrong >= 0) throw badRequest(`illegal base64 data at input byte ${wrong}`)
  }
  return text
}

function wrongType(value: unknown, path: string, type: string) {
  const given = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return badRequest(`json: cannot unmarshal ${given} into Go struct field ${path} of type ${type}`)
}
