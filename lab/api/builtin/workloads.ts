import { matchesSelector, type LabelSelector } from '#crds/selector.ts'
import { cause, type Cause } from '../status.ts'
import { equalJson, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import type { Strategy } from '../types/resource-type.ts'
import { validatePodSpec } from './pod.ts'
import { setPodSpecDefaults, type PodTemplate } from './pod-spec.ts'

interface WorkloadSpec extends JsonObject {
  selector?: LabelSelector
  template?: PodTemplate
  replicas?: number
}

const specOf = (object: ApiObject): WorkloadSpec => (object.spec ??= {}) as WorkloadSpec

/** What the kinds of `apps` that run Pods have in common. */
const workload = (defaults: (spec: WorkloadSpec) => void): Strategy => ({
  defaults(object) {
    const spec = specOf(object)
    defaults(spec)
    spec.template ??= {}
    spec.template.metadata ??= {}
    if (spec.template.spec !== undefined) setPodSpecDefaults(spec.template.spec)
  },
  validate: validateWorkload,
  newGeneration: (object, old) => !equalJson(object.spec, old.spec),
  prepareCreate(object) {
    object.status = object.kind === 'ReplicaSet' ? { replicas: 0 } : {}
    if (object.kind === 'DaemonSet') {
      object.status = {
        currentNumberScheduled: 0,
        desiredNumberScheduled: 0,
        numberMisscheduled: 0,
        numberReady: 0,
      }
    }
  },
})

function validateWorkload(object: ApiObject, old: ApiObject | undefined): Cause[] {
  const { selector, template, replicas } = specOf(object)
  const causes: Cause[] = []
  const labels = template?.metadata?.labels ?? {}
  if (selector === undefined) causes.push(cause.required('spec.selector'))
  else if (Object.keys(selector).length === 0) {
    causes.push(cause.invalid('spec.selector', selector, 'empty selector is invalid for deployment'))
  } else if (!matchesSelector(selector, labels)) {
    const why = '`selector` does not match template `labels`'
    causes.push(cause.invalid('spec.template.metadata.labels', labels, why))
  }
  if (typeof replicas === 'number' && replicas < 0) {
    causes.push(cause.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'))
  }
  causes.push(...validatePodSpec(template?.spec ?? {}, 'spec.template.spec'))
  if (old !== undefined && !equalJson(selector, specOf(old).selector)) {
    causes.push(cause.invalid('spec.selector', selector, 'field is immutable'))
  }
  return causes
}

export const deploymentStrategy = workload((spec) => {
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  const strategy = (spec.strategy ??= {}) as JsonObject
  strategy.type ??= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate = {
      maxUnavailable: '25%',
      maxSurge: '25%',
      ...(strategy.rollingUpdate as JsonObject | undefined),
    }
  }
})

export const replicaSetStrategy = workload((spec) => {
  spec.replicas ??= 1
})

export const daemonSetStrategy = workload((spec) => {
  spec.revisionHistoryLimit ??= 10
  const strategy = (spec.updateStrategy ??= {}) as JsonObject
  strategy.type ??= 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate = {
      maxUnavailable: 1,
      maxSurge: 0,
      ...(strategy.rollingUpdate as JsonObject | undefined),
    }
  }
})
