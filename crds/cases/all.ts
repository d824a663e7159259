import { advertisementCases } from './advertisements.ts'
import type { ConfigurationCase } from './case.ts'
import { otherCases } from './others.ts'
import { peerCases } from './peers.ts'
import { poolCases } from './pools.ts'

/** Every case, with the title of its test. */
export const allCases: readonly (readonly [string, ConfigurationCase])[] = [
  ...poolCases,
  ...peerCases,
  ...advertisementCases,
  ...otherCases,
].map((one) => {
  const outcome =
    one.problem === undefined ? 'takes' : one.problem.severity === 'error' ? 'refuses' : 'warns of'
  return [`${one.number}: ${outcome} ${one.name} (${one.section})`, one]
})
