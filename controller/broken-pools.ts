import { exhausted, type Considered } from './allocator/outcome.ts'
import type { AllocationRequest, Refusal } from './allocator/request.ts'

/** A refusal, and the pools that were looked at. */
export interface Refused {
  readonly refusal: Refusal
  readonly considered: readonly Considered[]
}

/**
 * A refusal in words that know of the pools in error: for the allocator these do not exist, but whoever wrote one
 * looks for his mistake there.
 * @param broken pools that are in error and not in force, with what is wrong
 */
export function withBrokenPools(
  { refusal, considered }: Refused,
  { pool }: Pick<AllocationRequest, 'pool'>,
  broken: ReadonlyMap<string, string>,
): Refused {
  if (broken.size === 0) return { refusal, considered }
  const { reason, message } = refusal
  const own = broken.get(pool)
  if (reason === 'UnknownPool' && own !== undefined) {
    const why = { reason: 'PoolInvalid', message: `IPAddressPool ${pool} is in error: ${own}` } as const
    return { refusal: why, considered: [{ pool, refused: inError(own) }] }
  }
  const others = [...broken].map(([name, problem]) => ({ pool: name, refused: inError(problem) }))
  if (pool === '' && fromAnyPool.has(reason)) {
    const all = [...considered, ...others]
    return { refusal: exhausted(all, reason), considered: all }
  }
  if (reason !== 'RequestedAddressNotInPool') return { refusal, considered }
  const names = [...broken.keys()].join(', ')
  return { refusal: { reason, message: `${message}; in error: ${names}` }, considered: others }
}

const fromAnyPool: ReadonlySet<Refusal['reason']> = new Set([
  'NoPools',
  'NoMatchingPool',
  'PoolExhausted',
  'FamilyNotInPools',
])

const inError = (problem: string): string => `is in error: ${problem}`
