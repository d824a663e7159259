import { canonicalJson, isObject, type JsonObject } from '../json.ts'
import { fieldSchema, isAtomicMap, isStructField, itemKey, listKind, type Schema } from '../schema/schema.ts'

/**
 * A set of field paths, as server-side apply keeps them (sigs.k8s.io/structured-merge-diff): each path a text of
 * elements `f:name`, `k:{"key":…}` or `v:value` joined by NUL.
 */
export type FieldSet = ReadonlySet<string>

const SEPARATOR = '\u0000'

export const joinPath = (parent: string, element: string): string =>
  parent === '' ? element : parent + SEPARATOR + element

/** A path as kubectl prints it: `.spec.ports[port=80,protocol="TCP"].nodePort`. */
export function printPath(path: string): string {
  return path
    .split(SEPARATOR)
    .map((element) => {
      const rest = element.slice(2)
      if (element.startsWith('f:')) return `.${rest}`
      if (element.startsWith('v:')) return `[=${rest}]`
      const keys = Object.entries(JSON.parse(rest)).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      return `[${keys.join(',')}]`
    })
    .join('')
}

/** The element of a list item, undefined when the list merges as a whole or the item has no key. */
export function itemElement(item: unknown, list: Schema | undefined): string | undefined {
  const kind = listKind(list)
  if (kind.by === 'set') return `v:${canonicalJson(item)}`
  if (kind.by !== 'map') return undefined
  const key = itemKey(item, kind.keys, list?.items)
  return key === undefined ? undefined : `k:${key}`
}

/** Does this list merge item by item, and can every item of it be told from the others? */
export const isKeyedList = (list: readonly unknown[], schema: Schema | undefined): boolean =>
  listKind(schema).by !== 'atomic' && list.every((item) => itemElement(item, schema) !== undefined)

/** The fields that a manager owns by setting this value: leaves, keyed list items, keys of maps. */
export function fieldsOf(value: unknown, schema: Schema | undefined, path = ''): Set<string> {
  const found = new Set<string>()
  collect(value, schema, path, found)
  return found
}

function collect(value: unknown, schema: Schema | undefined, path: string, found: Set<string>): void {
  if (isObject(value) && !isAtomicMap(schema)) {
    const names = Object.keys(value)
    if (names.length === 0 && path !== '') found.add(path)
    for (const name of names) {
      const at = joinPath(path, `f:${name}`)
      if (!isStructField(schema, name)) {
        // A key of a map is owned as such, beside what is below it.
        if (!isObject(value[name]) || schema !== undefined) found.add(at)
      }
      collect(value[name], fieldSchema(schema, name), at, found)
    }
    return
  }
  if (Array.isArray(value) && isKeyedList(value, schema)) {
    if (value.length === 0) found.add(path)
    for (const item of value) {
      const at = joinPath(path, itemElement(item, schema)!)
      found.add(at)
      if (listKind(schema).by === 'map') collect(item, schema?.items, at, found)
    }
    return
  }
  found.add(path)
}

/** Is the path in the set, or above or below a path that is? */
export function touches(set: FieldSet, path: string): boolean {
  if (set.has(path)) return true
  const below = path + SEPARATOR
  for (const one of set) if (one.startsWith(below)) return true
  return false
}

/** Removes paths, and everything below them. */
export function without(set: FieldSet, removed: FieldSet): Set<string> {
  if (removed.size === 0) return new Set(set)
  const kept = new Set<string>()
  for (const path of set) {
    if (!isWithin(path, removed)) kept.add(path)
  }
  return kept
}

function isWithin(path: string, set: FieldSet): boolean {
  if (set.has(path)) return true
  for (let end = path.lastIndexOf(SEPARATOR); end > 0; end = path.lastIndexOf(SEPARATOR, end - 1)) {
    if (set.has(path.slice(0, end))) return true
  }
  return false
}

/** The tree that `managedFields[].fieldsV1` holds. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const root: JsonObject = {}
  for (const path of [...set].sort()) {
    let node = root
    for (const element of path.split(SEPARATOR)) {
      // What was only a leaf so far becomes a node that is itself owned.
      node = (node[element] ??= {}) as JsonObject
    }
    node['.'] = {}
  }
  return foldLeaves(root)
}

/** `{"f:x": {".": {}}}` without anything below is written `{"f:x": {}}`. */
function foldLeaves(node: JsonObject): JsonObject {
  for (const [element, child] of Object.entries(node)) {
    if (element === '.') continue
    const below = child as JsonObject
    if (Object.keys(below).length === 1 && below['.'] !== undefined) node[element] = {}
    else foldLeaves(below)
  }
  return node
}

/** The inverse of `toFieldsV1`. */
export function fromFieldsV1(tree: unknown): Set<string> {
  const found = new Set<string>()
  const visit = (node: unknown, path: string) => {
    const children = isObject(node) ? Object.keys(node) : []
    if (path !== '' && (children.length === 0 || children.includes('.'))) found.add(path)
    for (const element of children) {
      if (element !== '.') visit((node as JsonObject)[element], joinPath(path, canonicalElement(element)))
    }
  }
  visit(tree, '')
  return found
}

/** Other writers may order the fields of a key differently. */
const canonicalElement = (element: string): string =>
  element.startsWith('k:') || element.startsWith('v:')
    ? element.slice(0, 2) + canonicalJson(JSON.parse(element.slice(2)))
    : element
