import { applyConflict } from '../status.ts'
import { copyJson, isObject, type JsonObject } from '../json.ts'
import type { ApiObject, ManagedFieldsEntry } from '../object.ts'
import { fieldSchema, isAtomicMap, listKind, type Schema } from '../schema/schema.ts'
import { compareFields } from './compare.ts'
import {
  fieldsOf,
  isKeyedList,
  itemElement,
  joinPath,
  printPath,
  touches,
  without,
  type FieldSet,
} from './field-set.ts'
import {
  ownable,
  readManaged,
  sameWriter,
  takeOver,
  writeManaged,
  type Managed,
  type Writer,
} from './managed-fields.ts'

export interface Applied {
  readonly object: ApiObject
  readonly managedFields: ManagedFieldsEntry[]
}

/**
 * Server-side apply: merges a configuration into an object, removes what the same manager applied before and
 * does no longer, and records who owns which field.
 *
 * @param live the object as it is, undefined when the apply creates it
 * @param ignored top-level fields that this endpoint does not write (`status`, or all others on /status)
 * @param time of the write, as a metav1.Time
 * @throws StatusError 409 when another manager owns a field with another value and `force` is not set
 */
export function serverSideApply(
  live: ApiObject | undefined,
  configuration: ApiObject,
  schema: Schema,
  writer: Writer,
  options: { force: boolean; time: string; ignored: (field: string) => boolean },
): Applied {
  const wanted: JsonObject = Object.fromEntries(
    Object.entries(configuration).filter(([field]) => !options.ignored(field)),
  )
  const applied = ownable(fieldsOf(wanted, schema))
  const managed = live === undefined ? [] : readManaged(live)
  const before: ApiObject = live ?? ({ metadata: {} } as ApiObject)
  const merged = mergeValue(before, wanted, schema) as JsonObject

  const difference = compareFields(before, merged, schema)
  const changed = ownable(difference.changed)
  if (!options.force && live !== undefined) {
    const conflicts = conflictsWith(managed, changed, writer)
    if (conflicts.length > 0) throw applyConflict(conflicts)
  }
  takeOver(managed, { changed, removed: new Set() }, writer)

  const own = managed.find((one) => sameWriter(one, writer))
  const others = managed.filter((one) => one !== own)
  const dropped = own === undefined ? new Set<string>() : givenUp(own.fields, applied, others)
  const object = removeFields(merged, schema, '', dropped) as ApiObject

  const same = own !== undefined && sameSet(own.fields, applied)
  others.push({ ...writer, time: same ? own.time : options.time, fields: applied })
  return { object, managedFields: writeManaged(others) }
}

const sameSet = (a: FieldSet, b: FieldSet): boolean => a.size === b.size && [...a].every((one) => b.has(one))

function conflictsWith(managed: readonly Managed[], changed: FieldSet, writer: Writer) {
  return managed
    .filter((one) => !sameWriter(one, writer))
    .flatMap((one) =>
      [...changed]
        .filter((path) => one.fields.has(path))
        .map((path) => ({ manager: describe(one), field: printPath(path) })),
    )
}

const describe = ({ manager, operation, apiVersion, subresource, time }: Managed): string => {
  const at = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  const using = operation === 'Update' ? `${at} using ${apiVersion} at ${time}` : at
  return JSON.stringify(manager) + using
}

/** What the manager applied before, no longer applies, and nobody else owns (not even a part of it). */
function givenUp(before: FieldSet, now: FieldSet, others: readonly Managed[]): Set<string> {
  const left = without(before, new Set())
  for (const path of before) {
    if (touches(now, path) || others.some(({ fields }) => touches(fields, path))) left.delete(path)
  }
  return left
}

/** The configuration over the live value: maps and keyed lists merge, everything else is replaced. */
function mergeValue(live: unknown, wanted: unknown, schema: Schema | undefined): unknown {
  if (isObject(live) && isObject(wanted) && !isAtomicMap(schema)) {
    const result = { ...live }
    for (const [name, value] of Object.entries(wanted)) {
      result[name] = mergeValue(live[name], value, fieldSchema(schema, name))
    }
    return result
  }
  if (Array.isArray(live) && Array.isArray(wanted)) {
    if (isKeyedList(live, schema) && isKeyedList(wanted, schema)) return mergeLists(live, wanted, schema)
  }
  return copyJson(wanted)
}

/** Applied items in their order; live items that are not applied stay before those that they stood before. */
function mergeLists(
  live: readonly unknown[],
  wanted: readonly unknown[],
  schema: Schema | undefined,
): unknown[] {
  const asMap = listKind(schema).by === 'map'
  const element = (item: unknown) => itemElement(item, schema)
  const places = new Map(live.map((item, place) => [element(item), place]))
  const applied = new Set(wanted.map(element))
  const rest = live.map((item, place) => ({ item, place })).filter(({ item }) => !applied.has(element(item)))
  const result: unknown[] = []
  let taken = 0
  for (const item of wanted) {
    const place = places.get(element(item))
    if (place === undefined) {
      result.push(copyJson(item))
      continue
    }
    for (; taken < rest.length && rest[taken]!.place < place; taken += 1) result.push(rest[taken]!.item)
    result.push(asMap ? mergeValue(live[place], item, schema?.items) : item)
  }
  return [...result, ...rest.slice(taken).map(({ item }) => item)]
}

function removeFields(value: unknown, schema: Schema | undefined, path: string, dropped: FieldSet): unknown {
  if (dropped.size === 0) return value
  if (isObject(value) && !isAtomicMap(schema)) {
    const result: JsonObject = {}
    for (const [name, field] of Object.entries(value)) {
      const at = joinPath(path, `f:${name}`)
      if (dropped.has(at)) continue
      const kept = removeFields(field, fieldSchema(schema, name), at, dropped)
      const emptied =
        isObject(kept) && Object.keys(kept).length === 0 && kept !== field && touches(dropped, at)
      if (!emptied) result[name] = kept
    }
    return result
  }
  if (Array.isArray(value) && isKeyedList(value, schema)) {
    const items = listKind(schema).by === 'map' ? schema?.items : undefined
    return value
      .filter((item) => !dropped.has(joinPath(path, itemElement(item, schema)!)))
      .map((item) => removeFields(item, items, joinPath(path, itemElement(item, schema)!), dropped))
  }
  return value
}
