import { createHash } from 'node:crypto'
import { isObject, type JsonObject } from '../json.ts'
import type { Schema } from '../schema/schema.ts'
import type { ResourceType } from '../types/resource-type.ts'
import type { TypeRegistry } from '../types/type-registry.ts'
import { definitions } from './definitions.ts'
import { documentPath, pathsOf } from './paths.ts'

const REFERENCE = '#/components/schemas/'

/** `/openapi/v3`: where the documents are, each with a hash that changes with its content. */
export function documentIndex(types: TypeRegistry): JsonObject {
  const documents = new Set(types.all().map(({ group, version }) => documentPath(group, version)))
  const hash = createHash('sha1').update(String(types.generation)).digest('hex').toUpperCase()
  return {
    paths: Object.fromEntries(
      [...documents].map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]),
    ),
  }
}

/** `/openapi/v3/<path>`: the document of one group and version, undefined for an unknown one. */
export function document(types: TypeRegistry, path: string): JsonObject | undefined {
  const served = types.all().filter(({ group, version }) => documentPath(group, version) === path)
  if (served.length === 0) return undefined
  const schemas = schemasOf(served)
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.assign({}, ...served.map((type) => pathsOf(type, definitionName(type)))),
    components: { schemas },
  }
}

/** `/openapi/v2`: everything, in the older form. */
export function documentV2(types: TypeRegistry): JsonObject {
  const text = JSON.stringify(schemasOf(types.all())).replaceAll(REFERENCE, '#/definitions/')
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: {},
    definitions: JSON.parse(text),
  }
}

/** The name of a type's definition: `io.k8s.api.core.v1.Service`, `io.metallb.v1beta1.BGPPeer`. */
function definitionName({ schema, group, version, kind, custom }: ResourceType): string {
  if (!custom && schema.definition !== undefined) return schema.definition
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`
}

/** The schemas of some types and of all that they refer to. */
function schemasOf(types: readonly ResourceType[]): JsonObject {
  const found: JsonObject = {}
  const add = (name: string) => {
    const definition = definitions[name]
    if (definition === undefined || found[name] !== undefined) return
    found[name] = definition
    visitReferences(definition, add)
  }
  for (const type of types) {
    const name = definitionName(type)
    if (!type.custom) add(name)
    else {
      found[name] = customSchema(type)
      visitReferences(found[name], add)
    }
  }
  return found
}

function visitReferences(value: unknown, visit: (name: string) => void): void {
  if (Array.isArray(value)) for (const item of value) visitReferences(item, visit)
  if (!isObject(value)) return
  for (const [field, inner] of Object.entries(value)) {
    if (field === '$ref' && typeof inner === 'string') visit(inner.slice(REFERENCE.length))
    else visitReferences(inner, visit)
  }
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

function customSchema({ schema, group, version, kind }: ResourceType): JsonObject {
  const text = (description: string): Schema => ({ type: 'string', description })
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: text('APIVersion defines the versioned schema of this representation of an object.'),
      kind: text('Kind is a string value representing the REST resource this object represents.'),
      metadata: { allOf: [{ $ref: REFERENCE + META }], description: "Standard object's metadata." },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  }
}
