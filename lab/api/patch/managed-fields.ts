import type { ApiObject, ManagedFieldsEntry } from '../object.ts'
import type { Schema } from '../schema/schema.ts'
import { compareFields, type Difference } from './compare.ts'
import { fromFieldsV1, joinPath, toFieldsV1, without, type FieldSet } from './field-set.ts'

/** Who is writing, and how. */
export interface Writer {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
}

/** A manager's fields while they are worked on. */
export interface Managed extends Writer {
  time: string
  fields: Set<string>
}

/** Fields that nobody owns: identity, and what the server sets. */
const SERVER_FIELDS: FieldSet = new Set([
  'f:apiVersion',
  'f:kind',
  'f:metadata',
  ...[
    'name',
    'namespace',
    'generateName',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'managedFields',
    'selfLink',
  ].map((field) => joinPath('f:metadata', `f:${field}`)),
])

/** Without what nobody owns; the entry for `metadata` itself stands only for its content. */
export function ownable(fields: FieldSet): Set<string> {
  const kept = new Set<string>()
  for (const path of fields) {
    const server =
      SERVER_FIELDS.has(path) || path.startsWith(joinPath('f:metadata', `f:managedFields${'\u0000'}`))
    if (!server) kept.add(path)
  }
  return kept
}

export const readManaged = (object: ApiObject): Managed[] =>
  (object.metadata.managedFields ?? []).map((entry) => ({
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    subresource: entry.subresource ?? '',
    time: entry.time,
    fields: fromFieldsV1(entry.fieldsV1),
  }))

/** Entries for `metadata.managedFields`: those that own something, oldest first. */
export const writeManaged = (managed: readonly Managed[]): ManagedFieldsEntry[] =>
  managed
    .filter(({ fields }) => fields.size > 0)
    .sort((a, b) => compareText(a.time, b.time) || compareText(a.manager, b.manager))
    .map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
      manager,
      operation,
      apiVersion,
      time,
      fieldsType: 'FieldsV1' as const,
      fieldsV1: toFieldsV1(fields),
      ...(subresource === '' ? {} : { subresource }),
    }))

const compareText = (a: string | undefined, b: string | undefined): number =>
  (a ?? '') < (b ?? '') ? -1 : (a ?? '') > (b ?? '') ? 1 : 0

/** Somebody who updates through two versions counts as two; who applies, as one. */
export const sameWriter = (a: Writer, b: Writer): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

/** Takes the fields that changed away from every manager but the one that changed them. */
export function takeOver(managed: Managed[], difference: Difference, by: Writer): void {
  for (const one of managed) {
    const lost = sameWriter(one, by)
      ? difference.removed
      : new Set([...difference.changed, ...difference.removed])
    one.fields = without(one.fields, lost)
  }
}

/**
 * The managedFields after an update (create, PUT, PATCH): what the writer changed is the writer's.
 * @param before undefined on create
 * @param time of the write, as a metav1.Time
 */
export function trackUpdate(
  before: ApiObject | undefined,
  after: ApiObject,
  schema: Schema,
  writer: Writer,
  time: string,
): ManagedFieldsEntry[] | undefined {
  const managed = baseFor(before, after)
  const difference = compareFields(before ?? {}, after, schema)
  const changed = ownable(difference.changed)
  takeOver(managed, { changed, removed: ownable(difference.removed) }, writer)
  if (changed.size > 0) {
    const own = managed.find((one) => sameWriter(one, writer))
    if (own === undefined) managed.push({ ...writer, time, fields: changed })
    else {
      Object.assign(own, { time, apiVersion: writer.apiVersion })
      for (const path of changed) own.fields.add(path)
    }
  }
  const entries = writeManaged(managed)
  return entries.length === 0 ? undefined : entries
}

/** Managers may be set by the request itself: kubectl does, to migrate from client-side to server-side apply. */
function baseFor(before: ApiObject | undefined, after: ApiObject): Managed[] {
  const given = after.metadata.managedFields ?? []
  if (given.length === 1 && Object.keys(given[0]!).length === 0) return []
  if (given.length > 0 && given.every((entry) => typeof entry.manager === 'string')) return readManaged(after)
  return before === undefined ? [] : readManaged(before)
}
