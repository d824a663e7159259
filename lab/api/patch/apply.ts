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
  const managed = live === undefined ? [] : managersOf(live, schema, writer, options.time)
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

/** An object that nobody is known to manage belongs to somebody else than its first applier. */
function managersOf(live: ApiObject, schema: Schema, { apiVersion }: Writer, time: string): Managed[] {
  const managed = readManaged(live)
  if (managed.length > 0) return managed
  const fields = ownable(fieldsOf(live, schema))
  return [{ manager: 'before-first-apply', operation: 'Update', apiVersion, subresource: '', time, fields }]
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

const describe = ({ manager, operation, apiVersion, subresource }: Managed): string => {
  const at = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  const using = operation === 'Update' ? `${at} using ${apiVersion}` : at
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

/**
 * Applied items in their order; live items that are not applied keep their place before the applied ones that they
 * stood before, and come before new ones (typed/merge.go, visitListItems).
 */
function mergeLists(
  live: readonly unknown[],
  wanted: readonly unknown[],
  schema: Schema | undefined,
): unknown[] {
  const asMap = listKind(schema).by === 'map'
  const element = (item: unknown) => itemElement(item, schema)
  const before = new Map(live.map((item) => [element(item), item]))
  const applied = new Set(wanted.map(element))
  const merged = new Set<string | undefined>()
  const result: unknown[] = []
  /** applied elements that live has too, in the order of the configuration */
  const shared = wanted.map(element).filter((one) => before.has(one))
  let [l, w] = [0, 0]
  const takeApplied = () => {
    const item = wanted[w]
    const own = element(item)
    const old = before.get(own)
    result.push(old !== undefined && asMap ? mergeValue(old, item, schema?.items) : copyJson(item))
    merged.add(own)
    if (shared[0] === own) shared.shift()
    w += 1
  }
  while (l < live.length || w < wanted.length) {
    const at = l < live.length ? element(live[l]) : undefined
    if (at !== undefined && w < wanted.length) {
      if (at === element(wanted[w])) {
        takeApplied()
        l += 1
        continue
      }
      if (applied.has(at) && shared.length > 0 && shared[0] !== at) {
        l += 1
        continue
      }
    }
    if (at !== undefined && !applied.has(at)) {
      result.push(live[l])
      l += 1
      continue
    }
    if (at !== undefined && merged.has(at)) l += 1
    if (w < wanted.length) takeApplied()
  }
  return result
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
