export type AdminErrorCode =
  | 'FL_ADMIN_UNAUTHENTICATED'
  | 'FL_ADMIN_FORBIDDEN'
  | 'FL_ADMIN_NOT_FOUND'
  | 'FL_ADMIN_ARGUMENT'
  | 'FL_ADMIN_NOT_HERE'
  | 'FL_ADMIN_BUSY'
  /** the first lists of the API server are not complete */
  | 'FL_ADMIN_NOT_SYNCED'
  | 'FL_ADMIN_AUTH_UNAVAILABLE'

/** An answer of the admin API that is not a success; fastify sends `statusCode` and the message. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly code: AdminErrorCode
  readonly statusCode: number

  constructor(code: AdminErrorCode, statusCode: number, message: string) {
    super(message)
    this.code = code
    this.statusCode = statusCode
  }
}

/** Before the first lists are complete nothing can be said of what is not there. */
export const NOT_SYNCED = 'the first lists of the API server are not complete yet'

export const notSynced = (): AdminError =>
  new AdminError('FL_ADMIN_NOT_SYNCED', 503, `${NOT_SYNCED}: ask again in a moment`)
