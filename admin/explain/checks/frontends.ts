import { FRONTENDS_CLAIMED } from '#controller/frontends.ts'
import { fail, ok, unknown, type Check } from '../check.ts'
import type { Evidence } from '../evidence.ts'

/** Frontends that an older Service has, in words; a speaker knows them, and the controller tells them in a condition. */
export function takenFrontends({ service, forwarding }: Evidence): readonly string[] {
  const condition = service?.conditions.find(({ type }) => type === FRONTENDS_CLAIMED)
  return forwarding?.taken ?? (condition?.status === 'False' ? [condition.message] : [])
}

/** Check 5: of two Services with one address and port only one gets the packets. */
export const frontendsCheck: Check = {
  id: 'frontends',
  question: 'Does it have its addresses and ports to itself?',
  run(evidence) {
    if (evidence.service === undefined) return unknown('there is no Service')
    const taken = takenFrontends(evidence)
    if (taken.length === 0) return ok('no older Service claims any of them')
    return fail(
      taken.join('; '),
      'change the port or the address of one of the two Services: the older one keeps what both claim',
    )
  },
}
