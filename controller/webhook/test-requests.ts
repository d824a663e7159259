import { manifestOf } from '#crds/cases/manifest.ts'
import { parseConfig, type ConfigObjects, type RawObject } from '#crds/parse.ts'
import { noObjects } from '#crds/test-objects.ts'
import type { AdmissionWorld } from './admit.ts'
import type { AdmissionRequest } from './review.ts'

export const namespace = 'metallb-system'

/** For tests: a configuration of these objects, as a controller that has parsed them knows it. */
export function worldOf(objects: Partial<ConfigObjects>, more: Partial<AdmissionWorld> = {}): AdmissionWorld {
  const all = { ...noObjects, ...objects }
  return { namespace, objects: all, ...parseConfig(all), cluster: { nodes: [], serviceCIDRs: [] }, ...more }
}

/** For tests: what the API server asks when somebody writes this object. */
export function requestOf(
  section: keyof ConfigObjects,
  object: RawObject,
  more: Partial<AdmissionRequest> = {},
): AdmissionRequest {
  const manifest = manifestOf(section, object, namespace)
  const { kind, metadata } = manifest
  return {
    uid: 'u1',
    operation: 'CREATE',
    kind,
    namespace,
    name: metadata.name,
    object: { ...manifest, metadata: { ...metadata, ...object.metadata } },
    ...more,
  }
}
