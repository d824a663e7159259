import type { LabelSelector } from '#crds/selector.ts'
import type { ApiObject } from '../../object.ts'
import { valueAt } from '../../json.ts'
import { age, ageColumn, column, nameColumn, wideColumn, type Column } from '../../table/column.ts'
import { listAt, numberAt, textAt } from '../select.ts'
import { formatLabels, formatSelector } from './text.ts'

interface ContainerStatus {
  ready?: boolean
  restartCount?: number
  state?: {
    waiting?: { reason?: string }
    running?: object
    terminated?: { reason?: string; exitCode?: number }
  }
  lastState?: { terminated?: { finishedAt?: string } }
}

const containerStatuses = (pod: ApiObject) => listAt<ContainerStatus>(pod, 'status', 'containerStatuses')

/** One word for the state of a Pod: of the last container that has something to say, else the phase. */
function podState(pod: ApiObject): string {
  const phase = textAt('status', 'phase')(pod) || 'Unknown'
  if (pod.metadata.deletionTimestamp !== undefined && phase !== 'Succeeded' && phase !== 'Failed') {
    return 'Terminating'
  }
  let state = textAt('status', 'reason')(pod) || phase
  for (const { state: of = {} } of containerStatuses(pod).reverse()) {
    if (of.waiting?.reason) state = of.waiting.reason
    else if (of.terminated !== undefined)
      state = of.terminated.reason ?? `ExitCode:${of.terminated.exitCode ?? 0}`
  }
  return state
}

function podRestarts(pod: ApiObject, now: number): string {
  const statuses = containerStatuses(pod)
  const restarts = statuses.reduce((sum, one) => sum + (one.restartCount ?? 0), 0)
  const last = statuses
    .map((one) => one.lastState?.terminated?.finishedAt ?? '')
    .sort()
    .at(-1)
  return restarts > 0 && last ? `${restarts} (${age(last, now)} ago)` : String(restarts)
}

const orNone = (read: (object: ApiObject) => string) => (object: ApiObject) => read(object) || '<none>'

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', (pod) => {
    const ready = containerStatuses(pod).filter((one) => one.ready && one.state?.running !== undefined).length
    return `${ready}/${listAt(pod, 'spec', 'containers').length}`
  }),
  column('Status', podState),
  column('Restarts', podRestarts),
  ageColumn,
  wideColumn('IP', (pod) => listAt<{ ip?: string }>(pod, 'status', 'podIPs')[0]?.ip || '<none>'),
  wideColumn('Node', orNone(textAt('spec', 'nodeName'))),
  wideColumn('Nominated Node', orNone(textAt('status', 'nominatedNodeName'))),
  wideColumn('Readiness Gates', readinessGates),
]

function readinessGates(pod: ApiObject): string {
  const gates = listAt<{ conditionType: string }>(pod, 'spec', 'readinessGates')
  if (gates.length === 0) return '<none>'
  const conditions = listAt<{ type: string; status: string }>(pod, 'status', 'conditions')
  const open = gates.filter((gate) =>
    conditions.some((one) => one.type === gate.conditionType && one.status === 'True'),
  )
  return `${open.length}/${gates.length}`
}

const containers = (object: ApiObject) =>
  listAt<{ name: string; image: string }>(object, 'spec', 'template', 'spec', 'containers')

const templateColumns: readonly Column[] = [
  wideColumn('Containers', (object) =>
    containers(object)
      .map(({ name }) => name)
      .join(','),
  ),
  wideColumn('Images', (object) =>
    containers(object)
      .map(({ image }) => image)
      .join(','),
  ),
  wideColumn('Selector', (object) => formatSelector(valueAt(object, ['spec', 'selector']) as LabelSelector)),
]

const integer = { type: 'integer' } as const

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column(
    'Ready',
    (object) => `${numberAt('status', 'readyReplicas')(object)}/${numberAt('spec', 'replicas')(object)}`,
  ),
  column('Up-to-date', numberAt('status', 'updatedReplicas'), integer),
  column('Available', numberAt('status', 'availableReplicas'), integer),
  ageColumn,
  ...templateColumns,
]

export const replicaSetColumns: readonly Column[] = [
  nameColumn,
  column('Desired', numberAt('spec', 'replicas'), integer),
  column('Current', numberAt('status', 'replicas'), integer),
  column('Ready', numberAt('status', 'readyReplicas'), integer),
  ageColumn,
  ...templateColumns,
]

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  column('Desired', numberAt('status', 'desiredNumberScheduled'), integer),
  column('Current', numberAt('status', 'currentNumberScheduled'), integer),
  column('Ready', numberAt('status', 'numberReady'), integer),
  column('Up-to-date', numberAt('status', 'updatedNumberScheduled'), integer),
  column('Available', numberAt('status', 'numberAvailable'), integer),
  column('Node Selector', (object) =>
    formatLabels(
      valueAt(object, ['spec', 'template', 'spec', 'nodeSelector']) as Record<string, string> | undefined,
    ),
  ),
  ageColumn,
  ...templateColumns,
]
