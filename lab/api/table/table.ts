import type { JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import type { Column } from './column.ts'

/** What of each object goes into its row: `includeObject` of the request. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/**
 * A metav1.Table, as kubectl asks for to print.
 * @param metadata of the list, or of the event
 * @param now milliseconds since 1970, for ages
 */
export function toTable(
  objects: readonly ApiObject[],
  columns: readonly Column[],
  metadata: JsonObject,
  include: IncludeObject,
  now: number,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(({ name, type, format = '', description = '', priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      ...rowObject(object, include),
    })),
  }
}

function rowObject(object: ApiObject, include: IncludeObject): JsonObject {
  switch (include) {
    case 'Object':
      return { object }
    case 'Metadata':
      return { object: toPartial(object) }
    case 'None':
      return { object: null }
  }
}

/** Only the metadata of an object. */
export const toPartial = ({ metadata }: ApiObject): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})
