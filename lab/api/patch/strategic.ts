import { badRequest } from '../status.ts'
import { copyJson, equalJson, isObject, type JsonObject } from '../json.ts'
import { fieldSchema, type Schema } from '../schema/schema.ts'

const ORDER = '$setElementOrder/'
const DELETE_VALUES = '$deleteFromPrimitiveList/'

/**
 * Strategic merge patch of a built-in type: as a merge patch, but lists with `x-kubernetes-patch-strategy: merge`
 * merge by their merge key (or as sets of scalars), and the directives `$patch`, `$retainKeys`,
 * `$setElementOrder/field` and `$deleteFromPrimitiveList/field` are obeyed.
 *
 * @throws StatusError 400 for a directive or an item that makes no sense
 */
export function strategicMergePatch(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  if (!isObject(patch)) return copyJson(patch)
  const base: JsonObject = isObject(target) ? target : {}
  const { $patch: directive, $retainKeys: retained, ...fields } = patch
  if (directive === 'replace') return withoutDirectives(fields)
  if (directive === 'delete') return {}
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unknown patch type: ${JSON.stringify(directive)}`)
  }
  const result: JsonObject = Array.isArray(retained)
    ? Object.fromEntries(Object.entries(base).filter(([name]) => retained.includes(name)))
    : { ...base }
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(ORDER)) continue
    if (name.startsWith(DELETE_VALUES)) {
      const field = name.slice(DELETE_VALUES.length)
      result[field] = withoutValues(result[field], value)
    } else if (value === null) delete result[name]
    else result[name] = patchField(result[name], value, fieldSchema(schema, name), fields[ORDER + name])
  }
  return result
}

function patchField(target: unknown, value: unknown, schema: Schema | undefined, order: unknown): unknown {
  if (!Array.isArray(value)) return strategicMergePatch(target, value, schema)
  const strategies = schema?.['x-kubernetes-patch-strategy']?.split(',') ?? []
  if (!strategies.includes('merge')) return value.map(withoutDirectives)
  const list = Array.isArray(target) ? target : []
  const mergeKey = schema?.['x-kubernetes-patch-merge-key']
  const merged =
    mergeKey === undefined
      ? [...list, ...value.filter((item) => !list.some((one) => equalJson(one, item)))]
      : mergeItems(list, value, mergeKey, schema?.items)
  return inOrder(merged, Array.isArray(order) ? order : value, list, mergeKey)
}

function mergeItems(
  list: readonly unknown[],
  patches: readonly unknown[],
  mergeKey: string,
  items: Schema | undefined,
): unknown[] {
  if (patches.some((item) => isObject(item) && item.$patch === 'replace')) {
    return patches
      .filter((item) => !(isObject(item) && item.$patch === 'replace'))
      .map((item) => withoutDirectives(item))
  }
  const result = [...list]
  for (const item of patches) {
    if (!isObject(item) || item[mergeKey] === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`)
    }
    const same = result.findIndex((one) => isObject(one) && one[mergeKey] === item[mergeKey])
    if (item.$patch === 'delete') {
      if (same >= 0) result.splice(same, 1)
    } else if (same >= 0) result[same] = strategicMergePatch(result[same], item, items)
    else result.push(strategicMergePatch({}, item, items))
  }
  return result
}

/**
 * Items of the patch come in its order. Each of the others comes before the first item of the patch that it stood
 * before on the server, and after all that it did not (strategicpatch's mergeSortedSlice).
 * @param order the items of the patch, or their keys
 * @param server the list before the patch
 */
function inOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  server: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const identity = (item: unknown) => (mergeKey !== undefined && isObject(item) ? item[mergeKey] : item)
  const rank = new Map(order.map((item, place) => [identity(item), place]))
  const places = new Map(server.map((item, place) => [identity(item), place]))
  const place = (item: unknown) => places.get(identity(item))
  const others = merged
    .filter((item) => !rank.has(identity(item)))
    .sort((a, b) => (place(a) ?? Infinity) - (place(b) ?? Infinity))
  const patched = merged
    .filter((item) => rank.has(identity(item)))
    .sort((a, b) => rank.get(identity(a))! - rank.get(identity(b))!)
  const result: unknown[] = []
  let taken = 0
  for (const item of patched) {
    const own = place(item)
    const isBefore = (other: unknown) => own !== undefined && (place(other) ?? Infinity) < own
    for (; taken < others.length && isBefore(others[taken]); taken += 1) result.push(others[taken])
    result.push(item)
  }
  return [...result, ...others.slice(taken)]
}

const withoutValues = (list: unknown, values: unknown): unknown =>
  Array.isArray(list) && Array.isArray(values)
    ? list.filter((item) => !values.some((one) => equalJson(one, item)))
    : list

/** A value that replaces: nulls and directives inside it mean nothing and go. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives)
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(
    ([name, field]) =>
      field !== null &&
      name !== '$patch' &&
      name !== '$retainKeys' &&
      !name.startsWith(ORDER) &&
      !name.startsWith(DELETE_VALUES),
  )
  return Object.fromEntries(kept.map(([name, field]) => [name, withoutDirectives(field)]))
}
