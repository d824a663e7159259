import type { ApiObject } from '../object.ts'
import { builtinSchema } from '../openapi/definitions.ts'
import type { Schema } from '../schema/schema.ts'
import { metadataFields, type SelectableFields } from '../store/field-selector.ts'
import type { Store } from '../store/store.ts'
import { parseJsonPath } from '../table/json-path.ts'
import { collectionName, type ResourceType } from '../types/resource-type.ts'
import type { TypeRegistry } from '../types/type-registry.ts'
import { customColumns } from './columns.ts'
import { definitionSpec, type DefinitionSpec, type DefinitionVersion } from './definition.ts'

export const CRDS = 'customresourcedefinitions.apiextensions.k8s.io'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

/** Serves the resources of the stored CRDs, from the write of a CRD on until its deletion. */
export function followDefinitions(store: Store, types: TypeRegistry): void {
  for (const crd of store.values(CRDS)) serve(crd, types)
  store.subscribe(CRDS, ({ type, object }) => {
    const { group, names } = definitionSpec(object)
    if (type === 'DELETED') types.remove(collectionName(names.plural, group))
    else serve(object, types)
  })
}

function serve(crd: ApiObject, types: TypeRegistry): void {
  const { group, names } = definitionSpec(crd)
  types.set(collectionName(names.plural, group), customTypes(crd))
}

/** The resource in each served version. */
function customTypes(crd: ApiObject): ResourceType[] {
  const spec = definitionSpec(crd)
  return spec.versions.filter((version) => version.served).map((version) => customType(spec, version))
}

function customType(spec: DefinitionSpec, version: DefinitionVersion): ResourceType {
  const { group, names } = spec
  const scale = version.subresources?.scale
  const hasStatus = version.subresources?.status !== undefined
  const warning = version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`
  return {
    group,
    version: version.name,
    plural: names.plural,
    kind: names.kind,
    namespaced: spec.scope === 'Namespaced',
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    collection: collectionName(names.plural, group),
    custom: true,
    schema: completeSchema(version.schema?.openAPIV3Schema ?? {}),
    subresources: [...(hasStatus ? ['status'] : []), ...(scale === undefined ? [] : ['scale'])],
    ...(scale === undefined
      ? {}
      : {
          scale: {
            specReplicas: scale.specReplicasPath,
            statusReplicas: scale.statusReplicasPath,
            ...(scale.labelSelectorPath === undefined ? {} : { labelSelector: scale.labelSelectorPath }),
          },
        }),
    columns: customColumns(version.additionalPrinterColumns),
    selectable: { ...metadataFields, ...selectable(version) },
    strategy: {},
    hasStatus,
    conditionalUpdates: true,
    createsOnUpdate: false,
    ...(version.deprecated === true ? { deprecation: warning } : {}),
  }
}

/** What every object has, whatever the CRD says about it. */
const completeSchema = (schema: Schema): Schema => ({
  ...schema,
  properties: {
    ...schema.properties,
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: builtinSchema(META),
  },
})

const selectable = (version: DefinitionVersion): SelectableFields =>
  Object.fromEntries(
    (version.selectableFields ?? []).map(({ jsonPath }) => {
      const find = parseJsonPath(jsonPath) ?? (() => [])
      return [
        jsonPath.replace(/^\./, ''),
        (object: ApiObject) => {
          const [value] = find(object)
          return value === undefined ? '' : String(value)
        },
      ]
    }),
  )
