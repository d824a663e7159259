import type { KubeObject } from '../api.ts'

/** A range of ClusterIPs (KEP-1880). */
export interface ServiceCidr {
  readonly name: string
  readonly cidrs: readonly string[]
}

interface RawServiceCidr extends KubeObject {
  spec?: { cidrs?: string[] }
}

export function projectServiceCidr(object: KubeObject): ServiceCidr {
  const { metadata, spec = {} } = object as RawServiceCidr
  return { name: metadata.name, cidrs: spec.cidrs ?? [] }
}
