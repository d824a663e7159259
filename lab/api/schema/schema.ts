import { isObject, canonicalJson, type JsonObject } from '../json.ts'

/** An OpenAPI v3 schema with the Kubernetes extensions, for built-in types and custom resources alike. */
export interface Schema {
  /** name of the definition that this is a copy of; only built-in types have one */
  definition?: string
  /** a scalar of a built-in type whose zero value means something */
  pointer?: boolean
  description?: string
  type?: string
  format?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  required?: string[]
  enum?: unknown[]
  default?: unknown
  nullable?: boolean
  minimum?: number
  maximum?: number
  exclusiveMinimum?: boolean
  exclusiveMaximum?: boolean
  multipleOf?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  minProperties?: number
  maxProperties?: number
  allOf?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  not?: Schema
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-map-type'?: 'granular' | 'atomic'
  'x-kubernetes-patch-merge-key'?: string
  'x-kubernetes-patch-strategy'?: string
  'x-kubernetes-validations'?: { rule: string; message?: string }[]
}

/** The schema of a field, undefined when the schema does not know it. */
export function fieldSchema(schema: Schema | undefined, field: string): Schema | undefined {
  const known = schema?.properties?.[field]
  if (known !== undefined) return known
  const others = schema?.additionalProperties
  return typeof others === 'object' ? others : undefined
}

/** Does the schema name this field, as opposed to a key of a map? */
export const isStructField = (schema: Schema | undefined, field: string): boolean =>
  schema?.properties?.[field] !== undefined

/** Must unknown fields below this schema be kept? */
export const keepsUnknown = (schema: Schema): boolean =>
  schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true

/** How server-side apply merges a list: as a whole, as a set of values, or as a map of items by key fields. */
export type ListKind =
  { readonly by: 'atomic' } | { readonly by: 'set' } | { readonly by: 'map'; readonly keys: string[] }

export function listKind(schema: Schema | undefined): ListKind {
  const type = schema?.['x-kubernetes-list-type']
  if (type === 'set') return { by: 'set' }
  if (type === 'map') return { by: 'map', keys: schema?.['x-kubernetes-list-map-keys'] ?? [] }
  return { by: 'atomic' }
}

/** Is an object merged as a whole by server-side apply? */
export const isAtomicMap = (schema: Schema | undefined): boolean =>
  schema?.['x-kubernetes-map-type'] === 'atomic'

/**
 * The identity of an item in a list that is a map: its key fields with their defaults, as canonical JSON.
 * @returns undefined when a key field without a default is absent
 */
export function itemKey(
  item: unknown,
  keys: readonly string[],
  items: Schema | undefined,
): string | undefined {
  if (!isObject(item)) return undefined
  const key: JsonObject = {}
  for (const name of keys) {
    // Protocol is the one key field of built-in types with a default; the schema of the list does not tell it.
    const value =
      item[name] ?? items?.properties?.[name]?.default ?? (name === 'protocol' ? 'TCP' : undefined)
    if (value === undefined) return undefined
    key[name] = value
  }
  return canonicalJson(key)
}
