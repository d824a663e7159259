import { copyJson, isObject } from '../json.ts'
import { fieldSchema, type Schema } from './schema.ts'

/** Fills in the `default`s of a structural schema, in place. A null where the schema allows none counts as absent. */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) applyDefaults(item, schema.items)
    return
  }
  if (!isObject(value)) return
  for (const [name, of] of Object.entries(schema.properties ?? {})) {
    const given = value[name]
    const absent = given === undefined || (given === null && of.nullable !== true)
    if (absent && of.default !== undefined) value[name] = copyJson(of.default)
    else if (absent) delete value[name]
  }
  for (const name of Object.keys(value)) {
    const of = fieldSchema(schema, name)
    if (of !== undefined) applyDefaults(value[name], of)
  }
}
