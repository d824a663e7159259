import type { LabInfo } from './info.ts'
import type { LabOptions } from './options.ts'
import type { LabFiles, ProcessId } from './state-directory.ts'

/** What the launcher gives the supervisor on its command line, as JSON. */
export interface SupervisorArguments {
  readonly options: LabOptions
  readonly files: LabFiles
  /** ports of the sockets that the launcher opened on 127.0.0.1 of the host */
  readonly apiPort: number
  readonly dashboardPort: number
  /** the lab runs in a user namespace */
  readonly userNamespace: boolean
}

/** Descriptors that the supervisor inherits. */
export const FDS = { launcher: 3, api: 4, dashboard: 5 } as const

/** Lines from the launcher. When the stream ends before `detach`, the supervisor ends the lab. */
export type LauncherMessage =
  /** the supervisor's own number as seen from outside, which it cannot see itself */
  { readonly kind: 'begin'; readonly outside: ProcessId } | { readonly kind: 'detach' }

/** Lines to the launcher. */
export type SupervisorMessage =
  | { readonly kind: 'up'; readonly info: LabInfo; readonly ms: number }
  | { readonly kind: 'failed'; readonly message: string }
