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
    else result[name] = patchField(result[name], value, fieldSchema(schema, name))
  }
  for (const [name, order] of Object.entries(fields)) {
    if (name.startsWith(ORDER)) {
      const field = name.slice(ORDER.length)
      result[field] = inOrder(result[field], order, fieldSchema(schema, field))
    }
  }
  return result
}

function patchField(target: unknown, value: unknown, schema: Schema | undefined): unknown {
  if (!Array.isArray(value)) return strategicMergePatch(target, value, schema)
  const strategies = schema?.['x-kubernetes-patch-strategy']?.split(',') ?? []
  if (!strategies.includes('merge')) return value.map(withoutDirectives)
  const list = Array.isArray(target) ? target : []
  const mergeKey = schema?.['x-kubernetes-patch-merge-key']
  if (mergeKey !== undefined) return mergeItems(list, value, mergeKey, schema?.items)
  return [...list, ...value.filter((item) => !list.some((one) => equalJson(one, item)))]
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

/** Items that the order names come in that order; the others keep their place relative to their predecessor. */
function inOrder(list: unknown, order: unknown, schema: Schema | undefined): unknown {
  if (!Array.isArray(list) || !Array.isArray(order)) return list
  const mergeKey = schema?.['x-kubernetes-patch-merge-key']
  const identity = (item: unknown) => (mergeKey !== undefined && isObject(item) ? item[mergeKey] : item)
  const rank = new Map(order.map((item, i) => [identity(item), i]))
  let previous = -1
  const ranked = list.map((item, i) => {
    const own = rank.get(identity(item))
    if (own !== undefined) previous = own
    return { item, i, rank: own ?? previous, named: own !== undefined }
  })
  return ranked
    .sort((a, b) => a.rank - b.rank || Number(b.named) - Number(a.named) || a.i - b.i)
    .map(({ item }) => item)
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
