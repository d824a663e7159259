import { addresses } from './regressions/addresses.ts'
import { contests } from './regressions/contests.ts'
import { lives } from './regressions/lives.ts'
import type { Regression } from './regressions/regression.ts'

/** Everything that has gone wrong once. */
export const regressions: readonly Regression[] = [...lives, ...contests, ...addresses]
