import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { changeEffects, configEffects, type ConfigEffect } from './config-change.ts'
import type { PeerConfig } from './config.ts'
import { testConfig } from './testing.ts'

/** Another value for every setting, and what that does. */
const changes: Required<{ [Key in keyof PeerConfig]: [PeerConfig[Key], ConfigEffect] }> = {
  name: ['other', 'none'],
  localAS: [64501, 'reset'],
  peerAS: [64513, 'reset'],
  asType: ['external', 'reset'],
  address: [parseAddress('192.0.2.9'), 'reset'],
  port: [1179, 'reset'],
  sourceAddress: [parseAddress('192.0.2.8'), 'reset'],
  device: ['eth0', 'reset'],
  routerId: ['10.0.0.3', 'reset'],
  holdTime: [30_000, 'reset'],
  keepaliveTime: [1000, 'none'],
  connectRetryTime: [1000, 'none'],
  password: ['secret', 'reset'],
  multihop: [true, 'reset'],
  families: [['ipv4-unicast'], 'reset'],
  gracefulRestart: [{ restartTime: 120_000, forwardingPreserved: true }, 'none'],
  role: ['customer', 'reset'],
  strictRole: [true, 'reset'],
  ttlSecurity: [1, 'reset'],
  listen: [true, 'none'],
  extendedNextHop: [true, 'reset'],
  hostname: ['node-1', 'none'],
  requiredCapabilities: [['route-refresh'], 'reset'],
  nextHops: [{ 6: parseAddress('fd00::2') }, 'readvertise'],
}

test('no setting is missing', () => {
  expect(Object.keys(changes).sort()).toEqual(Object.keys(configEffects).sort())
})

test.each(Object.entries(changes))('%s', (key, [value, effect]) => {
  expect(changeEffects(testConfig, { ...testConfig, [key]: value })).toEqual(new Set([effect]))
})

test('equal values of other objects change nothing; several changes are each effect once', () => {
  const copy = { ...testConfig, address: { ...testConfig.address }, families: [...testConfig.families] }
  expect(changeEffects(testConfig, copy)).toEqual(new Set())
  const several = {
    ...testConfig,
    port: 1,
    localAS: 2,
    name: 'x',
    nextHops: { 4: parseAddress('192.0.2.7') },
  }
  expect(changeEffects(testConfig, several)).toEqual(new Set(['reset', 'none', 'readvertise']))
})
