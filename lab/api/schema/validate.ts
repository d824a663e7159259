import { cause, type Cause } from '../status.ts'
import { canonicalJson, equalJson, isObject, type JsonObject } from '../json.ts'
import { validateFormat } from './formats.ts'
import { fieldSchema, itemKey, listKind, type Schema } from './schema.ts'
import { validateRules } from './rules.ts'

/**
 * Checks a custom resource against its structural schema.
 * @param old the object before an update, for transition rules
 */
export function validateCustom(object: JsonObject, schema: Schema, old?: JsonObject): Cause[] {
  const causes: Cause[] = []
  const { metadata: _metadata, ...rest } = schema.properties ?? {}
  validateValue(object, { ...schema, properties: rest }, '', causes)
  if (!causes.some(({ reason }) => BLOCKING.has(reason))) validateRules(object, old, schema, '', causes)
  else if (hasRules(schema)) causes.push(cause.invalid('<nil>', null, NOT_CHECKED))
  return causes
}

/** With these the API server does not begin to evaluate rules. */
const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'

const withRules = new WeakMap<Schema, boolean>()

/** Are there CEL rules anywhere in the schema? */
function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema)
  if (known !== undefined) return known
  withRules.set(schema, false)
  const { properties = {}, items, additionalProperties } = schema
  const inner = [...Object.values(properties), items, additionalProperties]
  const found =
    (schema['x-kubernetes-validations'] ?? []).length > 0 ||
    inner.some((one) => typeof one === 'object' && hasRules(one))
  withRules.set(schema, found)
  return found
}

function validateValue(value: unknown, schema: Schema, path: string, causes: Cause[]): void {
  if (value === null) {
    if (schema.nullable === true || schema.type === undefined) return
    causes.push(wrongType('null', schema, path))
    return
  }
  if (!hasType(value, schema)) {
    causes.push(wrongType(typeName(value), schema, path))
    return
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => equalJson(one, value))) {
    causes.push(cause.unsupported(path, value, schema.enum))
  }
  if (typeof value === 'number') validateNumber(value, schema, path, causes)
  else if (typeof value === 'string') validateString(value, schema, path, causes)
  else if (Array.isArray(value)) validateList(value, schema, path, causes)
  else if (isObject(value)) validateObject(value, schema, path, causes)
  validateCombinations(value, schema, path, causes)
}

const typeName = (value: unknown): string => {
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function hasType(value: unknown, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isInteger(value)
  }
  const name = typeName(value)
  return schema.type === undefined || schema.type === name || (schema.type === 'number' && name === 'integer')
}

const wrongType = (given: string, schema: Schema, path: string): Cause => {
  const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer or string' : schema.type
  return cause.wrongType(path, given, `${path} in body must be of type ${wanted}: ${JSON.stringify(given)}`)
}

function validateNumber(value: number, schema: Schema, path: string, causes: Cause[]): void {
  const fail = (why: string) => causes.push(cause.invalid(path, value, `${path} in body should be ${why}`))
  const { minimum, maximum, multipleOf } = schema
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    fail(schema.exclusiveMinimum === true ? `greater than ${minimum}` : `greater than or equal to ${minimum}`)
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    fail(schema.exclusiveMaximum === true ? `less than ${maximum}` : `less than or equal to ${maximum}`)
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) fail(`a multiple of ${multipleOf}`)
  if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31)) fail('of type int32')
}

function validateString(value: string, schema: Schema, path: string, causes: Cause[]): void {
  const length = [...value].length
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    causes.push(cause.tooLong(path, schema.maxLength))
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(
      cause.invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`),
    )
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    causes.push(cause.invalid(path, value, `${path} in body should match '${schema.pattern}'`))
  }
  if (schema.format !== undefined && !validateFormat(schema.format, value)) {
    causes.push(
      cause.invalid(
        path,
        value,
        `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`,
      ),
    )
  }
}

function validateList(value: unknown[], schema: Schema, path: string, causes: Cause[]): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    causes.push(cause.tooMany(path, value.length, schema.maxItems))
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(
      cause.invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`),
    )
  }
  const { items } = schema
  if (items !== undefined) {
    value.forEach((item, i) => validateValue(item, items, `${path}[${i}]`, causes))
  }
  const seen = new Set<string>()
  const kind = listKind(schema)
  if (kind.by === 'atomic' && schema.uniqueItems !== true) return
  value.forEach((item, i) => {
    const key = kind.by === 'map' ? itemKey(item, kind.keys, items) : canonicalJson(item)
    if (key === undefined) return
    if (seen.has(key)) causes.push(cause.duplicate(`${path}[${i}]`, JSON.parse(key)))
    seen.add(key)
  })
}

function validateObject(value: JsonObject, schema: Schema, path: string, causes: Cause[]): void {
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) causes.push(cause.required(at(name)))
  }
  const count = Object.keys(value).length
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    causes.push(cause.tooMany(path, count, schema.maxProperties))
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    causes.push(
      cause.invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`),
    )
  }
  for (const [name, field] of Object.entries(value)) {
    const of = fieldSchema(schema, name)
    if (of !== undefined) validateValue(field, of, at(name), causes)
  }
}

function validateCombinations(value: unknown, schema: Schema, path: string, causes: Cause[]): void {
  for (const one of schema.allOf ?? []) validateValue(value, one, path, causes)
  const passes = (one: Schema) => {
    const inner: Cause[] = []
    validateValue(value, one, path, inner)
    return inner.length === 0
  }
  const fail = (why: string) =>
    causes.push(cause.invalid(path, typeof value === 'object' ? typeName(value) : value, why))
  if (schema.anyOf !== undefined && !schema.anyOf.some(passes)) {
    fail(`${path} in body must validate at least one schema (anyOf)`)
  }
  if (schema.oneOf !== undefined && schema.oneOf.filter(passes).length !== 1) {
    fail(`${path} in body must validate one and only one schema (oneOf)`)
  }
  if (schema.not !== undefined && passes(schema.not)) {
    fail(`${path} in body must not validate the schema (not)`)
  }
}
