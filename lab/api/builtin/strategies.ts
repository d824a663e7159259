import { tryParseAddress } from '#inet/address.ts'
import { cause, type Cause } from '../status.ts'
import { equalJson, isObject, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import type { SelectableFields } from '../store/field-selector.ts'
import type { Strategy } from '../types/resource-type.ts'
import { listAt, textAt } from './select.ts'

export const namespaceStrategy: Strategy = {
  prepareCreate(object) {
    object.spec = { ...object.spec, finalizers: ['kubernetes'] }
    object.status = { phase: 'Active' }
  },
  prepareUpdate(object, old) {
    // Only the finalize subresource changes them.
    object.spec = { ...object.spec, finalizers: old.spec?.finalizers }
    if (object.spec.finalizers === undefined) delete object.spec.finalizers
  },
  defaults({ metadata }) {
    if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
  },
}

export const nodeStrategy: Strategy = {
  defaults(object) {
    const spec = (object.spec ??= {})
    if (typeof spec.podCIDR === 'string') spec.podCIDRs ??= [spec.podCIDR]
    if (Array.isArray(spec.podCIDRs)) spec.podCIDR ??= spec.podCIDRs[0]
  },
  validate(object, old) {
    const before = listAt<string>(old ?? object, 'spec', 'podCIDRs')
    const now = listAt<string>(object, 'spec', 'podCIDRs')
    return before.length > 0 && !equalJson(before, now)
      ? [cause.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')]
      : []
  },
}

/** Secrets and ConfigMaps: `immutable` freezes the data. */
function validateImmutable(object: ApiObject, old: ApiObject | undefined): Cause[] {
  if (old?.immutable !== true) return []
  const why = 'field is immutable when `immutable` is set'
  return ['data', 'binaryData', 'immutable']
    .filter((field) => !equalJson(object[field], old[field]))
    .map((field) => cause.forbidden(field, why))
}

export const configMapStrategy: Strategy = { validate: validateImmutable }

export const secretStrategy: Strategy = {
  defaults(object) {
    object.type ??= 'Opaque'
    const { stringData } = object
    delete object.stringData
    if (!isObject(stringData)) return
    const encoded = Object.entries(stringData).map(([name, text]) => [
      name,
      Buffer.from(String(text)).toString('base64'),
    ])
    object.data = { ...(object.data as JsonObject | undefined), ...Object.fromEntries(encoded) }
  },
  validate(object, old) {
    const causes = validateImmutable(object, old)
    if (old !== undefined && old.type !== object.type) {
      causes.push(cause.invalid('type', object.type, 'field is immutable'))
    }
    for (const [name, value] of Object.entries((object.data ?? {}) as JsonObject)) {
      const text = String(value)
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
        causes.push(cause.invalid(`data[${name}]`, '<secret contents redacted>', 'illegal base64 data'))
      }
    }
    return causes
  },
}

export const endpointSliceStrategy: Strategy = {
  defaults(object) {
    for (const port of listAt<JsonObject>(object, 'ports')) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
    object.endpoints ??= []
    object.ports ??= []
  },
  newGeneration: (object, old) =>
    !equalJson(object.endpoints, old.endpoints) || !equalJson(object.ports, old.ports),
  validate(object, old) {
    const causes: Cause[] = []
    const types = ['FQDN', 'IPv4', 'IPv6']
    if (!object.addressType) causes.push(cause.required('addressType'))
    else if (!types.includes(String(object.addressType))) {
      causes.push(cause.unsupported('addressType', object.addressType, types))
    }
    if (old !== undefined && old.addressType !== object.addressType) {
      causes.push(cause.invalid('addressType', object.addressType, 'field is immutable'))
    }
    listAt<{ addresses?: string[] }>(object, 'endpoints').forEach(({ addresses = [] }, i) => {
      if (addresses.length === 0) causes.push(cause.required(`endpoints[${i}].addresses`))
      addresses.forEach((address, j) => {
        const family = tryParseAddress(address)?.family
        if (object.addressType !== 'FQDN' && object.addressType !== `IPv${family}`) {
          const why = `must be a valid ${object.addressType} address`
          causes.push(cause.invalid(`endpoints[${i}].addresses[${j}]`, address, why))
        }
      })
    })
    return causes
  },
}

export const leaseStrategy: Strategy = {
  validate(object) {
    const spec = object.spec ?? {}
    const positive = (field: string) => {
      const value = spec[field]
      return typeof value === 'number' && value <= 0
        ? [cause.invalid(`spec.${field}`, value, 'must be greater than 0')]
        : []
    }
    const times = ['acquireTime', 'renewTime'].filter((field) => {
      const value = spec[field]
      return value !== undefined && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}/.test(String(value))
    })
    return [
      ...positive('leaseDurationSeconds'),
      // Go's MicroTime refuses a time without six digits of a second.
      ...times.map((field) =>
        cause.invalid(`spec.${field}`, spec[field], 'must be a MicroTime with six digits'),
      ),
    ]
  },
}

const RBAC = 'rbac.authorization.k8s.io'

export const roleBindingStrategy: Strategy = {
  defaults(object) {
    if (isObject(object.roleRef) && !object.roleRef.apiGroup) object.roleRef.apiGroup = RBAC
    for (const subject of listAt<JsonObject>(object, 'subjects')) {
      if (subject.kind !== 'ServiceAccount' && !subject.apiGroup) subject.apiGroup = RBAC
    }
  },
  validate: (object, old) =>
    old === undefined || equalJson(object.roleRef, old.roleRef)
      ? []
      : [cause.invalid('roleRef', object.roleRef, 'cannot change roleRef')],
}

export const webhookStrategy: Strategy = {
  defaults(object) {
    for (const webhook of listAt<JsonObject>(object, 'webhooks')) {
      webhook.failurePolicy ??= 'Fail'
      webhook.matchPolicy ??= 'Equivalent'
      webhook.namespaceSelector ??= {}
      webhook.objectSelector ??= {}
      webhook.timeoutSeconds ??= 10
      const { clientConfig, rules } = webhook
      if (isObject(clientConfig) && isObject(clientConfig.service)) clientConfig.service.port ??= 443
      if (Array.isArray(rules)) for (const rule of rules) rule.scope ??= '*'
    }
  },
  newGeneration: (object, old) => !equalJson(object.webhooks, old.webhooks),
}

export const eventFields: SelectableFields = Object.fromEntries([
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => [
    `involvedObject.${field}`,
    textAt('involvedObject', field),
  ]),
  ['reason', textAt('reason')],
  ['type', textAt('type')],
  ['reportingComponent', textAt('reportingComponent')],
  ['source', textAt('source', 'component')],
])
