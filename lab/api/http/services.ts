import type { Authenticator } from '../auth/authenticator.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { Backend } from '../backend.ts'
import type { OpenWatch, WatchLimits } from './watch-stream.ts'

/** What the HTTP side needs of the server. */
export interface Services {
  readonly backend: Backend
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  /** are requests refused that RBAC does not allow? */
  readonly enforce: boolean
  /** every watch that is running */
  readonly watches: Set<OpenWatch>
  readonly watchLimits: WatchLimits
}
