import { cause, type Cause } from '../status.ts'
import { equalJson, isObject } from '../json.ts'
import { fieldSchema, itemKey, listKind, type Schema } from './schema.ts'

/** `self == oldSelf`, also with one of the usual exceptions for values that are not set yet. */
const IMMUTABLE = /^\s*(?:oldSelf\s*==\s*self|self\s*==\s*oldSelf)\s*$/

/** Rules that `validateRules` evaluates; all others are accepted unread. */
export const isKnownRule = (rule: string): boolean => IMMUTABLE.test(rule)

/**
 * Evaluates `x-kubernetes-validations`. Only immutability is: there is no CEL in the lab. As in the real server a
 * transition rule applies only where both objects have the value, and inside lists only to items with a key.
 */
export function validateRules(
  value: unknown,
  old: unknown,
  schema: Schema,
  path: string,
  causes: Cause[],
): void {
  if (value === undefined || old === undefined) return
  for (const { rule, message } of schema['x-kubernetes-validations'] ?? []) {
    if (isKnownRule(rule) && !equalJson(value, old)) {
      causes.push(cause.invalid(path, value, message ?? `failed rule: ${rule}`))
    }
  }
  const at = (name: string) => (path === '' ? name : `${path}.${name}`)
  if (isObject(value) && isObject(old)) {
    for (const name of Object.keys(value)) {
      const of = fieldSchema(schema, name)
      if (of !== undefined) validateRules(value[name], old[name], of, at(name), causes)
    }
  }
  const kind = listKind(schema)
  if (Array.isArray(value) && Array.isArray(old) && kind.by === 'map' && schema.items !== undefined) {
    const { items } = schema
    const before = new Map(old.map((item) => [itemKey(item, kind.keys, items), item]))
    value.forEach((item, i) => {
      const same = before.get(itemKey(item, kind.keys, items))
      validateRules(item, same, items, `${path}[${i}]`, causes)
    })
  }
}
