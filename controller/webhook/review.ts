import { isRecord } from '#crds/parse/fields.ts'

/** What a client wants to do to an object, from an AdmissionReview (admission.k8s.io/v1). */
export interface AdmissionRequest {
  readonly uid: string
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** absent for DELETE */
  readonly object?: Readonly<Record<string, unknown>>
  /** absent for CREATE */
  readonly oldObject?: Readonly<Record<string, unknown>>
}

export interface AdmissionVerdict {
  /** why not, '' when it is allowed */
  readonly denied: string
  /** shown to whoever asked, whether it is allowed or not */
  readonly warnings: readonly string[]
}

const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const
const ADMISSION = 'admission.k8s.io/v1'

/** The API server cuts longer ones, and drops all beyond 4096 octets together. */
const WARNING_LIMIT = 256
const WARNINGS_LIMIT = 12
const DENIAL_LIMIT = 8192

/** @returns the request, or why the body is no AdmissionReview */
export function readAdmissionReview(body: unknown): AdmissionRequest | string {
  const review = isRecord(body) ? body : {}
  const { request } = review
  if (review['kind'] !== 'AdmissionReview' || review['apiVersion'] !== ADMISSION || !isRecord(request))
    return `the body is no AdmissionReview of ${ADMISSION}`
  const operation = OPERATIONS.find((one) => one === request['operation'])
  const kind = isRecord(request['kind']) ? text(request['kind']['kind']) : ''
  if (operation === undefined || text(request['uid']) === '') return 'the request has no uid or no operation'
  const objects = ['object', 'oldObject'].flatMap((name) => {
    const value = request[name]
    return isRecord(value) ? [[name, value] as const] : []
  })
  const { object, oldObject } = Object.fromEntries(objects)
  // With generateName the name is in the object only.
  const metadata = (object ?? oldObject)?.['metadata']
  const name = text(request['name']) || (isRecord(metadata) ? text(metadata['name']) : '')
  return {
    uid: text(request['uid']),
    operation,
    kind,
    namespace: text(request['namespace']),
    name,
    ...(object === undefined ? {} : { object }),
    ...(oldObject === undefined ? {} : { oldObject }),
  }
}

/** The AdmissionReview to answer with. */
export function admissionAnswer(uid: string, { denied, warnings }: AdmissionVerdict): object {
  const shown = [...new Set(warnings)].map((warning) => shorten(warning, WARNING_LIMIT))
  const rest = shown.length - WARNINGS_LIMIT
  const listed = rest > 0 ? [...shown.slice(0, WARNINGS_LIMIT), `and ${rest} more warnings`] : shown
  return {
    apiVersion: ADMISSION,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: denied === '',
      ...(denied === ''
        ? {}
        : { status: { code: 403, reason: 'Forbidden', message: shorten(denied, DENIAL_LIMIT) } }),
      ...(listed.length === 0 ? {} : { warnings: listed }),
    },
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const shorten = (value: string, limit: number): string =>
  value.length > limit ? `${value.slice(0, limit - 1)}…` : value
