import { tryParseAddress } from '#inet/address.ts'
import { equalJson, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { validateDnsLabel, validateDnsSubdomain, validateQualifiedName } from '../rest/names.ts'
import { cause, type Cause } from '../status.ts'
import type { Strategy } from '../types/resource-type.ts'
import { validateIP, validateNonSpecialIP } from './ip-rules.ts'
import { listAt } from './select.ts'

interface Endpoint {
  readonly addresses?: readonly string[]
  readonly nodeName?: string
  readonly hostname?: string
}

interface EndpointPort {
  readonly name?: string
  readonly protocol?: string
  readonly appProtocol?: string
}

const TYPES = ['FQDN', 'IPv4', 'IPv6']
const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const MOST_ADDRESSES = 100

export const endpointSliceStrategy: Strategy = {
  defaults(object) {
    for (const port of listAt<JsonObject>(object, 'ports')) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
    // Lists of Go that are empty are written as null where the field has no `omitempty`.
    for (const field of ['endpoints', 'ports']) if (listAt(object, field).length === 0) object[field] = null
  },
  newGeneration: (object, old) =>
    !equalJson(object.endpoints, old.endpoints) ||
    !equalJson(object.ports, old.ports) ||
    !equalJson(object.metadata.labels, old.metadata.labels),
  validate(object, old) {
    if (old !== undefined && old.addressType !== object.addressType) {
      return [cause.invalid('addressType', object.addressType, 'field is immutable')]
    }
    const type = String(object.addressType ?? '')
    const causes: Cause[] = []
    if (type === '') causes.push(cause.required('addressType'))
    else if (!TYPES.includes(type)) causes.push(cause.unsupported('addressType', type, TYPES))
    listAt<Endpoint>(object, 'endpoints').forEach((one, i) =>
      causes.push(...validateEndpoint(one, type, `endpoints[${i}]`)),
    )
    return [...causes, ...validatePorts(object)]
  },
}

function validateEndpoint(
  { addresses = [], nodeName, hostname }: Endpoint,
  type: string,
  at: string,
): Cause[] {
  const causes: Cause[] = []
  const field = `${at}.addresses`
  if (addresses.length === 0) causes.push(cause.required(field, 'must contain at least 1 address'))
  else if (addresses.length > MOST_ADDRESSES) {
    causes.push(cause.tooMany(field, addresses.length, MOST_ADDRESSES))
  }
  addresses.forEach((address, i) => causes.push(...validateAddress(address, type, field, i)))
  if (nodeName !== undefined) causes.push(...validateDnsSubdomain(nodeName, `${at}.nodeName`))
  if (hostname !== undefined) causes.push(...validateDnsLabel(hostname, `${at}.hostname`))
  return causes
}

function validateAddress(address: string, type: string, field: string, i: number): Cause[] {
  if (type !== 'IPv4' && type !== 'IPv6') return []
  const wrong = validateIP(`${field}[${i}]`, address)
  if (wrong.length > 0) return wrong
  const other = `IPv${tryParseAddress(address)?.family}` !== type
  return [
    ...(other ? [cause.invalid(field, address, `must be an ${type} address`)] : []),
    ...validateNonSpecialIP(`${field}[${i}]`, address),
  ]
}

function validatePorts(object: ApiObject): Cause[] {
  const names = new Set<string>()
  return listAt<EndpointPort>(object, 'ports').flatMap(({ name = '', protocol = '', appProtocol }, i) => {
    const at = `ports[${i}]`
    const causes = name === '' ? [] : validateDnsLabel(name, `${at}.name`)
    if (names.has(name)) causes.push(cause.duplicate(`${at}.name`, name))
    names.add(name)
    if (!PROTOCOLS.includes(protocol)) {
      causes.push(cause.unsupported(`${at}.protocol`, protocol, PROTOCOLS))
    }
    if (appProtocol !== undefined) causes.push(...validateQualifiedName(appProtocol, `${at}.appProtocol`))
    return causes
  })
}
