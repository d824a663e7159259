import type { Resource } from '#kube/api.ts'
import type { ApiObject } from '../object.ts'
import type { Schema } from '../schema/schema.ts'
import type { Cause } from '../status.ts'
import type { SelectableFields } from '../store/field-selector.ts'
import type { Column } from '../table/column.ts'

/** What is particular about one kind. Objects given are copies that may be changed; `old` never. */
export interface Strategy {
  /** fills in static defaults, after decoding and after every merge */
  defaults?(object: ApiObject): void
  /** sets what the server decides: initial status, allocated values; before validation */
  prepareCreate?(object: ApiObject): void
  prepareUpdate?(object: ApiObject, old: ApiObject): void
  validate?(object: ApiObject, old: ApiObject | undefined): Cause[]
  validateStatus?(object: ApiObject, old: ApiObject): Cause[]
  /** does a write with this change count as a new generation? Absent: when `spec` changed */
  newGeneration?(object: ApiObject, old: ApiObject): boolean
  /** seconds that a deletion waits for a kubelet; absent or 0: none */
  gracePeriod?(object: ApiObject, requested: number | undefined): number
  /** warnings that the client is told */
  warnings?(object: ApiObject): string[]
}

/** Where a custom resource keeps what its scale subresource shows, as JSON paths. */
export interface ScalePaths {
  readonly specReplicas: string
  readonly statusReplicas: string
  readonly labelSelector?: string
}

/** A resource in one version, built in or defined by a CRD. */
export interface ResourceType extends Resource {
  readonly singular: string
  readonly listKind: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  /** the collection in the store that all versions of the resource share */
  readonly collection: string
  /** defined by a CRD: validated by its schema, pruned, no strategic merge patch */
  readonly custom: boolean
  readonly schema: Schema
  /** apart from `name` and `''`: `status`, `scale`, `token`, `eviction`, `binding`, `finalize` */
  readonly subresources: readonly string[]
  readonly scale?: ScalePaths
  readonly columns: readonly Column[]
  readonly selectable: SelectableFields
  readonly strategy: Strategy
  /** status is kept apart from the rest (a status subresource) */
  readonly hasStatus: boolean
  /** an update must carry a resourceVersion */
  readonly conditionalUpdates: boolean
  /** a PUT creates what is not there */
  readonly createsOnUpdate: boolean
  /** a Warning header on every request */
  readonly deprecation?: string
}

/** The `apiVersion` of a resource. */
export const apiVersionOf = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? version : `${group}/${version}`

/** Splits an `apiVersion`. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/')
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}

/** The name of a resource's collection in the store. */
export const collectionName = (plural: string, group: string): string =>
  group === '' ? plural : `${plural}.${group}`
