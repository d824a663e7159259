import type { ManagedProcess } from '../managed-process.ts'
import type { RouterKind } from '../options.ts'
import { bird } from './bird.ts'
import { frr } from './frr.ts'
import { gobgp } from './gobgp.ts'

/** Where a routing daemon runs and keeps its files. */
export interface RouterPlace {
  /** prefix of a command that is to run in the router's network namespace */
  readonly enter: readonly [string, ...string[]]
  /** directory of configuration files, outside the lab too */
  readonly etc: string
  readonly logs: string
}

/** Processes in the order of their start. */
type StartRouter = (place: RouterPlace) => readonly ManagedProcess[]

/** Starts the router's daemons, whose own clients then work in its namespace without flags. */
export function startRouter(kind: RouterKind, place: RouterPlace): readonly ManagedProcess[] {
  const start: Readonly<Record<RouterKind, StartRouter>> = { bird, frr, gobgp, none: () => [] }
  const processes = start[kind](place)
  for (const process of processes) process.start()
  return processes
}
