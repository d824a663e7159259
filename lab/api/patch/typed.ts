import { isObject, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { fieldSchema, isAtomicMap, keepsUnknown, listKind, type Schema } from '../schema/schema.ts'
import { plainError, type StatusError } from '../status.ts'
import { itemElement, joinPath, printPath } from './field-set.ts'

/**
 * Checks that a configuration fits the schema as server-side apply reads it: every field declared, lists and maps
 * where they belong, no key twice. A real server answers 500 where it does not.
 * @throws StatusError 500
 */
export function checkTyped(configuration: ApiObject, schema: Schema): void {
  const { apiVersion, kind, metadata } = configuration
  const slash = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`
  const where = `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${slash}, Kind=${kind}`
  const problem = problemOf(configuration, schema, '')
  if (problem !== undefined) throw typedError(where, problem)
}

const typedError = (where: string, problem: string): StatusError =>
  plainError(`failed to create typed patch object (${where}): ${problem}`)

function problemOf(value: unknown, schema: Schema, path: string): string | undefined {
  if (value === null || value === undefined || keepsUnknown(schema)) return undefined
  if (schema.type === 'array') return problemOfList(value, schema, path)
  if (schema.type === 'object') {
    if (!isObject(value)) return `${printPath(path)}: expected map, got &{${String(value)}}`
    return problemOfMap(value, schema, path)
  }
  return undefined
}

function problemOfMap(value: JsonObject, schema: Schema, path: string): string | undefined {
  // What has no fields of its own, and atomic maps, are taken as they are.
  if (schema.properties === undefined && schema.additionalProperties === undefined) return undefined
  if (isAtomicMap(schema)) return undefined
  for (const [name, field] of Object.entries(value)) {
    const at = joinPath(path, `f:${name}`)
    const of = fieldSchema(schema, name)
    const problem =
      of === undefined ? `${printPath(at)}: field not declared in schema` : problemOf(field, of, at)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOfList(value: unknown, schema: Schema, path: string): string | undefined {
  if (!Array.isArray(value)) return `${printPath(path)}: expected list, got &{${String(value)}}`
  const { items } = schema
  const seen = new Set<string>()
  for (const [index, item] of value.entries()) {
    const element = itemElement(item, schema)
    if (element !== undefined && seen.has(element)) {
      return `${printPath(path)}: duplicate entries for key ${printPath(element)}`
    }
    if (element !== undefined) seen.add(element)
    if (items === undefined || listKind(schema).by === 'set') continue
    const problem = problemOf(item, items, joinPath(path, element ?? `i:${index}`))
    if (problem !== undefined) return problem
  }
  return undefined
}
