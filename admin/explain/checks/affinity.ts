import { ok, unknown, warn, type Check } from '../check.ts'

/** Check 11: what session affinity promises, and what it does not. */
export const affinityCheck: Check = {
  id: 'affinity',
  question: 'Does a client come back to the same endpoint?',
  run({ service, forwarding }) {
    if (service === undefined) return unknown('there is no Service')
    const { sessionAffinity, sessionAffinityTimeout, ports } = service
    if (sessionAffinity === 'None') return ok('not asked for: sessionAffinity is None')
    const lost = forwarding?.problems.find((problem) => problem.startsWith('sessionAffinity'))
    if (lost !== undefined)
      return warn(lost, 'give the Service fewer endpoints, or balance by fairlead.io/balance: source-hash')
    const each = ports.length > 1 ? 'each node and each port for itself' : 'each node for itself'
    return ok(`for ${sessionAffinityTimeout} s after its last connection, ${each}`)
  },
}
