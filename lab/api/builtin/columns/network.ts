import type { LabelSelector } from '#crds/selector.ts'
import { valueAt } from '../../json.ts'
import type { ApiObject } from '../../object.ts'
import { ageColumn, column, nameColumn, wideColumn, type Column } from '../../table/column.ts'
import { listAt, textAt } from '../select.ts'
import { asService } from '../service/service.ts'
import { formatLabels, formatSelector, shortList } from './text.ts'

function externalIP(object: ApiObject): string {
  const { spec, status } = asService(object)
  const own = spec.externalIPs ?? []
  switch (spec.type) {
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || '')
      const all = [...given.filter((one) => one !== ''), ...own]
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return own.length === 0 ? '<none>' : own.join(',')
  }
}

const ports = (object: ApiObject): string =>
  (asService(object).spec.ports ?? [])
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
    .join(',') || '<none>'

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column('Type', textAt('spec', 'type')),
  column('Cluster-IP', (object) => asService(object).spec.clusterIPs?.[0] ?? '<none>'),
  column('External-IP', externalIP),
  column('Port(s)', ports),
  ageColumn,
  wideColumn('Selector', (object) => formatLabels(asService(object).spec.selector)),
]

export const serviceCidrColumns: readonly Column[] = [
  nameColumn,
  column('CIDRs', (object) => listAt<string>(object, 'spec', 'cidrs').join(',')),
  ageColumn,
]

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column('AddressType', textAt('addressType')),
  column('Ports', (object) =>
    shortList(
      listAt<{ port?: number; name?: string }>(object, 'ports').map(({ port, name }) =>
        String(port ?? name ?? '*'),
      ),
    ),
  ),
  column('Endpoints', (object) =>
    shortList(
      listAt<{ addresses?: string[] }>(object, 'endpoints').flatMap(({ addresses = [] }) => addresses),
    ),
  ),
  ageColumn,
]

interface Subset {
  addresses?: { ip: string }[]
  ports?: { port: number }[]
}

export const endpointsColumns: readonly Column[] = [
  nameColumn,
  column('Endpoints', (object) => {
    const all = listAt<Subset>(object, 'subsets').flatMap(({ addresses = [], ports = [] }) =>
      addresses.flatMap(({ ip }) =>
        ports.length === 0
          ? [ip]
          : ports.map(({ port }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
      ),
    )
    return all.length === 0 ? '<none>' : shortList(all)
  }),
  ageColumn,
]

export const networkPolicyColumns: readonly Column[] = [
  nameColumn,
  column('Pod-Selector', (object) =>
    formatSelector(valueAt(object, ['spec', 'podSelector']) as LabelSelector | undefined),
  ),
  ageColumn,
]
