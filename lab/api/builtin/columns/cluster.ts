import { age, ageColumn, column, nameColumn, wideColumn, type Column } from '../../table/column.ts'
import type { ApiObject } from '../../object.ts'
import { valueAt } from '../../json.ts'
import { listAt, numberAt, textAt } from '../select.ts'

const ROLE = 'node-role.kubernetes.io/'

function nodeStatus(node: ApiObject): string {
  const ready = listAt<{ type: string; status: string }>(node, 'status', 'conditions').find(
    ({ type }) => type === 'Ready',
  )
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state
}

function nodeRoles(node: ApiObject): string {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE)) return [key.slice(ROLE.length)]
    return key === 'kubernetes.io/role' ? [value] : []
  })
  return roles.sort().join(',') || '<none>'
}

const nodeAddress = (type: string) => (node: ApiObject) =>
  listAt<{ type: string; address: string }>(node, 'status', 'addresses').find((one) => one.type === type)
    ?.address ?? '<none>'

const nodeInfo = (field: string) => (node: ApiObject) =>
  textAt('status', 'nodeInfo', field)(node) || '<unknown>'

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column('Status', nodeStatus),
  column('Roles', nodeRoles),
  ageColumn,
  column('Version', textAt('status', 'nodeInfo', 'kubeletVersion')),
  wideColumn('Internal-IP', nodeAddress('InternalIP')),
  wideColumn('External-IP', nodeAddress('ExternalIP')),
  wideColumn('OS-Image', nodeInfo('osImage')),
  wideColumn('Kernel-Version', nodeInfo('kernelVersion')),
  wideColumn('Container-Runtime', nodeInfo('containerRuntimeVersion')),
]

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column('Status', textAt('status', 'phase')),
  ageColumn,
]

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column('Holder', textAt('spec', 'holderIdentity')),
  ageColumn,
]

const firstSeen = (event: ApiObject, now: number) => age(event.firstTimestamp ?? event.eventTime, now)

function lastSeen(event: ApiObject, now: number): string {
  const last = valueAt(event, ['series', 'lastObservedTime']) ?? event.lastTimestamp
  return last === undefined ? firstSeen(event, now) : age(last, now)
}

function eventSource(event: ApiObject): string {
  const component = textAt('source', 'component')(event) || textAt('reportingComponent')(event)
  const instance = textAt('source', 'host')(event) || textAt('reportingInstance')(event)
  return instance === '' ? component : `${component}, ${instance}`
}

export const eventColumns: readonly Column[] = [
  column('Last Seen', lastSeen),
  column('Type', textAt('type')),
  column('Reason', textAt('reason')),
  column('Object', (event) => {
    const name = textAt('involvedObject', 'name')(event)
    const kind = textAt('involvedObject', 'kind')(event).toLowerCase()
    return name === '' ? kind : `${kind}/${name}`
  }),
  wideColumn('Subobject', textAt('involvedObject', 'fieldPath')),
  wideColumn('Source', eventSource),
  column('Message', (event) => textAt('message')(event).trim()),
  wideColumn('First Seen', firstSeen),
  wideColumn('Count', (event) => Number(valueAt(event, ['series', 'count']) ?? event.count ?? 1)),
  { ...nameColumn, priority: 1 },
]

export const crdColumns: readonly Column[] = [
  nameColumn,
  column('Created At', (object) => object.metadata.creationTimestamp ?? '', { type: 'date' }),
]

export const webhookColumns: readonly Column[] = [
  nameColumn,
  column('Webhooks', (object) => listAt(object, 'webhooks').length, { type: 'integer' }),
  ageColumn,
]

export const disruptionBudgetColumns: readonly Column[] = [
  nameColumn,
  column('Min Available', (object) => textAt('spec', 'minAvailable')(object) || 'N/A'),
  column('Max Unavailable', (object) => textAt('spec', 'maxUnavailable')(object) || 'N/A'),
  column('Allowed Disruptions', numberAt('status', 'disruptionsAllowed'), { type: 'integer' }),
  ageColumn,
]
