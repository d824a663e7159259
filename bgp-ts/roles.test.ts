import { expect, test } from 'vitest'
import { roles, type Role } from './config.ts'
import { fsmConfig } from './config-change.ts'
import { checkRole, counterparts, marksRoutes, peerRole, roleCapability } from './roles.ts'
import { testConfig } from './testing.ts'

const config = (role: Role | undefined, strictRole = false) => fsmConfig({ ...testConfig, role, strictRole })

test.each(roles.flatMap((ours) => roles.map((theirs) => [ours, theirs] as const)))(
  '%s and %s',
  (ours, theirs) => {
    const fault = checkRole(config(ours), [roleCapability(theirs)])
    if (counterparts[ours] === theirs) expect(fault).toBeUndefined()
    else {
      expect(fault).toMatchObject({ error: 'FL_BGP_OPEN_ROLE', data: [] })
      expect(fault?.text).toContain(theirs)
      expect(fault?.text).toContain(counterparts[ours])
    }
    expect(peerRole([roleCapability(theirs)])).toBe(theirs)
  },
)

test('five pairs are allowed, each from both sides', () => {
  for (const role of roles) expect(counterparts[counterparts[role]]).toBe(role)
})

test.each([
  ['no role of ours: nothing is checked', config(undefined), [roleCapability('customer')], true],
  ['no role of the peer', config('customer'), [], true],
  ['no role of the peer, strictly', config('customer', true), [], false],
  ['the same role twice', config('peer'), [roleCapability('peer'), roleCapability('peer')], true],
  ['two roles', config('peer'), [roleCapability('peer'), roleCapability('customer')], false],
  ['a number that is no role', config('peer'), [{ kind: 'role', value: 200 } as const], false],
])('%s', (_name, own, capabilities, good) => {
  expect(checkRole(own, capabilities) === undefined).toBe(good)
})

test('routes down and to the side are marked (RFC 9234 5)', () => {
  expect([...roles, undefined].filter(marksRoutes)).toEqual(['provider', 'route-server', 'peer'])
})
