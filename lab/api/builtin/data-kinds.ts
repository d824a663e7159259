import { equalJson, isObject, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { cause, type Cause } from '../status.ts'
import type { Strategy } from '../types/resource-type.ts'

/** `immutable` freezes the data. */
function validateImmutable(object: ApiObject, old: ApiObject | undefined): Cause[] {
  if (old?.immutable !== true) return []
  const why = 'field is immutable when `immutable` is set'
  return ['data', 'binaryData', 'immutable']
    .filter((field) => !equalJson(object[field], old[field]))
    .map((field) => cause.forbidden(field, why))
}

const KEY = /^[-._a-zA-Z0-9]+$/
const NOT_A_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

const keysOf = (value: unknown): string[] => Object.keys((value ?? {}) as JsonObject)

const validateKeys = (object: ApiObject, field: string): Cause[] =>
  keysOf(object[field])
    .filter((key) => !KEY.test(key))
    .map((key) => cause.invalid(`${field}[${key}]`, key, NOT_A_KEY))

export const configMapStrategy: Strategy = {
  validate(object, old) {
    const binary = keysOf(object.binaryData)
    const twice = keysOf(object.data).filter((key) => binary.includes(key))
    return [
      ...validateImmutable(object, old),
      ...validateKeys(object, 'data'),
      ...twice.map((key) => cause.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')),
      ...validateKeys(object, 'binaryData'),
    ]
  },
}

/** The keys that a type of Secret needs; one of them is enough where `any` says so. */
const NEEDED: Readonly<Record<string, { readonly keys: readonly string[]; readonly any?: true }>> = {
  'kubernetes.io/basic-auth': { keys: ['username', 'password'], any: true },
  'kubernetes.io/ssh-auth': { keys: ['ssh-privatekey'] },
  'kubernetes.io/tls': { keys: ['tls.crt', 'tls.key'] },
}

export const secretStrategy: Strategy = {
  defaults(object) {
    object.type ??= 'Opaque'
    const { stringData } = object
    delete object.stringData
    if (!isObject(stringData)) return
    const encoded = Object.entries(stringData).map(([name, text]) => [
      name,
      Buffer.from(String(text)).toString('base64'),
    ])
    const data = { ...(object.data as JsonObject | undefined), ...Object.fromEntries(encoded) }
    if (Object.keys(data).length > 0) object.data = data
  },
  validate(object, old) {
    const causes = [...validateImmutable(object, old), ...validateKeys(object, 'data')]
    if (old !== undefined && old.type !== object.type) {
      causes.push(cause.invalid('type', object.type, 'field is immutable'))
    }
    const { keys = [], any = false } = NEEDED[String(object.type)] ?? {}
    const present = keysOf(object.data)
    const missing = keys.filter((key) => !present.includes(key))
    if (!any || missing.length === keys.length) {
      causes.push(...missing.map((key) => cause.required(`data[${key}]`)))
    }
    return causes
  },
}
