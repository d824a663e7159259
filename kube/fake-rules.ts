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

export const inNamespace = (object: KubeObject, namespace?: string): boolean =>
  !namespace || object.metadata.namespace === namespace

export const refusal = (code: number, reason: string, message: string): KubeError =>
  kubeErrorFrom(code, { reason, message })

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
