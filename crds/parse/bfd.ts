import type { BfdProfile } from '../config.ts'
import type { Fields } from './fields.ts'
import type { Metadata } from './metadata.ts'

/** FRR's defaults, which MetalLB's users rely on. */
const defaults = {
  receiveInterval: 300,
  transmitInterval: 300,
  detectMultiplier: 3,
  echoInterval: 50,
} as const

/** BFDProfile. */
export function parseBfdProfile({ name }: Metadata, spec: Fields): BfdProfile {
  const optional = (field: string, words: string, min: number, max: number): number | undefined =>
    spec.integer(
      field,
      min,
      max,
      (value) => `invalid ${words} value: invalid value ${value}, must be in ${min}-${max} range`,
    )
  const number = (field: keyof typeof defaults, words: string, min: number, max: number): number =>
    optional(field, words, min, max) ?? defaults[field]
  const echoMode = spec.boolean('echoMode')
  if (echoMode)
    spec.warn(
      'FL_PROFILE_ECHO',
      'echoMode',
      `echo packets are not offered: sessions with bfd profile ${name} run without them`,
    )
  const minimumTtl = optional('minimumTtl', 'minimum ttl', 1, 254)
  const profile: BfdProfile = {
    name,
    receiveInterval: number('receiveInterval', 'receive interval', 10, 60_000),
    transmitInterval: number('transmitInterval', 'transmit interval', 10, 60_000),
    detectMultiplier: number('detectMultiplier', 'detect multiplier', 2, 255),
    echoInterval: number('echoInterval', 'echo interval', 10, 60_000),
    echoMode,
    passiveMode: spec.boolean('passiveMode'),
    ...(minimumTtl !== undefined && { minimumTtl }),
  }
  spec.finish()
  return profile
}
