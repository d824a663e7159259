import type { KubeObject } from '../api.ts'
import type { Protocol } from './service.ts'
import { listOf, recordOf, sharedText } from './shared.ts'

export interface SlicePort {
  readonly name: string
  readonly protocol: Protocol
  /** 0 when the slice names none: such ports are skipped */
  readonly port: number
}

export interface SliceEndpoint {
  /** canonical text of the first address; further addresses are ignored, as by kube-proxy */
  readonly address: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** '' when the slice names none: never local */
  readonly nodeName: string
  readonly zoneHints: readonly string[]
  readonly nodeHints: readonly string[]
  /** `namespace/name` of the target Pod, '' when there is none */
  readonly pod: string
}

export interface EndpointSlice {
  readonly namespace: string
  readonly name: string
  /** label kubernetes.io/service-name; '' slices belong to no Service */
  readonly service: string
  /** those that say who serves it: `service.kubernetes.io/…` */
  readonly labels: Readonly<Record<string, string>>
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly ports: readonly SlicePort[]
  readonly endpoints: readonly SliceEndpoint[]
  /** annotation endpoints.kubernetes.io/last-change-trigger-time, for the programming latency metric */
  readonly triggerTime?: string
}

interface RawSlice extends KubeObject {
  addressType?: EndpointSlice['addressType']
  ports?: { name?: string; protocol?: Protocol; port?: number }[] | null
  endpoints?:
    | {
        addresses: string[]
        conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null }
        nodeName?: string
        hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] }
        targetRef?: { kind?: string; namespace?: string; name?: string }
      }[]
    | null
}

const SERVED_BY = 'service.kubernetes.io/'

const names = (hints: { name: string }[] | undefined): readonly string[] =>
  listOf(hints?.map(({ name }) => sharedText(name)))

/**
 * Projects an EndpointSlice on arrival. Null conditions take the API's defaults: ready true, serving as ready. One that
 * terminates and does not say whether it serves does, as for kube-proxy: slices written by hand leave it out.
 */
export function projectEndpointSlice(object: KubeObject): EndpointSlice {
  const raw = object as RawSlice
  const labels = raw.metadata.labels ?? {}
  const triggerTime = raw.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time']
  const slice: { -readonly [Name in keyof EndpointSlice]: EndpointSlice[Name] } = {
    namespace: raw.metadata.namespace ?? '',
    name: raw.metadata.name,
    service: labels['kubernetes.io/service-name'] ?? '',
    labels: recordOf(
      Object.fromEntries(Object.entries(labels).filter(([name]) => name.startsWith(SERVED_BY))),
    ),
    addressType: raw.addressType ?? 'IPv4',
    ports: (raw.ports ?? []).map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
      port: port.port ?? 0,
    })),
    endpoints: (raw.endpoints ?? []).map((endpoint) => {
      const ready = endpoint.conditions?.ready ?? true
      const terminating = endpoint.conditions?.terminating ?? false
      const { targetRef } = endpoint
      return {
        address: endpoint.addresses[0] ?? '',
        ready,
        serving: endpoint.conditions?.serving ?? (ready || terminating),
        terminating,
        nodeName: sharedText(endpoint.nodeName ?? ''),
        zoneHints: names(endpoint.hints?.forZones),
        nodeHints: names(endpoint.hints?.forNodes),
        pod: targetRef?.kind === 'Pod' ? `${targetRef.namespace ?? ''}/${targetRef.name ?? ''}` : '',
      }
    }),
  }
  if (triggerTime !== undefined) slice.triggerTime = triggerTime
  return slice
}
