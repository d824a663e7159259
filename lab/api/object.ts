import type { ObjectMeta } from '#kube/api.ts'
import type { JsonObject } from './json.ts'

/** One manager's entry in `metadata.managedFields`. */
export interface ManagedFieldsEntry {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time: string
  fieldsType: 'FieldsV1'
  fieldsV1: JsonObject
  subresource?: string
}

export interface StoredMeta extends ObjectMeta {
  deletionGracePeriodSeconds?: number
  managedFields?: ManagedFieldsEntry[]
}

/**
 * An object as the server keeps and sends it. What is in the store is never changed in place: every write makes
 * a new object, so that lists, watches and snapshots may share references.
 */
export interface ApiObject {
  apiVersion: string
  kind: string
  metadata: StoredMeta
  spec?: JsonObject
  status?: JsonObject
  [field: string]: unknown
}

export const isDeleting = (object: ApiObject): boolean => object.metadata.deletionTimestamp !== undefined

/** A metav1.Time: seconds, UTC. @param now milliseconds since 1970 */
export const timestamp = (now: number): string => `${new Date(now).toISOString().slice(0, 19)}Z`

/** A metav1.MicroTime: six digits of a second, UTC. @param now milliseconds since 1970 */
export const microTimestamp = (now: number): string => `${new Date(now).toISOString().slice(0, 23)}000Z`
