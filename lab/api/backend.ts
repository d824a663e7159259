import { copyJson } from './json.ts'
import type { ApiObject } from './object.ts'
import { applyDefaults } from './schema/defaults.ts'
import { pruneCustom } from './schema/prune.ts'
import type { Store } from './store/store.ts'
import { apiVersionOf, type ResourceType } from './types/resource-type.ts'
import type { TypeRegistry } from './types/type-registry.ts'

/** What every request works on. */
export interface Backend {
  readonly store: Store
  readonly types: TypeRegistry
  /** milliseconds since 1970 */
  readonly now: () => number
}

const converted = new WeakMap<ApiObject, Map<string, ApiObject>>()

/**
 * A stored object, which is in the version that wrote it, in the version of a type. Versions of a custom resource differ only in their schemas
 * (conversion strategy None): fields that the version does not have are not shown, its defaults are filled in.
 */
export function inVersion(stored: ApiObject, type: ResourceType): ApiObject {
  const apiVersion = apiVersionOf(type)
  if (stored.apiVersion === apiVersion) return stored
  let versions = converted.get(stored)
  if (versions === undefined) {
    versions = new Map()
    converted.set(stored, versions)
  }
  let object = versions.get(apiVersion)
  if (object === undefined) {
    object = { ...(pruneCustom(copyJson(stored), type.schema, []) as ApiObject), apiVersion }
    applyDefaults(object, type.schema)
    versions.set(apiVersion, object)
  }
  return object
}

export const storageKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
