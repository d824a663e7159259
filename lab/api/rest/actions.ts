import { badRequest, cause, conflict, invalid, noSuchResource, notFound } from '../status.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Backend } from '../backend.ts'
import { copyJson, isObject, valueAt, type JsonObject } from '../json.ts'
import { timestamp, type ApiObject } from '../object.ts'
import type { ResourceType } from '../types/resource-type.ts'
import { remove } from './delete.ts'
import type { WriteRequest } from './options.ts'
import { read, replace } from './replace.ts'

/** Tokens are good for at least as long. */
const LEAST_SECONDS = 600

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }

/**
 * POST to a subresource that does something instead of holding something.
 * @throws StatusError 400, 404, 409
 */
export function act(
  backend: Backend,
  authenticator: Authenticator,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  subresource: string,
  body: unknown,
  request: WriteRequest,
): JsonObject {
  if (!type.subresources.includes(subresource)) throw noSuchResource()
  const given = isObject(body) ? body : {}
  switch (subresource) {
    case 'binding':
      bind(backend, type, namespace, name, given, request)
      return SUCCESS
    case 'eviction': {
      const options = isObject(given.deleteOptions) ? given.deleteOptions : {}
      remove(backend, type, namespace, name, { ...options, dryRun: request.dryRun })
      return SUCCESS
    }
    case 'token':
      return requestToken(backend, authenticator, type, namespace!, name, given)
    default:
      throw noSuchResource()
  }
}

/** Gives a Pod to a node: the binding subresource. @throws StatusError 404, 409 when it has one already */
export function bind(
  backend: Backend,
  type: ResourceType,
  namespace: string | undefined,
  name: string,
  body: JsonObject,
  request: WriteRequest,
): void {
  const old = read(backend, type, namespace, name)
  const nodeName = valueAt(body, ['target', 'name'])
  if (typeof nodeName !== 'string' || nodeName === '') throw badRequest('target.name is required')
  if (old.spec?.nodeName) {
    throw conflict(type, name, `pod ${name} is already assigned to node ${JSON.stringify(old.spec.nodeName)}`)
  }
  const object = copyJson(old)
  object.spec = { ...object.spec, nodeName }
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: timestamp(backend.now()),
  }
  const others = (object.status?.conditions ?? []) as JsonObject[]
  const status = {
    ...object.status,
    conditions: [...others.filter((one) => one.type !== 'PodScheduled'), scheduled],
  }
  // Past the strategy: a binding is the one thing that may set the node of a Pod.
  const bound = { ...type, strategy: {}, hasStatus: false }
  replace(backend, bound, old, { ...object, status }, '', request)
}

function requestToken(
  backend: Backend,
  authenticator: Authenticator,
  type: ResourceType,
  namespace: string,
  name: string,
  body: JsonObject,
): JsonObject {
  const account = read(backend, type, namespace, name)
  const spec = isObject(body.spec) ? body.spec : {}
  const audiences = Array.isArray(spec.audiences) ? spec.audiences.map(String) : []
  const seconds = typeof spec.expirationSeconds === 'number' ? spec.expirationSeconds : 3600
  if (seconds < LEAST_SECONDS) {
    throw invalid({ group: 'authentication.k8s.io', plural: '', kind: 'TokenRequest' }, '', [
      cause.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'),
    ])
  }
  const uid = account.metadata.uid ?? ''
  const issued = authenticator.issue({ namespace, name, uid }, audiences, seconds)
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(backend.now()) },
    spec: { audiences, expirationSeconds: seconds },
    status: { token: issued.token, expirationTimestamp: timestamp(issued.expires) },
  }
}

/** PUT /api/v1/namespaces/{name}/finalize: the only way to change a namespace's spec.finalizers. */
export function finalizeNamespace(
  backend: Backend,
  type: ResourceType,
  name: string,
  body: unknown,
  request: WriteRequest,
): ApiObject {
  const old = read(backend, type, undefined, name)
  if (!isObject(body)) throw notFound(type, name)
  const finalizers = valueAt(body, ['spec', 'finalizers'])
  const object = copyJson(old)
  object.spec = Array.isArray(finalizers) && finalizers.length > 0 ? { ...object.spec, finalizers } : {}
  return replace(backend, { ...type, strategy: {} }, old, object, '', request)
}
