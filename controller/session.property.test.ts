import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress } from '#inet/address.ts'
import { keyOf } from '#kube/api.ts'
import { POOL_ANNOTATION } from './request.ts'
import { byAge, type Session } from './session.ts'
import { addressesOf, histories, History } from './test-history.ts'
import { Oracle } from './test-oracle.ts'

const RUNS = 150

/** Which family of a pool is short is told as of when the Service was last looked at. */
const lasting = (message: string): string =>
  message
    .replaceAll(/has no free (IPv[46] )?address/g, 'is full')
    .replaceAll(/(has no IPv[46] addresses) and is full/g, '$1')

/** What every Service would be told by a session that looks at all of them. */
function decideAll(session: Session, history: History): Map<string, unknown> {
  const services = [...history.services.values()].sort(byAge)
  return new Map<string, unknown>(
    services.map((service) => {
      const decision = session.decide(service)
      if ('notOurs' in decision) return [keyOf(service), decision.notOurs]
      const { addresses, pool, reason, message, reservation } = decision
      return [
        keyOf(service),
        { addresses: addresses.map(formatAddress), pool, reason, message: lasting(message), reservation },
      ]
    }),
  )
}

const told = (history: History): Map<string, unknown> =>
  new Map<string, unknown>(
    [...history.services].map(([key, service]) => {
      const decision = history.decisionOf(key)
      if (service.type !== 'LoadBalancer') return [key, 'NotLoadBalancer']
      return [
        key,
        {
          addresses: addressesOf(service).map(formatAddress),
          pool: service.annotations[POOL_ANNOTATION] ?? '',
          reason: decision?.reason,
          message: lasting(decision?.message ?? ''),
          reservation: decision?.reservation,
        },
      ]
    }),
  )

test(`after any history every address is lawful, no two Services share what they may not, who can be served is served, what is reserved is nobody else's, and free is what nobody has or keeps (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(histories(30), (events) => {
      const history = new History()
      for (const event of events) {
        const before = new Oracle(history).moment()
        history.apply(event)
        const oracle = new Oracle(history)
        expect([...oracle.faults(), ...oracle.taken(before)]).toEqual([])
      }
    }),
    { numRuns: RUNS },
  )
})

test(`after any history a restart, which looks at everything, changes nothing (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(histories(30), (events) => {
      const history = new History()
      for (const event of events) {
        history.apply(event)
        expect(decideAll(history.newSession(), history)).toEqual(told(history))
      }
    }),
    { numRuns: RUNS },
  )
})

test(`deciding everything again changes nothing either (${RUNS} runs)`, () => {
  fc.assert(
    fc.property(histories(30), (events) => {
      const history = new History()
      for (const event of events) history.apply(event)
      const before = told(history)
      expect(decideAll(history.session, history)).toEqual(before)
      expect(history.session.takeHopeful()).toEqual([])
    }),
    { numRuns: RUNS },
  )
})
