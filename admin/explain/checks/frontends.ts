import { FRONTENDS_CLAIMED } from '#controller/frontends.ts'
import { fail, ok, unknown, type Check } from '../check.ts'

/** Check 5: of two Services with one address and port only one gets the packets. */
export const frontendsCheck: Check = {
  id: 'frontends',
  question: 'Does it have its addresses and ports to itself?',
  run({ service, forwarding }) {
    if (service === undefined) return unknown('there is no Service')
    const condition = service.conditions.find(({ type }) => type === FRONTENDS_CLAIMED)
    const taken = forwarding?.taken ?? (condition?.status === 'False' ? [condition.message] : [])
    if (taken.length === 0) return ok('no older Service claims any of them')
    return fail(
      taken.join('; '),
      'change the port or the address of one of the two Services: the older one keeps what both claim',
    )
  },
}
