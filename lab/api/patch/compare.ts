import { equalJson, isObject } from '../json.ts'
import { fieldSchema, isAtomicMap, listKind, type Schema } from '../schema/schema.ts'
import { fieldsOf, isKeyedList, itemElement, joinPath } from './field-set.ts'

/** Which fields differ between two versions of an object. */
export interface Difference {
  /** set or changed: present in the newer object */
  readonly changed: ReadonlySet<string>
  /** present only in the older object */
  readonly removed: ReadonlySet<string>
}

/** Compares field by field; lists as server-side apply merges them. */
export function compareFields(before: unknown, after: unknown, schema: Schema | undefined): Difference {
  const changed = new Set<string>()
  const removed = new Set<string>()
  visit(before, after, schema, '', changed, removed)
  return { changed, removed }
}

function visit(
  before: unknown,
  after: unknown,
  schema: Schema | undefined,
  path: string,
  changed: Set<string>,
  removed: Set<string>,
): void {
  if (before === after || equalJson(before, after)) return
  if (before === undefined) {
    addNew(after, schema, path, changed)
    return
  }
  if (after === undefined) {
    removed.add(path)
    for (const one of fieldsOf(before, schema, path)) removed.add(one)
    return
  }
  if (isObject(before) && isObject(after) && !isAtomicMap(schema)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const at = joinPath(path, `f:${name}`)
      visit(before[name], after[name], fieldSchema(schema, name), at, changed, removed)
    }
    return
  }
  const keyed =
    Array.isArray(before) && Array.isArray(after) && isKeyedList(before, schema) && isKeyedList(after, schema)
  if (keyed) visitItems(before, after, schema, path, changed, removed)
  else changed.add(path)
}

/** Structs that are pointers in Go: only these can be absent. */
const POINTERS = /\.(SessionAffinityConfig|ClientIPConfig|RollingUpdate\w+|SecurityContext)$/

/**
 * All of a value that was not there: its fields, and the maps, keyed lists and pointers to structs themselves. Other
 * structs of Go are always there, so nobody brings them.
 */
function addNew(value: unknown, schema: Schema | undefined, path: string, changed: Set<string>): void {
  for (const one of fieldsOf(value, schema, path)) changed.add(one)
  addContainers(value, schema, path, changed)
}

function addContainers(value: unknown, schema: Schema | undefined, path: string, changed: Set<string>): void {
  if (Array.isArray(value)) {
    if (isKeyedList(value, schema)) changed.add(path)
    return
  }
  if (!isObject(value) || isAtomicMap(schema)) return
  const isStruct = schema?.definition !== undefined && !POINTERS.test(schema.definition)
  if (!isStruct && path !== '') changed.add(path)
  else if (Object.keys(value).length === 0) changed.delete(path)
  for (const [name, field] of Object.entries(value)) {
    addContainers(field, fieldSchema(schema, name), joinPath(path, `f:${name}`), changed)
  }
}

function visitItems(
  before: readonly unknown[],
  after: readonly unknown[],
  schema: Schema | undefined,
  path: string,
  changed: Set<string>,
  removed: Set<string>,
): void {
  const byElement = (list: readonly unknown[]) =>
    new Map(list.map((item) => [itemElement(item, schema)!, item]))
  const old = byElement(before)
  const now = byElement(after)
  const items = listKind(schema).by === 'map' ? schema?.items : undefined
  for (const element of new Set([...old.keys(), ...now.keys()])) {
    const at = joinPath(path, element)
    const [was, is] = [old.get(element), now.get(element)]
    if (was === undefined) changed.add(at)
    visit(was, is, items, at, changed, removed)
  }
}
