import { expect, test } from 'vitest'
import { fsmConfig } from './config-change.ts'
import type { FsmConfig } from './events.ts'
import { ceaseFor, restartCapability, restartTerms } from './graceful-restart.ts'
import { testConfig } from './testing.ts'
import type { GracefulRestartCapability } from './wire/capabilities.ts'

const config: FsmConfig = fsmConfig({
  ...testConfig,
  gracefulRestart: { restartTime: 120_000, forwardingPreserved: true },
})

test('is not offered unless configured', () => {
  expect(restartCapability(fsmConfig(testConfig), true)).toBeUndefined()
})

test('says R after a start only, F as it is, and N always', () => {
  const families = (forwarding: boolean) => [
    { afi: 1, safi: 1, forwarding },
    { afi: 2, safi: 1, forwarding },
  ]
  expect(restartCapability(config, true)).toEqual({
    kind: 'gracefulRestart',
    restarting: true,
    notification: true,
    restartTime: 120,
    families: families(true),
  })
  expect(restartCapability(config, false)?.restarting).toBe(false)
  const stopped = { restartTime: 10_000_000, forwardingPreserved: false }
  expect(restartCapability({ ...config, gracefulRestart: stopped }, false)).toMatchObject({
    restartTime: 4095,
    families: families(false),
  })
})

const theirs: GracefulRestartCapability = {
  kind: 'gracefulRestart',
  restarting: true,
  notification: true,
  restartTime: 90,
  families: [
    { afi: 2, safi: 1, forwarding: true },
    { afi: 25, safi: 65, forwarding: true },
  ],
}

test('the last capability of an OPEN counts, and families of ours', () => {
  expect(restartTerms([{ ...theirs, restartTime: 1 }, { kind: 'routeRefresh' }, theirs])).toEqual({
    peerRestarted: true,
    peerRestartTime: 90_000,
    peerFamilies: ['ipv6-unicast'],
    notification: true,
  })
  expect(restartTerms([{ kind: 'routeRefresh' }])).toBeUndefined()
})

test.each([
  ['no graceful restart', undefined, true, 2],
  ['without the N bit', { ...theirs, notification: false }, true, 2],
  ['with the N bit', theirs, true, 9],
  ['with the N bit, not leaving', theirs, false, 2],
])('a Cease, %s', (_name, capability, leaving, subcode) => {
  const terms = capability && restartTerms([capability])
  const cease = ceaseFor(terms, 2, 'bye', leaving)
  const inner = subcode === 9 ? [6, 2] : []
  expect(cease).toEqual({
    type: 'notification',
    code: 6,
    subcode,
    data: [...inner, 3, 0x62, 0x79, 0x65],
  })
})
