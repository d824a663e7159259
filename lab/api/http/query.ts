import { badRequest } from '../status.ts'
import { isObject } from '../json.ts'
import type { DeleteRequest, WriteRequest } from '../rest/options.ts'
import type { IncludeObject } from '../table/table.ts'

const VALIDATIONS = ['Strict', 'Warn', 'Ignore'] as const
const INCLUDES = ['None', 'Metadata', 'Object'] as const
const POLICIES = ['Background', 'Foreground', 'Orphan'] as const

/** A text parameter, undefined when absent or empty. */
export const text = (query: URLSearchParams, name: string): string | undefined => query.get(name) || undefined

/** `true` and `1`. */
export const flag = (query: URLSearchParams, name: string): boolean =>
  query.get(name) === 'true' || query.get(name) === '1'

/** A whole number, undefined when absent. @throws StatusError 400 */
export function number(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name)
  if (value === undefined) return undefined
  if (!/^\d+$/.test(value)) throw badRequest(`${name} must be a number, not ${JSON.stringify(value)}`)
  return Number(value)
}

function oneOf<const T extends string>(name: string, value: string | undefined, allowed: readonly T[]) {
  const found = allowed.find((one) => one === value)
  if (value !== undefined && found === undefined) {
    throw badRequest(`${name} must be one of ${allowed.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return found
}

/** The parameters that all writes have. @param userAgent names the manager when the client names none */
export function writeRequest(query: URLSearchParams, userAgent: string, warnings: string[]): WriteRequest {
  return {
    fieldManager: text(query, 'fieldManager') ?? (userAgent.split('/')[0] || 'unknown'),
    dryRun: isDryRun(query.getAll('dryRun')),
    fieldValidation: oneOf('fieldValidation', text(query, 'fieldValidation'), VALIDATIONS) ?? 'Warn',
    warnings,
  }
}

function isDryRun(values: readonly unknown[]): boolean {
  oneOf(
    'dryRun',
    values.map(String).find((value) => value !== 'All' && value !== ''),
    ['All'] as const,
  )
  return values.includes('All')
}

/** Which part of each object a table row carries. */
export const includeObject = (query: URLSearchParams): IncludeObject =>
  oneOf('includeObject', text(query, 'includeObject'), INCLUDES) ?? 'Metadata'

/** DeleteOptions from the body, or from the query where there is no body. @throws StatusError 400 */
export function deleteRequest(query: URLSearchParams, body: unknown): DeleteRequest {
  const given = isObject(body) ? body : {}
  const grace = given.gracePeriodSeconds ?? number(query, 'gracePeriodSeconds')
  const orphan = given.orphanDependents === true ? 'Orphan' : undefined
  const policy = oneOf(
    'propagationPolicy',
    (given.propagationPolicy as string | undefined) ?? orphan ?? text(query, 'propagationPolicy'),
    POLICIES,
  )
  const preconditions = given.preconditions as DeleteRequest['preconditions'] | undefined
  return {
    dryRun: isDryRun([...query.getAll('dryRun'), ...(Array.isArray(given.dryRun) ? given.dryRun : [])]),
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(isObject(preconditions) ? { preconditions } : {}),
  }
}
