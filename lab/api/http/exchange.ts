import type { IncomingMessage, ServerResponse } from 'node:http'
import type { User } from '../auth/authenticator.ts'
import type { Form } from './accept.ts'
import type { IncludeObject } from '../table/table.ts'

/** One authenticated request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly user: User
  readonly path: string
  readonly query: URLSearchParams
  /** undefined when the body is empty */
  readonly body: unknown
  readonly form: Form
  readonly include: IncludeObject
  /** become Warning headers */
  readonly warnings: string[]
}
