import { formatAddress } from '#inet/address.ts'
import { formatRange } from '#inet/range.ts'
import type { Config, Problem } from '#crds/config.ts'
import type { Service } from '#kube/objects/service.ts'
import type { Document } from './source.ts'

/** A value as JSON can carry it: addresses as text, sets and maps as arrays and objects, big integers as text. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Set) return [...value].map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, plain(one)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  if (isFamily(record.family) && typeof record.value === 'bigint') {
    return formatAddress({ family: record.family, value: record.value })
  }
  if (isFamily(record.family) && typeof record.first === 'bigint' && typeof record.last === 'bigint') {
    return formatRange({ family: record.family, first: record.first, last: record.last })
  }
  const fields = Object.entries(record).filter(([key, one]) => one !== undefined && key !== 'password')
  return Object.fromEntries(fields.map(([key, one]) => [key, plain(one)]))
}

const isFamily = (value: unknown): value is 4 | 6 => value === 4 || value === 6

/** The configuration in force and what is wrong with the one asked for. Passwords are left out. */
export function configDocument(config: Config, problems: readonly Problem[]): Document {
  return { ...(plain(config) as Document), problems: plain(problems) }
}

export const serviceKey = (service: Service): string => `${service.namespace}/${service.name}`

/** The addresses that status.loadBalancer gives. */
export const addressesOf = (service: Service): string[] =>
  service.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip]))

export const portsOf = (service: Service): string[] =>
  service.ports.map(
    ({ port, protocol, nodePort }) => `${port}${nodePort === 0 ? '' : `:${nodePort}`}/${protocol}`,
  )
