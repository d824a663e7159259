import { canonicalText, type Family } from '#inet/address.ts'
import { tryParsePrefix } from '#inet/prefix.ts'
import { countClass, slotsIn } from './balance.ts'
import { ForwardingError } from './errors.ts'
import {
  affinityOf,
  collections,
  countings,
  endpointsOf,
  families,
  fieldsOf,
  tuple,
  type Counting,
  type Element,
  type Elements,
  type Field,
} from './model.ts'
import type { ServicePlan } from './plan.ts'
import { MAX_LISTS, MAX_MEMBERS, MAX_TIMEOUT } from './register.ts'
import { isPort, type Endpoint } from './service-ports.ts'

/** What must hold of elements whatever data plane they are for. */

const isNumber = (text: string, max: number): boolean => /^(0|[1-9][0-9]*)$/.test(text) && Number(text) <= max

const fits: Record<Field, (text: string, family: Family) => boolean> = {
  address: (text, family) => canonicalText(text, family) !== undefined,
  prefix: (text, family) => tryParsePrefix(text)?.address.family === family,
  protocol: (text) => text === 'tcp' || text === 'udp' || text === 'sctp',
  port: (text) => isNumber(text, 65_535),
  slot: (text) => isNumber(text, 65_535),
  count: (text) => countClass(text) !== undefined,
  list: (text) => text !== '0' && isNumber(text, MAX_LISTS),
  member: (text) => {
    const [list, index, ...more] = text.split('/')
    return more.length === 0 && fits.list(list, 4) && index !== '0' && isNumber(index ?? '', MAX_MEMBERS)
  },
  seconds: (text) => text !== '0' && isNumber(text, MAX_TIMEOUT),
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
  for (const { kind, family, address, protocol, port, endpoints, local = [], affinity } of plan.frontends) {
    const valid = (field: Field, value: string | number) => fits[field](String(value), family)
    if (kind !== 'NodePort' && !valid('address', address)) return `address "${address}" (IPv${family})`
    if (!valid('protocol', protocol.toLowerCase())) return `protocol ${protocol}`
    if (!valid('port', port)) return `port ${port}`
    if (affinity && !valid('seconds', affinity.seconds)) return `sessionAffinity for ${affinity.seconds} s`
    for (const list of [endpoints, local]) {
      if (list.length === 0 || checked.has(list)) continue
      checked.add(list)
      if (!valid('count', list.length)) return `port ${port} has ${list.length} endpoints`
      const bad = list.find((one) => !fits.address(one.address, family) || !isPort(one.port))
      if (bad) return `endpoint "${bad.address}" port ${bad.port} (IPv${family})`
    }
  }
  for (const { family, address } of plan.pingable) {
    if (!fits.address(address, family)) return `address "${address}" (IPv${family})`
  }
  const bad = plan.clusterIPs.find(({ family, address }) => !fits.address(address, family))
  return bad === undefined ? '' : `ClusterIP "${bad.address}" (IPv${bad.family})`
}

const broken = (text: string): ForwardingError => new ForwardingError('FL_FORWARDING_REFERENCE', text)

/**
 * Every frontend has the endpoints that it counts, in slots from 0, and no slot is left over. With session affinity
 * each slot holds the same endpoint as one of the frontend's list, which has a time; nothing of a list is left over.
 * @throws ForwardingError FL_FORWARDING_REFERENCE
 */
export function checkReferences(elements: Elements): void {
  for (const family of families) {
    for (const over of countings) checkSlots(elements, family, over)
    checkAffinity(elements, family)
  }
}

function checkSlots(elements: Elements, family: Family, over: Counting): void {
  const endpoints = elements[family][endpointsOf[over]]
  let counted = 0
  for (const [key, value] of elements[family][over]) {
    const count = slotsIn(value)
    counted += count
    for (let slot = 0; slot < count; slot++) {
      if (!endpoints.has(tuple(key, slot))) {
        throw broken(`${over} (IPv${family}) ${key} counts ${count} endpoints, slot ${slot} is missing`)
      }
    }
  }
  if (counted !== endpoints.size) {
    throw broken(
      `${endpointsOf[over]} (IPv${family}) holds ${endpoints.size} endpoints, ${counted} are counted`,
    )
  }
}

function checkAffinity(elements: Elements, family: Family): void {
  const own = elements[family]
  const used = new Set<string>()
  const usedMembers = new Set<string>()
  for (const over of countings) {
    const { lists, slots } = affinityOf[over]
    let counted = 0
    for (const [key, list] of own[lists]) {
      used.add(list)
      const count = slotsIn(own[over].get(key))
      if (count === 0) throw broken(`${lists} (IPv${family}) ${key} is not in ${over}`)
      counted += count
      for (let slot = 0; slot < count; slot++) {
        const at = tuple(key, slot)
        const member = own[slots].get(at)
        const wanted = own[endpointsOf[over]].get(at)
        if (member?.split('/')[0] !== list || own['affinity-endpoints'].get(member) !== wanted) {
          throw broken(`${slots} (IPv${family}) ${at} is ${member}, of list ${list} with endpoint ${wanted}`)
        }
        usedMembers.add(member)
      }
    }
    if (counted !== own[slots].size) {
      throw broken(`${slots} (IPv${family}) holds ${own[slots].size} slots, ${counted} are counted`)
    }
  }
  const timed = [...own['affinity-timeouts'].keys()].map((key) => fieldsOf(key)[0])
  if (timed.length !== used.size || timed.some((list) => !used.has(list))) {
    throw broken(`affinity-timeouts (IPv${family}) is about ${timed.length} lists, there are ${used.size}`)
  }
  if (usedMembers.size !== own['affinity-endpoints'].size) {
    const text = `holds ${own['affinity-endpoints'].size} endpoints, ${usedMembers.size} are in slots`
    throw broken(`affinity-endpoints (IPv${family}) ${text}`)
  }
}
