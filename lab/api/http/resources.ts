import { cause, invalidOptions, methodNotAllowed, noSuchResource, unsupportedMediaType } from '../status.ts'
import { storageKey } from '../backend.ts'
import { REVIEWS, review } from '../auth/reviews.ts'
import { isObject, type JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { act, finalizeNamespace } from '../rest/actions.ts'
import { create } from '../rest/create.ts'
import { remove } from '../rest/delete.ts'
import { checkListOptions, list } from '../rest/list.ts'
import type { WriteRequest } from '../rest/options.ts'
import { apply, patch, PATCH_TYPES, patchValue, type PatchKind } from '../rest/patch.ts'
import { read, type Part } from '../rest/replace.ts'
import { readScale, writeScale } from '../rest/scale.ts'
import { update } from '../rest/update.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import type { Exchange } from './exchange.ts'
import { deleteRequest, flag, number, text, writeRequest } from './query.ts'
import { presentList, presentObject, send } from './respond.ts'
import type { ResourcePath } from './route.ts'
import type { Services } from './services.ts'
import { streamWatch, type OpenWatch } from './watch-stream.ts'

/** An object whose path is known to name a type that is served. */
interface Target {
  readonly type: ResourceType
  readonly namespace: string | undefined
  readonly name: string
}

/** Answers a request for a resource. @throws StatusError */
export function serveResource(services: Services, at: ResourcePath, exchange: Exchange): void {
  const asked = REVIEWS.find((one) => one.group === at.group && one.plural === at.plural)
  if (asked !== undefined && asked.version === at.version) {
    serveReview(services, asked, exchange)
    return
  }
  const type = services.backend.types.find(at.group, at.version, at.plural)
  if (type === undefined) throw noSuchResource()
  if (type.deprecation !== undefined) exchange.warnings.push(type.deprecation)
  if (!type.namespaced && at.namespace !== undefined) throw noSuchResource()
  if (at.name === undefined) serveCollection(services, type, at.namespace, exchange)
  else {
    if (type.namespaced && at.namespace === undefined) throw noSuchResource()
    const target = { type, namespace: at.namespace, name: at.name }
    if (at.subresource === undefined) serveObject(services, target, '', exchange)
    else serveSubresource(services, target, at.subresource, exchange)
  }
}

function serveReview(services: Services, asked: (typeof REVIEWS)[number], exchange: Exchange): void {
  const { request, body, user } = exchange
  if (request.method !== 'POST') throw methodNotAllowed()
  const given = { apiVersion: apiVersionOf(asked), kind: asked.kind, ...(isObject(body) ? body : {}) }
  answer(exchange, 201, review(asked.kind, given, user, services.authenticator, services.authorizer))
}

function serveCollection(
  services: Services,
  type: ResourceType,
  namespace: string | undefined,
  exchange: Exchange,
): void {
  const { backend } = services
  const { request, query, body } = exchange
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      if (flag(query, 'watch')) {
        serveWatch(services, type, namespace, exchange)
        return
      }
      const request = {
        ...selection(namespace, query),
        limit: number(query, 'limit'),
        continue: text(query, 'continue'),
        resourceVersion: text(query, 'resourceVersion'),
        resourceVersionMatch: text(query, 'resourceVersionMatch'),
      }
      checkListOptions(request, query.has('sendInitialEvents'))
      const result = list(backend, type, request)
      answer(exchange, 200, presentList(result, type, { ...exchange, now: backend.now() }))
      return
    }
    case 'POST': {
      if (type.namespaced && namespace === undefined) throw methodNotAllowed()
      const object = create(backend, type, namespace, body, writing(exchange, 'CreateOptions'))
      answerObject(services, exchange, 201, type, object)
      return
    }
    case 'DELETE': {
      const options = deleteRequest(query, body)
      const { items } = list(backend, type, selection(namespace, query))
      for (const { metadata } of items) remove(backend, type, metadata.namespace, metadata.name, options)
      const result = { items, resourceVersion: String(backend.store.revision) }
      answer(exchange, 200, presentList(result, type, { ...exchange, now: backend.now() }))
      return
    }
    default:
      throw methodNotAllowed()
  }
}

const selection = (namespace: string | undefined, query: URLSearchParams) => ({
  namespace,
  labelSelector: text(query, 'labelSelector'),
  fieldSelector: text(query, 'fieldSelector'),
})

function serveWatch(
  services: Services,
  type: ResourceType,
  namespace: string | undefined,
  exchange: Exchange,
): void {
  const { query, response } = exchange
  const request = {
    ...selection(namespace, query),
    resourceVersion: text(query, 'resourceVersion'),
    resourceVersionMatch: text(query, 'resourceVersionMatch'),
    ...(query.has('sendInitialEvents') ? { sendInitialEvents: flag(query, 'sendInitialEvents') } : {}),
    allowBookmarks: flag(query, 'allowWatchBookmarks'),
    timeoutSeconds: number(query, 'timeoutSeconds'),
  }
  setWarnings(exchange)
  const { backend, watches, watchLimits } = services
  let open: OpenWatch | undefined
  const ended = () => {
    if (open !== undefined) watches.delete(open)
  }
  open = streamWatch(backend, type, request, exchange, watchLimits, response, ended)
  if (!response.writableEnded && !response.destroyed) watches.add(open)
}

