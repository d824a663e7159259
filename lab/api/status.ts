import type { JsonObject } from './json.ts'

/** One thing wrong with one field, as metav1.StatusCause plus what the text is made of. */
export interface Cause {
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueTypeInvalid'
    | 'FieldValueRequired'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldManagerConflict'
  /** text without the field path */
  readonly message: string
  readonly field: string
}

const shown = (value: unknown): string => JSON.stringify(value) ?? 'null'

/** Constructors of causes with the wording of k8s.io/apimachinery `field.Error`. */
export const cause = {
  invalid: (field: string, value: unknown, why: string): Cause => ({
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${shown(value)}: ${why}`,
  }),
  /** @param given name of its type */
  wrongType: (field: string, given: string, why: string): Cause => ({
    reason: 'FieldValueTypeInvalid',
    field,
    message: `Invalid value: ${shown(given)}: ${why}`,
  }),
  required: (field: string, why = ''): Cause => ({
    reason: 'FieldValueRequired',
    field,
    message: why === '' ? 'Required value' : `Required value: ${why}`,
  }),
  unsupported: (field: string, value: unknown, allowed: readonly unknown[]): Cause => ({
    reason: 'FieldValueNotSupported',
    field,
    message: `Unsupported value: ${shown(value)}: supported values: ${allowed.map(shown).join(', ')}`,
  }),
  duplicate: (field: string, value: unknown): Cause => ({
    reason: 'FieldValueDuplicate',
    field,
    message: `Duplicate value: ${shown(value)}`,
  }),
  forbidden: (field: string, why: string): Cause => ({
    reason: 'FieldValueForbidden',
    field,
    message: `Forbidden: ${why}`,
  }),
  tooLong: (field: string, limit: number): Cause => ({
    reason: 'FieldValueTooLong',
    field,
    message: `Too long: may not be more than ${limit} bytes`,
  }),
  tooMany: (field: string, count: number, limit: number): Cause => ({
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${count}: must have at most ${limit} items`,
  }),
}

/** Which kind of object an error is about. */
export interface Subject {
  readonly group: string
  readonly plural: string
  readonly kind: string
}

/** A request failed; `toStatus` is what the client is told. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  /** HTTP status */
  readonly code: number
  /** metav1.StatusReason; '' for an error of Go that nobody wrapped */
  readonly reason: string
  readonly details: JsonObject | undefined

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
  }

  /** The metav1.Status object. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    }
  }
}

const resourceName = (subject: Subject): string =>
  subject.group === '' ? subject.plural : `${subject.plural}.${subject.group}`

const kindName = (subject: Subject): string =>
  subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`

const detailsOf = (subject: Subject, name: string): JsonObject => ({
  name,
  ...(subject.group === '' ? {} : { group: subject.group }),
  kind: subject.plural,
})

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message)

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized')

export const forbidden = (subject: Subject, name: string, why: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${resourceName(subject)} ${JSON.stringify(name)} is forbidden: ${why}`,
    detailsOf(subject, name),
  )

export const notFound = (subject: Subject, name: string): StatusError =>
  new StatusError(
    404,
    'NotFound',
    `${resourceName(subject)} ${JSON.stringify(name)} not found`,
    detailsOf(subject, name),
  )

/** No such path: what the API server says to an unknown group, version or resource. */
export const noSuchResource = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const methodNotAllowed = (): StatusError =>
  new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  )

export const notAcceptable = (types: readonly string[]): StatusError =>
  new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)

export const unsupportedMediaType = (types: readonly string[]): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
  )

/** @param deleting the one that is there waits for its finalizers */
export const alreadyExists = (subject: Subject, name: string, deleting: boolean): StatusError =>
  new StatusError(
    409,
    'AlreadyExists',
    `${deleting ? 'object is being deleted: ' : ''}${resourceName(subject)} ${JSON.stringify(name)} already exists`,
    detailsOf(subject, name),
  )

export const conflict = (subject: Subject, name: string, why: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resourceName(subject)} ${JSON.stringify(name)}: ${why}`,
    detailsOf(subject, name),
  )

export const staleVersion = (subject: Subject, name: string): StatusError =>
  conflict(
    subject,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  )

/** 409 of server-side apply: other managers own fields that the configuration wants to change. */
export function applyConflict(found: readonly { manager: string; field: string }[]): StatusError {
  const managers = [...new Set(found.map((one) => one.manager))]
  const fields = (manager: string) =>
    found.filter((one) => one.manager === manager).map((one) => `\n- ${one.field}`)
  const lines =
    found.length === 1
      ? `conflict with ${managers[0]}: ${found[0]!.field}`
      : `conflicts with ${managers.map((manager) => `${manager}:${fields(manager).join('')}`).join('\nconflicts with ')}`
  return new StatusError(
    409,
    'Conflict',
    `Apply failed with ${found.length} conflict${found.length === 1 ? '' : 's'}: ${lines}`,
    {
      causes: found.map(({ manager, field }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${manager}`,
        field,
      })),
    },
  )
}

/** 410: the history no longer reaches back that far. */
export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message)

export function invalid(subject: Subject, name: string, causes: readonly Cause[]): StatusError {
  const texts = causes.map((one) => (one.field === '' ? one.message : `${one.field}: ${one.message}`))
  const all = texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
  return new StatusError(422, 'Invalid', `${kindName(subject)} ${JSON.stringify(name)} is invalid: ${all}`, {
    ...(name === '' ? {} : { name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(subject.kind === '' ? {} : { kind: subject.kind }),
    causes: causes.map(({ reason, message, field }) => ({ reason, message, field })),
  })
}

/** A parameter of a request that cannot be: `kind` is such as `ListOptions`. */
export const invalidOptions = (kind: string, ...causes: Cause[]): StatusError =>
  invalid({ group: 'meta.k8s.io', plural: '', kind }, '', causes)

/** An error that the API server passes on as it came. */
export const plainError = (message: string): StatusError => new StatusError(500, '', message)

export const internalError = (message: string): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`)
