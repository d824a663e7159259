import { readFileSync } from 'node:fs'
import { isObject, type JsonObject } from '../json.ts'
import type { Schema } from '../schema/schema.ts'

const REFERENCE = '#/components/schemas/'

/** The definitions of the built-in types as `/openapi/v3` publishes them: references are not resolved. */
export const definitions: Readonly<Record<string, JsonObject>> = load('definitions.json')

/** Scalar fields that are pointers in Go: only there are '', 0 and false other than absent. */
const pointers: Readonly<Record<string, readonly string[]>> = load('pointers.json')

function load(file: string) {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** The name of the definition of a built-in kind, undefined when there is none. */
export function definitionOfKind(apiVersion: string, kind: string): string | undefined {
  if (kind === 'DeleteOptions') return `${META}DeleteOptions`
  return Object.keys(definitions).find((name) => {
    const kinds = definitions[name]!['x-kubernetes-group-version-kind']
    return (
      Array.isArray(kinds) &&
      kinds.some(
        (one) => one.kind === kind && (one.group ? `${one.group}/` : '') + one.version === apiVersion,
      )
    )
  })
}

/** Types that OpenAPI cannot say as the server treats them. */
const SPECIAL: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { 'x-kubernetes-int-or-string': true },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity' },
  [`${META}FieldsV1`]: anyValue(),
  'io.k8s.apimachinery.pkg.runtime.RawExtension': anyValue(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': anyValue(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': anyValue(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': anyValue(),
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': anyValue(),
}

function anyValue(): Schema {
  return { 'x-kubernetes-preserve-unknown-fields': true, 'x-kubernetes-map-type': 'atomic' }
}

const resolved = new Map<string, Schema>()

/**
 * A built-in type with its references replaced by the schemas they name; recursive types are cyclic objects.
 * @param name such as `io.k8s.api.core.v1.Service`
 */
export function builtinSchema(name: string): Schema {
  const done = resolved.get(name)
  if (done !== undefined) return done
  const raw = definitions[name]
  if (raw === undefined) throw new Error(`no definition ${name}`)
  const schema: Schema = { definition: name }
  // Registered before its fields are looked at: a type may contain itself.
  resolved.set(name, schema)
  Object.assign(schema, SPECIAL[name] ?? resolveIn(raw))
  for (const field of pointers[name] ?? []) schema.properties![field]!.pointer = true
  return schema
}

function resolveIn(raw: JsonObject): Schema {
  const { $ref, ...rest } = raw
  if (typeof $ref === 'string') return resolveReference($ref.slice(REFERENCE.length), rest)
  const schema: JsonObject = { ...rest }
  if (isObject(raw.properties)) {
    schema.properties = Object.fromEntries(
      Object.entries(raw.properties).map(([field, of]) => [field, resolveIn(of as JsonObject)]),
    )
  }
  if (isObject(raw.items)) schema.items = resolveIn(raw.items)
  if (isObject(raw.additionalProperties)) schema.additionalProperties = resolveIn(raw.additionalProperties)
  return schema as Schema
}

/** A reference with siblings (`x-kubernetes-patch-strategy`) is a copy; its fields are read when they are asked for. */
function resolveReference(name: string, siblings: JsonObject): Schema {
  const target = builtinSchema(name)
  const extensions = Object.entries(siblings).filter(([field]) => field.startsWith('x-'))
  return extensions.length === 0 ? target : Object.setPrototypeOf(Object.fromEntries(extensions), target)
}
