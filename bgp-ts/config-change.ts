import { formatAddress, type Address } from '#inet/address.ts'
import type { PeerConfig } from './config.ts'
import type { FsmConfig } from './events.ts'

/**
 * What a change of each setting does to a session that is up, mildest first: `none` counts from the next use on,
 * `readvertise` sends what differs again, `reset` closes with Cease 6/6 and connects anew.
 */
export const configEffects = {
  name: 'none',
  localAS: 'reset',
  peerAS: 'reset',
  asType: 'reset',
  address: 'reset',
  port: 'reset',
  sourceAddress: 'reset',
  device: 'reset',
  routerId: 'reset',
  holdTime: 'reset',
  keepaliveTime: 'none',
  connectRetryTime: 'none',
  password: 'reset',
  multihop: 'reset',
  families: 'reset',
  gracefulRestart: 'none',
  role: 'reset',
  strictRole: 'reset',
  ttlSecurity: 'reset',
  listen: 'none',
  extendedNextHop: 'reset',
  hostname: 'none',
  requiredCapabilities: 'reset',
  nextHops: 'readvertise',
} as const satisfies Record<keyof PeerConfig, 'none' | 'readvertise' | 'reset'>

export type ConfigEffect = (typeof configEffects)[keyof PeerConfig]

/** The effects of going from one configuration to the other, each once; empty when they are the same. */
export function changeEffects(before: PeerConfig, after: PeerConfig): Set<ConfigEffect> {
  const keys = Object.keys(configEffects) as (keyof PeerConfig)[]
  const changed = keys.filter((key) => comparable(before[key]) !== comparable(after[key]))
  return new Set(changed.map((key) => configEffects[key]))
}

const comparable = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (isAddress(part) ? formatAddress(part) : part)) ?? ''

const isAddress = (part: unknown): part is Address =>
  typeof part === 'object' && part !== null && 'value' in part && typeof part.value === 'bigint'

/** The part that the state machine sees: no address, no password. */
export const fsmConfig = (config: PeerConfig): FsmConfig => ({
  localAS: config.localAS,
  peerAS: config.peerAS,
  asType: config.asType,
  routerId: config.routerId,
  holdTime: config.holdTime,
  keepaliveTime: config.keepaliveTime,
  connectRetryTime: config.connectRetryTime,
  families: config.families,
  gracefulRestart: config.gracefulRestart,
  role: config.role,
  strictRole: config.strictRole,
  listen: config.listen,
  extendedNextHop: config.extendedNextHop,
  hostname: config.hostname,
  requiredCapabilities: config.requiredCapabilities,
})
