/** Every way in which a request to the API server can fail, by HTTP status unless said otherwise. */
export type KubeErrorCode =
  /** 400: the server does not understand the request */
  | 'FL_KUBE_BAD_REQUEST'
  /** 401 */
  | 'FL_KUBE_UNAUTHORIZED'
  /** 403 */
  | 'FL_KUBE_FORBIDDEN'
  /** 404 */
  | 'FL_KUBE_NOT_FOUND'
  /** 409 for create: the name is taken */
  | 'FL_KUBE_EXISTS'
  /** 409: the resourceVersion is stale, or another manager owns the field */
  | 'FL_KUBE_CONFLICT'
  /** 410: the resourceVersion or continue token is older than the server's history */
  | 'FL_KUBE_GONE'
  /** 422: the object is not valid */
  | 'FL_KUBE_INVALID'
  /** 429 */
  | 'FL_KUBE_THROTTLED'
  /** any other 4xx */
  | 'FL_KUBE_REFUSED'
  /** 5xx */
  | 'FL_KUBE_SERVER'
  /** status 0: no connection, connection lost, TLS failure, no answer in time */
  | 'FL_KUBE_UNREACHABLE'
  /** status 0: an answer that is not what the protocol says (not JSON, a line cut in the middle, too long) */
  | 'FL_KUBE_STREAM'
  /** status 0: kubeconfig or credentials cannot be used */
  | 'FL_KUBE_CONFIG'

interface KubeErrorOptions {
  readonly status?: number
  readonly reason?: string
  readonly details?: unknown
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** A request to the API server failed. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: KubeErrorCode
  /** HTTP status, 0 when there was no answer */
  readonly status: number
  /** reason of the metav1.Status (`NotFound`, `Expired` …); for status 0 the system's error code, or '' */
  readonly reason: string
  /** details of the metav1.Status: which field is invalid, which manager owns it */
  readonly details?: unknown
  /** the server asks not to be called again before this many milliseconds */
  readonly retryAfterMs?: number

  constructor(code: KubeErrorCode, message: string, options: KubeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? 0
    this.reason = options.reason ?? ''
    if (options.details !== undefined) this.details = options.details
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}

const codes: Readonly<Record<number, KubeErrorCode>> = {
  400: 'FL_KUBE_BAD_REQUEST',
  401: 'FL_KUBE_UNAUTHORIZED',
  403: 'FL_KUBE_FORBIDDEN',
  404: 'FL_KUBE_NOT_FOUND',
  409: 'FL_KUBE_CONFLICT',
  410: 'FL_KUBE_GONE',
  422: 'FL_KUBE_INVALID',
  429: 'FL_KUBE_THROTTLED',
}

interface Status {
  message?: string
  reason?: string
  details?: { retryAfterSeconds?: number }
}

/**
 * The error for an answer of the server.
 *
 * @param status HTTP status, or `code` of the metav1.Status in a watch's ERROR event
 * @param body the metav1.Status as JSON; anything else (a proxy's HTML) is quoted, shortened
 */
export function kubeErrorFrom(status: number, body: unknown, retryAfterMs?: number): KubeError {
  const given: Status = typeof body === 'object' && body !== null ? body : {}
  const text = typeof body === 'string' ? body.trim().slice(0, 200) : ''
  const reason = given.reason ?? ''
  const named = codes[status] ?? (status >= 400 && status < 500 ? 'FL_KUBE_REFUSED' : 'FL_KUBE_SERVER')
  const seconds = given.details?.retryAfterSeconds
  const wait = retryAfterMs ?? (seconds ? seconds * 1000 : undefined)
  return new KubeError(
    reason === 'AlreadyExists' ? 'FL_KUBE_EXISTS' : named,
    given.message || text || `the server answered ${status}`,
    {
      status,
      reason,
      ...(given.details === undefined ? {} : { details: given.details }),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    },
  )
}

/** Is this a KubeError with one of these codes? */
export const isKubeError = (error: unknown, ...wanted: KubeErrorCode[]): error is KubeError =>
  error instanceof KubeError && (wanted.length === 0 || wanted.includes(error.code))