function serveObject(services: Services, target: Target, part: Part, exchange: Exchange): void {
  const { backend } = services
  const { type, namespace, name } = target
  const { request, query, body } = exchange
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      answerObject(services, exchange, 200, type, read(backend, type, namespace, name))
      return
    case 'PUT': {
      const existed = backend.store.get(type.collection, storageKey(namespace, name)) !== undefined
      const request = writing(exchange, 'UpdateOptions')
      const object = update(backend, type, namespace, name, body, part, request)
      answerObject(services, exchange, existed ? 200 : 201, type, object)
      return
    }
    case 'PATCH': {
      const { object, created } = servePatch(services, target, part, exchange)
      answerObject(services, exchange, created ? 201 : 200, type, object)
      return
    }
    case 'DELETE': {
      if (part !== '') throw methodNotAllowed()
      const { object, gone } = remove(backend, type, namespace, name, deleteRequest(query, body))
      if (gone && !RETURNED.has(type.collection)) answer(exchange, 200, deleted(target, object))
      else answerObject(services, exchange, 200, type, object)
      return
    }
    default:
      throw methodNotAllowed()
  }
}

/** Resources whose deletion is answered with the object, as it was, and not with a Status. */
const RETURNED = new Set(['services', 'pods', 'serviceaccounts', 'namespaces'])

const deleted = ({ type }: Target, { metadata }: ApiObject): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name: metadata.name,
    ...(type.group === '' ? {} : { group: type.group }),
    kind: type.plural,
    uid: metadata.uid,
  },
})

function servePatch(
  { backend }: Services,
  { type, namespace, name }: Target,
  part: Part,
  exchange: Exchange,
): { object: ApiObject; created: boolean } {
  const kind = patchKind(exchange)
  const { query } = exchange
  const request = writing(exchange, 'PatchOptions')
  if (kind !== 'apply') {
    if (query.has('force')) {
      const why = 'may not be specified for non-apply patch'
      throw invalidOptions('PatchOptions', cause.forbidden('force', why))
    }
    const object = patch(backend, type, namespace, name, exchange.body, kind, part, request)
    return { object, created: false }
  }
  if (text(query, 'fieldManager') === undefined) {
    throw invalidOptions('PatchOptions', cause.required('fieldManager', 'is required for apply patch'))
  }
  const force = flag(query, 'force')
  return apply(backend, type, namespace, name, exchange.body, part, { ...request, force })
}

function patchKind({ request }: Exchange): PatchKind {
  const given = (request.headers['content-type'] ?? '').split(';')[0]!.trim()
  const kind = PATCH_TYPES[given as keyof typeof PATCH_TYPES]
  if (kind === undefined) throw unsupportedMediaType(Object.keys(PATCH_TYPES))
  return kind
}

function serveSubresource(services: Services, target: Target, subresource: string, exchange: Exchange): void {
  const { backend, authenticator } = services
  const { type, namespace, name } = target
  const { request, body } = exchange
  if (!type.subresources.includes(subresource)) throw noSuchResource()
  if (subresource === 'status') {
    serveObject(services, target, 'status', exchange)
  } else if (subresource === 'scale') {
    serveScale(services, target, exchange)
  } else if (subresource === 'finalize' && request.method === 'PUT') {
    const object = finalizeNamespace(backend, type, name, body, writing(exchange, 'UpdateOptions'))
    answerObject(services, exchange, 200, type, object)
  } else if (request.method === 'POST') {
    const request = writing(exchange, 'CreateOptions')
    const result = act(backend, authenticator, type, namespace, name, subresource, body, request)
    answer(exchange, 201, result)
  } else throw methodNotAllowed()
}

function serveScale({ backend }: Services, { type, namespace, name }: Target, exchange: Exchange): void {
  const { request, body } = exchange
  const write = (change: (scale: ApiObject) => unknown) =>
    answer(
      exchange,
      200,
      writeScale(backend, type, namespace, name, change, writing(exchange, 'UpdateOptions')),
    )
  switch (request.method) {
    case 'GET':
      answer(exchange, 200, readScale(backend, type, namespace, name))
      return
    case 'PUT':
      write(() => body)
      return
    case 'PATCH': {
      const kind = patchKind(exchange)
      if (kind === 'apply') throw unsupportedMediaType(Object.keys(PATCH_TYPES))
      // A Scale has no lists: a strategic merge is a merge.
      write((scale) => patchValue(type, scale, body, kind === 'strategic' ? 'merge' : kind))
      return
    }
    default:
      throw methodNotAllowed()
  }
}

const writing = ({ request, query, warnings }: Exchange, options: string): WriteRequest =>
  writeRequest(query, options, request.headers['user-agent'] ?? '', warnings)

function answerObject(
  { backend }: Services,
  exchange: Exchange,
  code: number,
  type: ResourceType,
  object: ApiObject,
): void {
  answer(exchange, code, presentObject(object, type, { ...exchange, now: backend.now() }))
}

function answer(exchange: Exchange, code: number, value: JsonObject): void {
  setWarnings(exchange)
  send(exchange.response, code, value, exchange.form)
}

/** RFC 7234 5.5 with code 299, as the API server sends them. */
export function setWarnings({ response, warnings }: Exchange): void {
  const values = [...new Set(warnings)].map((one) => `299 - ${JSON.stringify(one)}`)
  if (values.length > 0 && !response.headersSent) response.setHeader('warning', values)
}
