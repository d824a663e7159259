import { cause, type Cause } from '../status.ts'
import { copyJson, equalJson, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { validateDnsLabel } from '../rest/names.ts'
import type { SelectableFields } from '../store/field-selector.ts'
import type { Strategy } from '../types/resource-type.ts'
import { setPodSpecDefaults, type PodSpec } from './pod-spec.ts'
import { textAt } from './select.ts'

const specOf = (object: ApiObject): PodSpec => (object.spec ??= {}) as PodSpec

export const podStrategy: Strategy = {
  defaults(object) {
    const spec = specOf(object)
    setPodSpecDefaults(spec)
    spec.enableServiceLinks ??= true
    // What the admission plug-in ServiceAccount does; its token volume is left out, nothing runs here.
    spec.serviceAccountName ??= 'default'
    spec.serviceAccount ??= spec.serviceAccountName
    spec.preemptionPolicy ??= 'PreemptLowerPriority'
    spec.priority ??= 0
  },
  prepareCreate(object) {
    object.status = { phase: 'Pending', qosClass: 'BestEffort' }
  },
  validate(object, old) {
    return [
      ...validatePodSpec(specOf(object), 'spec'),
      ...(old === undefined ? [] : validateChange(object, old)),
    ]
  },
  newGeneration: (object, old) => !equalJson(object.spec, old.spec),
  gracePeriod(object, requested) {
    const phase = object.status?.phase
    const { nodeName, terminationGracePeriodSeconds = 30 } = specOf(object)
    // Nobody would confirm the end of a Pod that no kubelet has, or that has ended.
    if (!nodeName || phase === 'Succeeded' || phase === 'Failed') return 0
    return requested ?? terminationGracePeriodSeconds
  },
}

export function validatePodSpec(spec: PodSpec, path: string): Cause[] {
  const { containers = [], initContainers = [] } = spec
  const causes: Cause[] = []
  if (containers.length === 0) causes.push(cause.required(`${path}.containers`))
  const names = new Set<string>()
  const check = (list: typeof containers, field: string) =>
    list.forEach(({ name, image }, i) => {
      const at = `${path}.${field}[${i}]`
      if (!name) causes.push(cause.required(`${at}.name`))
      else if (names.has(name)) causes.push(cause.duplicate(`${at}.name`, name))
      else causes.push(...validateDnsLabel(name, `${at}.name`))
      names.add(name ?? '')
      if (!image) causes.push(cause.required(`${at}.image`))
    })
  check(initContainers, 'initContainers')
  check(containers, 'containers')
  return causes
}

const CHANGEABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

function validateChange(object: ApiObject, old: ApiObject): Cause[] {
  const fixed = (of: ApiObject) => {
    const spec = copyJson(of.spec ?? {}) as PodSpec
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      delete (container as JsonObject).image
      delete container.imagePullPolicy
    }
    delete spec.activeDeadlineSeconds
    delete spec.tolerations
    delete spec.ephemeralContainers
    return spec
  }
  return equalJson(fixed(object), fixed(old)) ? [] : [cause.forbidden('spec', CHANGEABLE)]
}

export const podFields: SelectableFields = {
  'spec.nodeName': textAt('spec', 'nodeName'),
  'spec.restartPolicy': textAt('spec', 'restartPolicy'),
  'spec.schedulerName': textAt('spec', 'schedulerName'),
  'spec.serviceAccountName': textAt('spec', 'serviceAccountName'),
  'spec.hostNetwork': (object) => String(specOf(object).hostNetwork === true),
  'status.phase': textAt('status', 'phase'),
  'status.podIP': textAt('status', 'podIP'),
  'status.nominatedNodeName': textAt('status', 'nominatedNodeName'),
}
