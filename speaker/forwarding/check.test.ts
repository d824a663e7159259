import { describe, expect, test } from 'vitest'
import { checkReferences } from './check.ts'
import { everything } from './dataplane-suite.ts'
import type { MutableElements } from './model.ts'

type Own = MutableElements[4]

test('what a data plane is tested with refers to nothing that is missing', () => {
  expect(() => checkReferences(everything())).not.toThrow()
})

describe.each([4, 6] as const)('IPv%i', (family) => {
  const vip = family === 4 ? '10.96.0.1' : 'fd00:96::1'
  test.each<[string, (own: Own) => void]>([
    ['an endpoint that is counted is missing', (own) => own.endpoints.delete(`${vip} . tcp . 80 . 1`)],
    ['an endpoint that nobody counts', (own) => own.endpoints.set(`${vip} . tcp . 80 . 2`, `${vip} . 1`)],
    [
      'a frontend with a list but without endpoints',
      (own) => own['affinity-frontends'].set(`${vip} . tcp . 9`, '1'),
    ],
    ['a slot of a list is missing', (own) => own['affinity-slots'].delete(`${vip} . udp . 80 . 0`)],
    ['a slot of a list too many', (own) => own['affinity-slots'].set(`${vip} . udp . 80 . 1`, '1/1')],
    ['a slot of another list', (own) => own['affinity-slots'].set(`${vip} . udp . 80 . 0`, '2/8191')],
    [
      'a slot whose endpoint has no number',
      (own) => own['affinity-slots'].set(`${vip} . udp . 80 . 0`, '1/2'),
    ],
    ['a number for another endpoint', (own) => own['affinity-endpoints'].set('1/1', `${vip} . 1`)],
    ['a number that no slot has', (own) => own['affinity-endpoints'].set('1/2', `${vip} . 1`)],
    ['a list without a time', (own) => own['affinity-timeouts'].delete('1 . 10800')],
    ['a list with two times', (own) => own['affinity-timeouts'].set('1 . 60', '')],
    ['a time of no list', (own) => own['affinity-timeouts'].set('9 . 60', '')],
  ])('%s', (_, damage) => {
    const elements = everything()
    damage(elements[family])
    expect(() => checkReferences(elements)).toThrow(
      expect.objectContaining({ code: 'FL_FORWARDING_REFERENCE' }),
    )
  })
})
