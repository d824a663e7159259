import { badRequest, cause, invalidOptions, type Cause } from '../status.ts'
import { isObject } from '../json.ts'
import type { DeleteRequest, WriteRequest } from '../rest/options.ts'
import type { IncludeObject } from '../table/table.ts'

const VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'] as const
const INCLUDES = ['None', 'Metadata', 'Object'] as const
const POLICIES = ['Foreground', 'Background', 'Orphan'] as const
const MANAGER_LIMIT = 128

/** A text parameter, undefined when absent or empty. */
export const text = (query: URLSearchParams, name: string): string | undefined => query.get(name) || undefined

/** `true` and `1`. */
export const flag = (query: URLSearchParams, name: string): boolean =>
  query.get(name) === 'true' || query.get(name) === '1'

/** A whole number, undefined when absent. @throws StatusError 400 */
export function number(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name)
  if (value === undefined) return undefined
  if (!/^-?\d+$/.test(value)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`)
  }
  return Number(value)
}

/**
 * The parameters that all writes have.
 * @param kind of the options, for errors: `CreateOptions`, `UpdateOptions`, `PatchOptions`
 * @param userAgent names the manager when the client names none
 * @throws StatusError 422
 */
export function writeRequest(
  query: URLSearchParams,
  kind: string,
  userAgent: string,
  warnings: string[],
): WriteRequest {
  const manager = text(query, 'fieldManager')
  const validation = text(query, 'fieldValidation') ?? ''
  const known = VALIDATIONS.find((one) => one === validation)
  const causes = [...managerCauses(manager ?? ''), ...dryRunCauses(query.getAll('dryRun'))]
  if (known === undefined) causes.push(cause.unsupported('fieldValidation', validation, VALIDATIONS))
  if (causes.length > 0) throw invalidOptions(kind, ...causes)
  return {
    fieldManager: manager ?? (userAgent.split('/')[0] || 'unknown'),
    dryRun: query.getAll('dryRun').includes('All'),
    fieldValidation: known || 'Warn',
    warnings,
  }
}

function managerCauses(manager: string): Cause[] {
  if (Buffer.byteLength(manager) > MANAGER_LIMIT) return [cause.tooLong('fieldManager', MANAGER_LIMIT)]
  const place = [...manager].findIndex((one) => /\p{C}/u.test(one))
  if (place < 0) return []
  const code = [...manager][place].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  return [cause.invalid('fieldManager', manager, `invalid character U+${code} (at position ${place})`)]
}

function dryRunCauses(values: readonly unknown[]): Cause[] {
  const wrong = values.some((value) => value !== 'All' && value !== '')
  return wrong ? [cause.unsupported('dryRun', values, ['All'])] : []
}

/** Which part of each object a table row carries. */
export function includeObject(query: URLSearchParams): IncludeObject {
  const given = text(query, 'includeObject') ?? 'Metadata'
  const found = INCLUDES.find((one) => one === given)
  if (found !== undefined) return found
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(given)}`)
}

/** DeleteOptions from the body, or from the query where there is no body. @throws StatusError 400, 422 */
export function deleteRequest(query: URLSearchParams, body: unknown): DeleteRequest {
  const given = isObject(body) ? body : {}
  const grace = given.gracePeriodSeconds ?? number(query, 'gracePeriodSeconds')
  const { orphanDependents } = given
  const policy = (given.propagationPolicy as string | undefined) ?? text(query, 'propagationPolicy')
  const known = POLICIES.find((one) => one === policy)
  const dryRun = [...query.getAll('dryRun'), ...(Array.isArray(given.dryRun) ? given.dryRun : [])]
  const causes: Cause[] = []
  if (policy !== undefined && orphanDependents !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set'
    causes.push(cause.invalid('propagationPolicy', policy, why))
  } else if (policy !== undefined && known === undefined) {
    causes.push(cause.unsupported('propagationPolicy', policy, [...POLICIES, 'nil']))
  }
  causes.push(...dryRunCauses(dryRun))
  if (causes.length > 0) throw invalidOptions('DeleteOptions', ...causes)
  const propagation = known ?? (orphanDependents === true ? 'Orphan' : undefined)
  const preconditions = given.preconditions as DeleteRequest['preconditions'] | undefined
  return {
    dryRun: dryRun.includes('All'),
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    ...(isObject(preconditions) ? { preconditions } : {}),
  }
}
