import { validateQualifiedName } from '../rest/names.ts'
import { cause, type Cause } from '../status.ts'
import { equalJson, isObject, type JsonObject } from '../json.ts'
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

export const leaseStrategy: Strategy = {
  defaults(object) {
    const spec = (object.spec ??= {})
    // Fields of a feature that is off by default.
    delete spec.strategy
    delete spec.preferredHolder
  },
  validate(object) {
    const { leaseDurationSeconds, leaseTransitions } = object.spec ?? {}
    const causes: Cause[] = []
    if (typeof leaseDurationSeconds === 'number' && leaseDurationSeconds <= 0) {
      causes.push(cause.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'))
    }
    if (typeof leaseTransitions === 'number' && leaseTransitions < 0) {
      causes.push(cause.invalid('spec.leaseTransitions', leaseTransitions, NOT_NEGATIVE))
    }
    return causes
  },
}

const NOT_NEGATIVE = 'must be greater than or equal to 0'

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

/** legacyValidateEvent, for core/v1. */
export const eventStrategy: Strategy = {
  validate(object) {
    const { namespace } = object.metadata
    const about = textAt('involvedObject', 'namespace')(object)
    const causes: Cause[] = []
    const isNew = object.eventTime !== undefined
    const places = isNew ? ['default', 'kube-system'] : ['default']
    const agrees = about === '' ? places.includes(namespace ?? '') : isNew || about === namespace
    if (!agrees) {
      causes.push(cause.invalid('involvedObject.namespace', about, 'does not match event.namespace'))
    }
    if (!isNew) return causes
    const reporter = textAt('reportingComponent')(object)
    if (reporter === '') causes.push(cause.required('reportingComponent'))
    causes.push(...validateQualifiedName(reporter, 'reportingComponent'))
    for (const field of ['reportingInstance', 'action', 'reason']) {
      if (textAt(field)(object) === '') causes.push(cause.required(field))
    }
    return causes
  },
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
