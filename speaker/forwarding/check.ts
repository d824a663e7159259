import { tryParseAddress, type Family } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import { ForwardingError } from './errors.ts'
import {
  collections,
  countings,
  endpointsOf,
  families,
  fieldsOf,
  tuple,
  type Element,
  type Elements,
  type Field,
} from './model.ts'
import type { ServicePlan } from './plan.ts'
import type { Endpoint } from './service-ports.ts'

/** What must hold of elements whatever data plane they are for. */

const isNumber = (text: string, max: number): boolean => /^(0|[1-9][0-9]*)$/.test(text) && Number(text) <= max

const fits: Record<Field, (text: string, family: Family) => boolean> = {
  address: (text, family) => tryParseAddress(text)?.family === family,
  prefix: (text, family) => tryParsePrefix(text)?.address.family === family,
  protocol: (text) => text === 'tcp' || text === 'udp' || text === 'sctp',
  port: (text) => isNumber(text, 65_535),
  slot: (text) => isNumber(text, 65_535),
  count: (text) => text !== '0' && isNumber(text, 65_535),
}

/** @throws ForwardingError FL_FORWARDING_ELEMENT when a key or value does not have the fields of its collection */
export function checkElement({ family, collection, key, value }: Element): void {
  const shape = collections[collection]
  const valid = (fields: readonly Field[], text: string) => {
    const parts = text === '' ? [] : fieldsOf(text)
    return parts.length === fields.length && fields.every((field, at) => fits[field](parts[at], family))
  }
  if (!valid(shape.key, key) || !valid(shape.value, value)) {
    throw new ForwardingError('FL_FORWARDING_ELEMENT', `${collection} (IPv${family}) { ${key} : ${value} }`)
  }
}

/** What no element can say of a plan, in words; '' when all of it can be said. One bad field would fail a transaction. */
export function planProblem(plan: ServicePlan): string {
  // Frontends of one port share their lists.
  const checked = new Set<readonly Endpoint[]>()
  for (const { kind, family, address, protocol, port, endpoints, local = [] } of plan.frontends) {
    const valid = (field: Field, value: string | number) => fits[field](String(value), family)
    if (kind !== 'NodePort' && !valid('address', address)) return `address "${address}" (IPv${family})`
    if (!valid('protocol', protocol.toLowerCase())) return `protocol ${protocol}`
    if (!valid('port', port)) return `port ${port}`
    for (const list of [endpoints, local]) {
      if (list.length === 0 || checked.has(list)) continue
      checked.add(list)
      if (!valid('count', list.length)) return `port ${port} has ${list.length} endpoints`
      const bad = list.find((one) => !valid('address', one.address) || !valid('port', one.port))
      if (bad) return `endpoint "${bad.address}" port ${bad.port} (IPv${family})`
    }
  }
  for (const { family, address, by } of plan.pingable) {
    for (const text of [address, by])
      if (!fits.address(text, family)) return `address "${text}" (IPv${family})`
  }
  const bad = plan.clusterIPs.find(({ family, address }) => !fits.address(address, family))
  return bad === undefined ? '' : `ClusterIP "${bad.address}" (IPv${bad.family})`
}

/**
 * Every frontend has the endpoints that it counts, in slots from 0, and no slot is left over.
 * @throws ForwardingError FL_FORWARDING_REFERENCE
 */
export function checkReferences(elements: Elements): void {
  for (const family of families) {
    for (const over of countings) {
      const endpoints = elements[family][endpointsOf[over]]
      let counted = 0
      for (const [key, value] of elements[family][over]) {
        const count = Number(value)
        counted += count
        for (let slot = 0; slot < count; slot++) {
          if (!endpoints.has(tuple(key, slot))) {
            const text = `${over} (IPv${family}) ${key} counts ${count} endpoints, slot ${slot} is missing`
            throw new ForwardingError('FL_FORWARDING_REFERENCE', text)
          }
        }
      }
      if (counted !== endpoints.size) {
        const text = `${endpointsOf[over]} (IPv${family}) holds ${endpoints.size} endpoints, ${counted} are counted`
        throw new ForwardingError('FL_FORWARDING_REFERENCE', text)
      }
    }
  }
}
