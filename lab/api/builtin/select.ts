import { valueAt } from '../json.ts'
import type { ApiObject } from '../object.ts'

/** Reads a field as text, '' when it is absent. */
export const textAt =
  (...path: string[]) =>
  (object: ApiObject): string => {
    const value = valueAt(object, path)
    return value === undefined || value === null ? '' : String(value)
  }

/** Reads a field as a number, 0 when it is absent. */
export const numberAt =
  (...path: string[]) =>
  (object: ApiObject): number =>
    Number(valueAt(object, path) ?? 0)

/** The items of a list of objects, [] when it is absent. */
export function listAt<T>(object: ApiObject, ...path: string[]): T[] {
  const value = valueAt(object, path)
  return Array.isArray(value) ? value : []
}
