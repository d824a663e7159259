import { isDeepStrictEqual } from 'node:util'
import type { KubeObject, Resource } from './api.ts'
import { KubeError, kubeErrorFrom } from './errors.ts'

/*
 * The rules of the fake API server that need no state.
 */

/** Resources without a status subresource; all others have one, so a plain write leaves their status alone. */
const NO_STATUS = new Set(['events', 'leases', 'secrets', 'endpointslices'])

export const idOf = (resource: Resource): string => `${resource.group}/${resource.plural}`

export const hasStatus = (resource: Resource): boolean => !NO_STATUS.has(resource.plural)

/** A kind of Kubernetes itself, as opposed to one that a CRD defines. */
export const isBuiltin = ({ group }: Resource): boolean => group.endsWith('.k8s.io') || !group.includes('.')

/** An item of a list of a built-in kind: only the list says what it is. */
export function untyped({ apiVersion: _apiVersion, kind: _kind, ...item }: KubeObject): KubeObject {
  return item
}

/** A PUT of these creates an object that is not there, unless it names the version of one. */
const CREATED_ON_UPDATE = new Set(['leases', 'events', 'services'])

export const createsOnUpdate = (resource: Resource): boolean => CREATED_ON_UPDATE.has(resource.plural)

export const inNamespace = (object: KubeObject, namespace?: string): boolean =>
  !namespace || object.metadata.namespace === namespace

export const refusal = (code: number, reason: string, message: string): KubeError =>
  kubeErrorFrom(code, { reason, message })

export const stale = () =>
  refusal(409, 'Conflict', 'the object has been modified; apply your changes to the latest version')

export const expired = () => refusal(410, 'Expired', 'The resourceVersion is too old')

export const unreachable = () =>
  new KubeError('FL_KUBE_UNREACHABLE', 'the fake is unreachable', { reason: 'ECONNREFUSED' })

/** Is what a generation counts the same in both: everything but metadata and status? */
export const sameContent = (a: KubeObject, b: KubeObject): boolean =>
  isDeepStrictEqual(contentOf(a), contentOf(b))

function contentOf(object: KubeObject): object {
  const { metadata: _metadata, status: _status, ...content } = object as KubeObject & { status?: unknown }
  return content
}
